// Logs to ask: frames with headers and of several publishers, fragments, and all that stands between
// frames; and an account of everything that a walk with a filter gives.
#pragma once

#include "tests/log/log_fixture.hpp"

#include <evbus/log/segment_walk.hpp>
#include <evbus/log_walk.hpp>

#include <initializer_list>
#include <string>
#include <vector>

namespace log_test {

struct frame_parts {
    std::string topic;
    std::string payload;
    std::vector<header> headers{};
    std::uint16_t publisher = 7;
    std::uint32_t total = 0; ///< of an event in fragments; 0: whole
    std::uint32_t offset = 0;
};

inline std::vector<std::byte> make_frame(const frame_parts& p) {
    headers block;
    for (const header& h : p.headers) block.add(h.key, h.value);
    const std::span<const std::byte> headers_bytes = std::as_bytes(block.words());
    frame_header h{};
    h.topic_hash = topic_hash(p.topic);
    h.payload_len = static_cast<std::uint16_t>(p.payload.size());
    h.incarnation = 1;
    h.topic_len = static_cast<std::uint8_t>(p.topic.size());
    h.flags = static_cast<std::uint8_t>((p.total != 0 ? frame_flags::fragment : 0) | (headers_bytes.empty() ? 0 : frame_flags::headers));
    h.publisher = p.publisher;
    std::vector<std::byte> out(frame_bytes(p.total != 0, headers_bytes.size(), p.topic.size(), p.payload.size()));
    std::size_t at = 0;
    const auto put = [&](const void* from, std::size_t bytes) {
        if (bytes != 0) std::memcpy(out.data() + at, from, bytes);
        at += padded8(bytes);
    };
    put(&h, sizeof h);
    const fragment_part part{p.total, p.offset};
    if (p.total != 0) put(&part, sizeof part);
    put(headers_bytes.data(), headers_bytes.size());
    put(p.topic.data(), p.topic.size());
    put(p.payload.data(), p.payload.size());
    return out;
}

/// Writes what it is told, a commit when a batch is full or flush() is called.
class log_maker {
public:
    explicit log_maker(test_log& into) : into_(&into) {}
    ~log_maker() { flush(); }
    log_maker(const log_maker&) = delete;
    log_maker& operator=(const log_maker&) = delete;

    void frame(const frame_parts& p, std::int64_t ns = 0) {
        const std::vector<std::byte> bytes = make_frame(p);
        add([&] { return batch_.add_frame(next(), ns, bytes); });
    }
    void voids(std::uint64_t n) {
        add([&] { return batch_.add_void({next(), next() + n - 1}); });
    }
    void lost(std::uint64_t n) {
        add([&] { return batch_.add_lost({next(), next() + n - 1}, gap_cause::recorder_lost); });
    }
    void member(std::uint16_t number, log::member_change what) {
        add([&] { return batch_.add_member({member_no{number}, 1, what, 42, 5, "somebody"}); });
    }
    void anchor() {
        add([&] { return batch_.add_anchor({next(), 5, "here"}); });
    }
    void flush() {
        if (batch_.empty()) return;
        if (!into_->writer().append(batch_).ok()) std::abort();
        batch_.clear();
    }

private:
    template <class Add>
    void add(Add&& one) {
        if (one()) return;
        flush();
        if (!one()) std::abort();
    }
    seq_t next() { return batch_.last() != no_seq ? batch_.last() + 1 : into_->writer().next_seq(); }

    test_log* into_;
    log::batch batch_{log::batch::least_capacity};
};

/// What somebody asks for.
struct question {
    std::vector<std::string> filters{};
    std::vector<std::string> exclude{};
    std::vector<header_filter::wanted> headers{};
    seq_t from = 1;
};

/// Everything that a walk gave, and what it read for it.
struct answer {
    lines given; ///< events and gaps, in order
    tally account;
    log::read_stats read;
};

inline std::string line_of(const event& e) {
    std::string out = std::to_string(e.first_seq()) + "-" + std::to_string(e.seq()) + " " + std::string(e.topic()) + " " +
                      std::to_string(e.payload().size()) + " " + std::string(e.text().substr(0, 20)) + " @" + std::to_string(e.published());
    for (const header& h : e.headers()) out.append(" ").append(h.key).append("=").append(h.value);
    return out;
}

inline answer ask(const std::string& dir, const question& q, log::file_system& files = log::posix()) {
    answer out;
    log_walk walk(files, dir, {test_bus});
    filter_set wanted(q.filters, q.exclude);
    delivery deliver;
    walk.want_headers(header_filter(q.headers));
    if (!q.headers.empty()) deliver.pick_by_first_frames();
    const auto on_event = [&](const event& e) { out.given.push_back(line_of(e)); };
    const auto on_gap = [&](const gap& g) {
        out.given.push_back("gap " + range_text(g.range) + " " + to_string(g.cause) + " " + std::to_string(g.seqs));
    };
    seq_t next = q.from;
    log_rest rest;
    while ((rest = walk.poll(next, max_seq, wanted, deliver, on_event, on_gap, [](const auto&) {}, {})) == log_rest::limits) {}
    if (rest == log_rest::failed) out.given.push_back("failed: " + walk.log().failure());
    out.account = deliver.account();
    out.read = walk.log().stats();
    return out;
}

inline std::string text_of(const tally& t) {
    std::string out = std::to_string(t.events) + " events, " + std::to_string(t.delivered) + " delivered, " + std::to_string(t.filtered) +
                      " filtered, " + std::to_string(t.voids) + " voids, " + std::to_string(t.open) + " open, gaps";
    for (const std::uint64_t g : t.gaps) out += " " + std::to_string(g);
    return out;
}

/// Where the footer of a sealed segment begins; its size when it has none.
inline std::uint64_t footer_offset(const std::string& path) {
    const seq_t first = *log::parse_segment_name(fs::path(path).filename().string());
    log::segment_reader in;
    log::segment_footer footer;
    if (in.open(log::posix(), path, test_bus.seed()) != 0) std::abort();
    if (!footer.open(in.source(), first, test_bus.seed())) return static_cast<std::uint64_t>(in.size());
    return footer.offset();
}

/// A copy of a log whose segments have lost their footers: it is read whole.
class unindexed_copy {
public:
    explicit unindexed_copy(const test_log& of) : path_(of.dir + "/copy") {
        fs::create_directories(path_ + "/segments");
        for (const std::string& name : of.segments()) {
            fs::copy_file(of.dir + "/segments/" + name, path_ + "/segments/" + name);
            fs::resize_file(path_ + "/segments/" + name, footer_offset(path_ + "/segments/" + name));
        }
    }
    ~unindexed_copy() { fs::remove_all(path_); }
    unindexed_copy(const unindexed_copy&) = delete;
    unindexed_copy& operator=(const unindexed_copy&) = delete;
    [[nodiscard]] const std::string& dir() const { return path_; }

private:
    std::string path_;
};

/// Gives a sealed segment the footer of an index that may remember no more than `limits`.
inline void index_again(const test_log& t, std::size_t segment, const log::index_limits& limits) {
    const std::string path = t.path(segment);
    const std::uint64_t end = footer_offset(path);
    fs::resize_file(path, end);
    const seq_t first = *log::parse_segment_name(t.segments().at(segment));
    log::segment_reader in;
    if (in.open(log::posix(), path, test_bus.seed()) != 0) std::abort();
    log::segment_index index(first, limits);
    static_cast<void>(log::walk_segment(in, {test_bus.seed(), 0, 0, first}, [&](const log::commit_view& c) {
        index.note(c.header, c.body, c.offset, test_bus.seed());
    }));
    const std::vector<std::byte> footer = index.encode(end, test_bus.seed());
    t.append_bytes(segment, std::string(reinterpret_cast<const char*>(footer.data()), footer.size()));
}

} // namespace log_test
