// A stream of a log as an importer meets it: parts that are whole, damaged, repeated, cut, in any order, with
// checksums that fit. Whatever comes, what an importer calls durable reads back, and goes on.
#include "tests/fuzz/input.hpp"

#include "lib/link/session.hpp"

#include <evbus/error.hpp>
#include <evbus/log/batch.hpp>
#include <evbus/log/log_reader.hpp>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include <unistd.h>

using namespace evbus;
using fuzz::require;

namespace {

const bus_id test_bus{{0x1111'2222'3333'4444, 0x5555'6666'7777'8888}};

/// A directory in memory, gone with the process; emptied for each input.
class scratch {
public:
    scratch() : dir_("/dev/shm/" + fuzz::name_prefix() + "import-" + std::to_string(::getpid())) {}
    ~scratch() { clear(); }
    const std::string& clear() {
        std::error_code ignored;
        std::filesystem::remove_all(dir_, ignored);
        return dir_;
    }

private:
    std::string dir_;
};

class memory_source final : public link::byte_source {
public:
    explicit memory_source(std::span<const std::byte> bytes) : rest_(bytes) {}
    link::heard read(std::span<std::byte> to, std::size_t& got, int) override {
        got = std::min(to.size(), rest_.size());
        std::copy_n(rest_.begin(), got, to.begin());
        rest_ = rest_.subspan(got);
        return got == 0 ? link::heard::end : link::heard::bytes;
    }
    std::string name() const override { return "input"; }

private:
    std::span<const std::byte> rest_;
};

/// Parts as the input chooses them; checksums are made right unless it wants them wrong.
link::byte_buffer stream_from(fuzz::input& in) {
    link::byte_buffer out;
    log::chain_state state{test_bus.seed(), 0, 0, 1};
    link::stream_header h{};
    h.flags = in.byte() & 1;
    h.bus_id[0] = test_bus.words[0];
    h.bus_id[1] = test_bus.words[1] + (in.byte() == 255 ? 1 : 0);
    h.first_seq = state.next = 1 + in.byte() % 8;
    h.previous_chain = state.next == 1 ? 0 : in.byte();
    state.chain = h.previous_chain;
    link::append_header(out, h);
    while (!in.empty()) {
        switch (in.byte() % 8) {
        case 0: { // a segment
            log::segment_header s{};
            s.magic = log::segment_magic;
            s.version = log_format_version;
            s.header_bytes = sizeof s;
            s.bus_id[0] = h.bus_id[0];
            s.bus_id[1] = h.bus_id[1];
            s.epoch = in.byte() % 3;
            s.first_seq = in.byte() % 4 == 0 ? in.number<std::uint16_t>() + 1u : state.next;
            s.previous_chain = state.chain;
            s.checksum = log::checksum_of(s, test_bus.seed());
            link::append_segment(out, s);
            break;
        }
        case 1:
        case 2:
        case 3: { // a commit of any records
            const std::span<const std::uint8_t> raw = in.stretch();
            link::byte_buffer body(padded8(raw.size()));
            std::copy_n(reinterpret_cast<const std::byte*>(raw.data()), raw.size(), body.begin());
            log::commit_header c{};
            c.magic = log::commit_magic;
            c.version = static_cast<std::uint16_t>(log_format_version);
            c.stored_bytes = c.raw_bytes = static_cast<std::uint32_t>(body.size());
            c.first_seq = state.next + (in.byte() == 1 ? 1 : 0);
            c.last_seq = c.first_seq - 1 + in.byte() % 4;
            c.previous_chain = in.byte() == 1 ? 77 : state.chain;
            c.codec = in.byte() == 1 ? 1 : 0;
            c.body_hash = c.stored_checksum = evbus::detail::xxh3(body.data(), body.size(), test_bus.seed());
            c.header_checksum = log::header_checksum(c, test_bus.seed());
            state = log::state_after(c, test_bus.seed());
            link::append_commit(out, c, body);
            break;
        }
        case 4: { // any mark
            link::stream_mark m = link::blank_mark(static_cast<link::mark_kind>(in.byte() % 9));
            m.first = in.byte() % 4 == 0 ? in.word() : state.next;
            m.last = in.byte() % 4 == 0 ? in.word() : m.first + in.byte() % 4 - 1;
            if (m.kind == static_cast<std::uint32_t>(link::mark_kind::hole) && m.first == state.next) state.next = m.last + 1;
            m.chain = state.chain;
            const std::span<const std::uint8_t> text = in.stretch();
            link::append_mark(out, m, test_bus.seed(), {reinterpret_cast<const char*>(text.data()), text.size()});
            break;
        }
        case 5: { // the end
            link::stream_mark m = link::blank_mark(link::mark_kind::end);
            m.last = state.next - 1;
            m.chain = state.chain;
            link::append_mark(out, m, test_bus.seed());
            break;
        }
        case 6: { // bytes of the input itself
            const std::span<const std::uint8_t> raw = in.stretch();
            link::append_bytes(out, raw.data(), raw.size() / 8 * 8);
            break;
        }
        case 7: // one byte goes wrong
            out[in.number<std::uint16_t>() % out.size()] ^= static_cast<std::byte>(1 + in.byte() % 255);
            break;
        }
    }
    return out;
}

/// True when the stream was whole.
bool import(const std::string& dir, std::span<const std::byte> stream) {
    try {
        link::importer to(log::posix(), dir);
        seq_t durable = no_seq;
        bool whole = false;
        try {
            memory_source from(stream);
            whole = link::import_stream(from, to, {}) == link::ending::whole;
        } catch (const error& e) {
            require(*e.what() != '\0', "a refusal has words");
        }
        durable = to.durable();
        if (durable != no_seq && !to.log().empty() && durable >= to.log().first_seq()) {
            log::log_reader back(log::posix(), dir, {to.log().bus()});
            log::entry e;
            for (log::step s; (s = back.next(e, durable)) != log::step::end;) require(s == log::step::entry, "what is durable reads back");
            require(back.position() > durable, "every durable seq is there, as an event or a gap");
        }
        return whole;
    } catch (const error& e) {
        require(e.kind() != errc::io, "the file system was not asked for nonsense");
        return false;
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static scratch place;
    const std::string& dir = place.clear();
    fuzz::input in(data, size);
    const link::byte_buffer stream = stream_from(in);
    const bool whole = import(dir, stream);
    const bool again = import(dir, stream);
    require(!whole || again, "a stream that was taken is taken again");
    // Half of it first makes no difference.
    place.clear();
    (void)import(dir, std::span(stream).first(stream.size() / 2));
    require(!whole || import(dir, stream), "what was cut off is completed by the whole");
    return 0;
}

std::vector<fuzz::bytes> fuzz::seeds() {
    const auto begin = [] { return writer().byte(0).byte(0).byte(0); };
    const auto commit = [](writer& w, std::string_view text, int seqs) -> writer& {
        return w.byte(1).stretch(text).byte(0).byte(static_cast<std::uint64_t>(seqs)).byte(0).byte(0);
    };
    writer whole = begin();
    whole.byte(0).byte(0).byte(1);
    commit(commit(whole, "", 2), "0123456789abcdef", 1).byte(5);
    writer holes = begin();
    holes.byte(0).byte(0).byte(1);
    commit(holes, "", 1).byte(4).byte(1).byte(1).byte(1).byte(3).stretch("");
    commit(holes, "", 2).byte(5);
    writer damaged = begin();
    damaged.byte(0).byte(0).byte(1);
    commit(damaged, "x", 1).byte(7).half(300).byte(1).byte(5);
    return {whole.done(), holes.done(), damaged.done(), begin().byte(4).byte(6).byte(1).byte(1).byte(0).stretch("no").done(), begin().byte(6).stretch("GET / HTTP").done()};
}
