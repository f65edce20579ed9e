#include "tests/fuzz/small_log.hpp"

#include "tests/fuzz/target.hpp"

#include "lib/log/compress.hpp"
#include "lib/log/log.hpp"

#include <evbus/frame.hpp>
#include <evbus/headers.hpp>
#include <evbus/topic.hpp>

#include <array>

namespace fuzz {

using namespace evbus;

namespace {

std::vector<std::byte> frame(std::string_view text, std::string_view payload, std::span<const std::byte> block, bool part) {
    const topic to(text);
    frame_header h{};
    h.topic_hash = to.hash();
    h.payload_len = static_cast<std::uint16_t>(payload.size());
    h.incarnation = 1;
    h.topic_len = static_cast<std::uint8_t>(text.size());
    h.flags = static_cast<std::uint8_t>((block.empty() ? 0 : frame_flags::headers) | (part ? frame_flags::fragment : 0));
    h.publisher = 7;
    std::vector<std::byte> out(frame_bytes(part, block.size(), text.size(), payload.size()));
    std::byte* at = out.data();
    const auto put = [&at](const void* from, std::size_t size) {
        if (size != 0) std::memcpy(at, from, size);
        at += padded8(size);
    };
    const fragment_part all{static_cast<std::uint32_t>(2 * payload.size()), 0};
    put(&h, sizeof h);
    if (part) put(&all, sizeof all);
    put(block.data(), block.size());
    put(text.data(), text.size());
    put(payload.data(), payload.size());
    return out;
}

/// Three commits, the last of them with a seq for each kind of record that has one.
void write_some(elog::log_writer& out, elog::batch& b) {
    const headers some{{"type", "t"}, {"own-key", "v"}};
    const std::span<const std::byte> block = std::as_bytes(some.words());
    seq_t next = out.next_seq();
    for (int i = 0; i < 3; ++i) {
        b.clear();
        require(b.add_run({99, elog::run_change::start, 5}), "a record goes into an empty batch");
        require(b.add_member({member_no{7}, 1, elog::member_change::joined, 42, 5, "gateway"}), "so does a second one");
        for (const char* text : {"a.b", "a.c", "web.get"}) {
            require(b.add_frame(next, 1000 + i, frame(text, "payload of some length", i == 1 ? block : std::span<const std::byte>{}, false)), "and");
            ++next;
        }
        require(b.add_frame(next, 0, frame("large", "first half", {}, true)) && b.add_void({next + 1, next + 3}) &&
                    b.add_lost({next + 4, next + 5}, gap_cause::recorder_lost) && b.add_damage({next + 6, next + 6}) &&
                    b.add_damage_note({1, 2}) && b.add_anchor({next + 7, 5, "an anchor"}),
                "and");
        next += 7;
        require(out.append(b).ok(), "a small log is written");
    }
}

void set_time(std::string& segment) {
    elog::segment_header h;
    std::memcpy(&h, segment.data(), sizeof h);
    h.created_ns = 1;
    h.checksum = elog::checksum_of(h, log_bus.seed());
    std::memcpy(segment.data(), &h, sizeof h);
}

struct made {
    std::array<std::string, 3> first;
    std::string next;
    seq_t next_first = 0;

    made() {
        memory_files files;
        elog::log_options o;
        o.bus = log_bus;
        o.epoch = epoch_t{1};
        elog::batch b(elog::batch::least_capacity);
        const std::string path = elog::segment_path(log_place, 1);
        {
            elog::log_writer out = elog::log_writer::open(files, log_place.root, o);
            write_some(out, b);
            first[1] = files[path];
            require(out.close().ok(), "a small log is sealed");
            first[0] = files[path];
            write_some(out, b);
            next_first = out.segment_first();
            next = files[elog::segment_path(log_place, next_first)];
        }
        elog::compress_options any;
        any.worth = 2;
        require(elog::compress_segment(files, log_place, 1, any).outcome == elog::compress_outcome::compressed,
                "a small segment is compressed");
        first[2] = files[path];
        for (std::string& s : first) set_time(s);
        set_time(next);
    }
};

const made& all() {
    static const made once;
    return once;
}

template <class T>
bool load(const std::string& from, std::uint64_t at, T& out) {
    if (at > from.size() || from.size() - at < sizeof out) return false;
    std::memcpy(&out, from.data() + at, sizeof out);
    return true;
}
template <class T>
void store(std::string& to, std::uint64_t at, const T& what) {
    std::memcpy(to.data() + at, &what, sizeof what);
}
std::uint64_t sum_of(const std::string& of, std::uint64_t at, std::uint64_t size) {
    return evbus::detail::xxh3(of.data() + at, static_cast<std::size_t>(size), log_bus.seed());
}

void vouch_for_commits(std::string& s) {
    elog::commit_header h;
    for (std::uint64_t at = sizeof(elog::segment_header); load(s, at, h) && h.magic == elog::commit_magic; at += sizeof h + h.stored_bytes) {
        const std::uint64_t body = at + sizeof h;
        if (h.stored_bytes > s.size() - body) return;
        h.stored_checksum = sum_of(s, body, h.stored_bytes);
        if (h.codec == 0) h.body_hash = h.stored_checksum;
        h.place = at;
        h.header_checksum = elog::header_checksum(h, log_bus.seed());
        store(s, at, h);
    }
}

void vouch_for_section(std::string& s, std::uint64_t footer, elog::section_entry& e) {
    const std::uint64_t body = footer + e.at;
    if (e.at > s.size() || body > s.size() || e.bytes > s.size() - body) return;
    const std::uint64_t checks = body + ((e.bytes + 7) & ~std::uint64_t{7});
    const std::uint64_t pieces = (e.bytes + elog::section_piece_bytes - 1) / elog::section_piece_bytes;
    if (checks > s.size() || pieces * 8 > s.size() - checks) return;
    for (std::uint64_t i = 0; i < pieces; ++i) {
        const std::uint64_t from = i * elog::section_piece_bytes;
        store(s, checks + i * 8, sum_of(s, body + from, std::min<std::uint64_t>(elog::section_piece_bytes, e.bytes - from)));
    }
    e.checksum = sum_of(s, checks, pieces * 8);
}

void vouch_for_footer(std::string& s) {
    elog::footer_tail tail;
    elog::footer_header head;
    if (s.size() < sizeof tail) return;
    const std::uint64_t tail_at = s.size() - sizeof tail;
    (void)load(s, tail_at, tail);
    if (tail.sections > elog::max_sections || tail.sections * sizeof(elog::section_entry) > tail_at) return;
    const std::uint64_t directory = tail_at - tail.sections * sizeof(elog::section_entry);
    for (std::uint32_t i = 0; i < tail.sections; ++i) {
        elog::section_entry e;
        (void)load(s, directory + i * sizeof e, e);
        if (tail.footer_offset <= s.size()) vouch_for_section(s, tail.footer_offset, e);
        store(s, directory + i * sizeof e, e);
    }
    tail.directory = sum_of(s, directory, tail_at - directory);
    tail.checksum = elog::checksum_of(tail, log_bus.seed());
    store(s, tail_at, tail);
    if (!load(s, tail.footer_offset, head)) return;
    head.checksum = elog::checksum_of(head, log_bus.seed());
    store(s, tail.footer_offset, head);
}

} // namespace

const std::string& whole_segment(segment_kind kind) { return all().first[static_cast<std::size_t>(kind) % 3]; }
const std::string& next_segment() { return all().next; }
seq_t next_first() { return all().next_first; }

void vouch(std::string& s) {
    elog::segment_header h;
    if (load(s, 0, h)) {
        h.checksum = elog::checksum_of(h, elog::bus_of(h).seed());
        store(s, 0, h);
    }
    vouch_for_footer(s);
    vouch_for_commits(s); // last: what looks like both is a commit to a reader
}

} // namespace fuzz
