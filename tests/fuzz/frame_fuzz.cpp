// One frame of arbitrary bytes: parse_frame, the headers block, topics and filters, and fragments joined by a
// delivery. The bytes lie in a block of their own size, so that a sanitizer sees every read past them.
#include "tests/fuzz/input.hpp"

#include <evbus/delivery.hpp>
#include <evbus/error.hpp>
#include <evbus/filter.hpp>
#include <evbus/frame.hpp>
#include <evbus/headers.hpp>

#include <memory>
#include <string>

using namespace evbus;
using fuzz::require;

namespace {

std::string text_of(std::span<const std::uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

bool is_inside(const void* part, std::size_t bytes, std::span<const std::byte> whole) {
    const auto* at = static_cast<const std::byte*>(part);
    return bytes == 0 || (at >= whole.data() && bytes <= whole.size() && at <= whole.data() + (whole.size() - bytes));
}

void look_at_headers(std::span<const std::byte> block) {
    const headers_view view(block);
    std::size_t entries = 0;
    for (const header& h : view) {
        require(is_inside(h.value.data(), h.value.size(), block), "a header's value lies in its block");
        ++entries;
    }
    require(entries <= block.size() / sizeof(detail::header_entry_prefix),
            "a block holds no more headers than it has room for");
    (void)view.find(header_key::correlation_id);
    (void)view.find("other");
    (void)view.origin_time();
    // A block that is whole can be taken apart and built again, unless a known key was spelled out in it.
    if (!view.is_whole() || block.empty() || block.size() > max_headers_block) return;
    headers again;
    for (const header& h : view) again.add(h.key, h.value);
    std::size_t n = 0;
    for (const header& h : again.view()) require(!h.key.empty() && ++n != 0, "a header that was added is there");
    require(n == entries, "as many headers as were added");
}

void look_at_topic(const frame_view& f, filter_set& remembering, const filter_set& plain) {
    const topic_verdict first = remembering.judge(f.header.topic_hash, f.topic);
    require(remembering.judge(f.header.topic_hash, f.topic) == first, "a filter says the same twice");
    filter_set forgetful = plain.include().empty() ? filter_set() : [&] {
        std::vector<std::string> in, out;
        for (const filter& p : plain.include()) in.push_back(p.pattern());
        for (const filter& p : plain.exclude()) out.push_back(p.pattern());
        return filter_set(in, out);
    }();
    require(forgetful.judge(f.header.topic_hash, f.topic) == first,
            "a filter that remembers says what one says that does not");
    if (first == topic_verdict::accepted)
        require(forgetful.by_hash(f.header.topic_hash) != hash_verdict::rejected,
                "what the topic passes, its hash passes");
}

class fragments {
public:
    void add(const frame_view& f) {
        deliver_.frame(
            ++seq_, f, f.header.published, [&](const event& e) { count(e); }, [](const gap&) {});
        check();
    }
    void lose() {
        deliver_.gap({seq_ + 1, seq_ + 1}, gap_cause::overwritten, [](const gap&) {});
        ++seq_;
        check();
    }
    void end_all() {
        for (const publisher_id& who : deliver_.open_publishers()) deliver_.publisher_ended(who, [](const gap&) {});
        check();
        require(deliver_.account().open == 0, "nothing stays open when all publishers have ended");
    }

private:
    void count(const event& e) {
        require(e.payload().size() <= max_event_bytes, "an event is no larger than any may be");
    }
    void check() const { require(deliver_.account().walked() == seq_, "every seq is accounted for"); }
    delivery deliver_{std::size_t{64} << 10};
    seq_t seq_ = 0;
};

frame_view whole_frame(std::span<const std::byte> bytes) {
    frame_view f;
    if (parse_frame(bytes, f, topic_check::trusted) != frame_fault::none) return {};
    require(is_inside(f.topic.data(), f.topic.size(), bytes) && is_inside(f.payload.data(), f.payload.size(), bytes) &&
                is_inside(f.headers_block.data(), f.headers_block.size(), bytes),
            "every part lies in the frame");
    require(frame_bytes(f) <= bytes.size(), "a frame is no longer than its bytes");
    require(f.offset + f.payload.size() <= f.total || !f.is_fragment(), "a fragment lies in its event");
    look_at_headers(f.headers_block);
    frame_view strict;
    if (parse_frame(bytes, strict) == frame_fault::none) {
        require(check_topic(strict.topic) == topic_fault::none, "a frame that passed has a topic that may be");
        require(topic(strict.topic).hash() == strict.header.topic_hash, "and its hash");
    }
    return f;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::input in(data, size);
    // [filter] [excluded] then frames: {how, stretch or the rest}
    filter_set wanted;
    try {
        const std::string include = text_of(in.stretch()), exclude = text_of(in.stretch());
        wanted = filter_set(include.empty() ? std::vector<std::string>{} : std::vector{include},
                            exclude.empty() ? std::vector<std::string>{} : std::vector{exclude});
        (void)wanted.matches("a.b");
    } catch (const error& e) {
        require(e.kind() == errc::bad_filter, "a filter is refused as one");
    }
    filter_set remembering = wanted.include().empty() ? filter_set() : std::move(wanted);
    const filter_set plain = [&] {
        std::vector<std::string> i, x;
        for (const filter& p : remembering.include()) i.push_back(p.pattern());
        for (const filter& p : remembering.exclude()) x.push_back(p.pattern());
        return filter_set(i, x);
    }();
    remembering.remember();
    fragments joined;
    while (!in.empty()) {
        const std::uint8_t how = in.byte();
        if (how == 0xff) {
            joined.lose();
            continue;
        }
        const std::span<const std::uint8_t> raw = (how & 1) != 0 ? in.stretch() : in.all();
        const std::size_t words = raw.size() / 8;
        const std::unique_ptr<std::uint64_t[]> aligned(new std::uint64_t[words]);
        std::memcpy(aligned.get(), raw.data(), words * 8);
        const std::span<const std::byte> bytes = std::as_bytes(std::span(aligned.get(), words));
        look_at_headers(bytes);
        frame_view f = whole_frame(bytes);
        if (f.topic.empty()) continue;
        if ((how & 2) != 0) f.header.topic_hash = topic_hash(f.topic); // what lies behind the hash is reached too
        look_at_topic(f, remembering, plain);
        joined.add(f);
    }
    joined.end_all();
    return 0;
}

namespace {

fuzz::bytes frame_of(std::string_view topic_text, std::string_view payload, std::span<const std::byte> block,
                     fragment_part part) {
    const topic to(topic_text);
    frame_header h{};
    h.topic_hash = to.hash();
    h.published = 1'700'000'000'000'000'000;
    h.payload_len = static_cast<std::uint16_t>(payload.size());
    h.incarnation = 1;
    h.topic_len = static_cast<std::uint8_t>(topic_text.size());
    h.flags = static_cast<std::uint8_t>((block.empty() ? 0 : frame_flags::headers) |
                                        (part.total != 0 ? frame_flags::fragment : 0));
    h.publisher = 3;
    fuzz::bytes out(frame_bytes(part.total != 0, block.size(), topic_text.size(), payload.size()));
    std::uint8_t* at = out.data();
    const auto put = [&](const void* from, std::size_t bytes) {
        if (bytes != 0) std::memcpy(at, from, bytes);
        at += padded8(bytes);
    };
    put(&h, sizeof h);
    if (part.total != 0) put(&part, sizeof part);
    put(block.data(), block.size());
    put(topic_text.data(), topic_text.size());
    put(payload.data(), payload.size());
    return out;
}

} // namespace

std::vector<fuzz::bytes> fuzz::seeds() {
    const headers some{{"type", "t"}, {"own-key", "v"}, {"origin-time", "1700000000000000000"}};
    const std::span<const std::byte> block = std::as_bytes(some.words());
    const auto begin = [](std::string_view include, std::string_view exclude) {
        return writer().stretch(include).stretch(exclude);
    };
    return {
        begin("", "").byte(0).append(frame_of("a.b", "hello", {}, {})).done(),
        begin("a.*", "a.c")
            .byte(1)
            .stretch(frame_of("a.b", "hello", block, {}))
            .byte(1)
            .stretch(frame_of("a.c", "x", {}, {}))
            .done(),
        begin(">", "")
            .byte(3)
            .stretch(frame_of("a", "12345678", block, {20, 0}))
            .byte(1)
            .stretch(frame_of("a", "12345678", {}, {20, 8}))
            .byte(1)
            .stretch(frame_of("a", "1234", {}, {20, 16}))
            .done(),
        begin("a.b.c.d", "")
            .byte(1)
            .stretch(frame_of("a", "12345678", {}, {20, 0}))
            .byte(0xff)
            .byte(1)
            .stretch(frame_of("a", "1234", {}, {20, 16}))
            .byte(2)
            .append(frame_of("$bus.anchor", "", {}, {}))
            .done(),
        begin("*.>", "\xc3\xa4.>").byte(3).stretch(frame_of("\xc3\xa4.b", std::string(100, 'x'), {}, {})).done(),
    };
}
