// A small language for tests of the log: a directory of its own, what was written as a list of
// lines, and what reading gives as the same lines.
#pragma once

#include "lib/log/log.hpp"

#include <evbus/log/log_reader.hpp>

#include <doctest/doctest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace log_test {

using namespace evbus;
namespace fs = std::filesystem;

inline const bus_id test_bus{{0x1111'2222'3333'4444, 0x5555'6666'7777'8888}};
inline const bus_id other_bus{{0x9999'2222'3333'4444, 0x5555'6666'7777'8888}};

/// The bytes of a frame in a ring slot.
inline std::vector<std::byte> make_frame(std::string_view topic, std::string_view payload, bool fragment = false,
                                         std::uint16_t publisher = 7) {
    frame_header h{};
    h.word = 0xdead;
    h.topic_hash = topic_hash(topic);
    h.payload_len = static_cast<std::uint16_t>(payload.size());
    h.incarnation = 1;
    h.topic_len = static_cast<std::uint8_t>(topic.size());
    h.flags = fragment ? frame_flags::fragment : std::uint8_t{0};
    h.publisher = publisher;
    std::vector<std::byte> out(frame_bytes(fragment, 0, topic.size(), payload.size()));
    std::memcpy(out.data(), &h, sizeof h);
    std::size_t at = sizeof h;
    if (fragment) {
        const fragment_part part{static_cast<std::uint32_t>(payload.size() * 2), 0};
        std::memcpy(out.data() + at, &part, sizeof part);
        at += sizeof part;
    }
    std::memcpy(out.data() + at, topic.data(), topic.size());
    at += padded8(topic.size());
    if (!payload.empty()) std::memcpy(out.data() + at, payload.data(), payload.size());
    return out;
}

inline std::string range_text(seq_range r) { return std::to_string(r.first) + "-" + std::to_string(r.last); }

/// One entry as a line, in words that a failing test can be read by.
inline std::string line_of(const log::entry& e) {
    using log::entry_kind;
    switch (e.kind) {
    case entry_kind::frame:
        return std::to_string(e.seq()) + " " + std::string(e.frame.topic) + " " +
               std::string(reinterpret_cast<const char*>(e.frame.payload.data()), e.frame.payload.size()) + " @" +
               std::to_string(e.time_ns()) + (e.frame.is_fragment() ? " part" : "");
    case entry_kind::void_range: return "void " + range_text(e.range);
    case entry_kind::gap: return "gap " + range_text(e.range) + " " + to_string(e.cause);
    case entry_kind::skipped: return "skipped " + range_text(e.range);
    case entry_kind::member:
        return std::string(e.member.what == log::member_change::joined ? "joined " : "left ") + std::string(e.member.name);
    case entry_kind::run: return e.run.what == log::run_change::start ? "run start" : "run end";
    case entry_kind::anchor: return "anchor " + std::string(e.anchor.label);
    }
    return "?";
}

/// Reads from the reader's place to the end.
inline std::vector<std::string> drain(log::log_reader& r, seq_t limit = max_seq) {
    std::vector<std::string> out;
    log::entry e;
    log::step s;
    while ((s = r.next(e, limit)) == log::step::entry) out.push_back(line_of(e));
    if (s == log::step::failed) out.push_back("failed: " + r.failure());
    return out;
}

/// A log in a directory that goes away with the test.
class test_log {
public:
    explicit test_log(std::uint64_t segment_bytes = std::uint64_t{64} << 20) {
        // In memory where there is one: these tests are about bytes, and sync a thousand times.
        const fs::path place = fs::is_directory("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path();
        std::string name = (place / "evbus-log-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) std::abort();
        dir = name;
        options.bus = test_bus;
        options.epoch = epoch_t{1};
        options.segment_bytes = segment_bytes;
    }
    ~test_log() { fs::remove_all(dir); }
    test_log(const test_log&) = delete;
    test_log& operator=(const test_log&) = delete;

    log::log_writer& writer() {
        if (!writer_) reopen();
        return *writer_;
    }
    /// Opens for writing as after a crash: what was open is dropped unsealed.
    void reopen(log::file_system& files = log::posix()) {
        crash();
        notices.clear();
        writer_ = std::make_unique<log::log_writer>(
            log::log_writer::open(files, dir, options, [this](const notice& n) { notices.push_back(n); }));
    }
    void crash() { writer_.reset(); }
    void close() {
        if (!writer().close().ok()) std::abort();
        crash();
    }

    // What goes into the open batch; write() appends it as one write.
    test_log& event(std::string_view topic, std::string_view payload, std::int64_t ns = 0) {
        const seq_t s = next();
        ok(batch_.add_frame(s, ns, make_frame(topic, payload)));
        return *this;
    }
    test_log& fragment(std::string_view topic, std::string_view payload, std::int64_t ns = 0) {
        const seq_t s = next();
        ok(batch_.add_frame(s, ns, make_frame(topic, payload, true)));
        return *this;
    }
    test_log& voids(std::uint64_t n) {
        const seq_t s = next();
        ok(batch_.add_void({s, s + n - 1}));
        return *this;
    }
    test_log& lost(std::uint64_t n) {
        const seq_t s = next();
        ok(batch_.add_lost({s, s + n - 1}, gap_cause::recorder_lost));
        return *this;
    }
    test_log& damaged(std::uint64_t n) {
        const seq_t s = next();
        ok(batch_.add_damage({s, s + n - 1}));
        return *this;
    }
    test_log& left(std::string_view name) {
        ok(batch_.add_member({member_no{7}, 1, log::member_change::left, 42, 6, name}));
        return *this;
    }
    test_log& joined(std::string_view name) {
        ok(batch_.add_member({member_no{7}, 1, log::member_change::joined, 42, 5, name}));
        return *this;
    }
    /// The one that joined is gone, as a recorder tells it: without name and pid.
    test_log& left() {
        ok(batch_.add_member({member_no{7}, 1, log::member_change::left, 0, 9, {}}));
        return *this;
    }
    test_log& run_start() {
        ok(batch_.add_run({99, log::run_change::start, 5}));
        return *this;
    }
    test_log& anchor(std::string_view label) {
        ok(batch_.add_anchor({next(), 5, label}));
        return *this;
    }
    test_log& anchor(const log::anchor_info& a) {
        ok(batch_.add_anchor(a));
        return *this;
    }
    log::append_result try_write() {
        const log::append_result r = writer().append(batch_);
        if (r.ok()) batch_.clear();
        return r;
    }
    void write() { ok(try_write().ok()); }
    void forget_batch() { batch_.clear(); }

    // What may happen to files.
    std::vector<std::string> segments() const { return names("segments"); }
    std::vector<std::string> quarantine() const { return names("quarantine"); }
    std::string path(std::size_t segment) const { return dir + "/segments/" + segments().at(segment); }
    std::string bytes(std::size_t segment) const { return slurp(path(segment)); }
    void set_bytes(std::size_t segment, const std::string& b) const { spit(path(segment), b); }
    void truncate(std::size_t segment, std::uint64_t size) const { fs::resize_file(path(segment), size); }
    void append_bytes(std::size_t segment, const std::string& more) const { set_bytes(segment, bytes(segment) + more); }
    void flip_bit(std::size_t segment, std::uint64_t bit) const {
        std::string b = bytes(segment);
        b[bit / 8] = static_cast<char>(b[bit / 8] ^ (1 << (bit % 8)));
        set_bytes(segment, b);
    }
    void remove(std::size_t segment) const { fs::remove(path(segment)); }

    std::vector<std::string> read(seq_t from = 1, seq_t limit = max_seq) const {
        log::log_reader r(log::posix(), dir, {test_bus});
        r.seek(from);
        return drain(r, limit);
    }

    static std::string slurp(const std::string& p) {
        std::ifstream in(p, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    static void spit(const std::string& p, const std::string& b) {
        std::ofstream(p, std::ios::binary | std::ios::trunc).write(b.data(), static_cast<std::streamsize>(b.size()));
    }

    std::string dir;
    log::log_options options;
    std::vector<notice> notices;

private:
    static void ok(bool fine) {
        if (!fine) std::abort();
    }
    seq_t next() { return batch_.last() != no_seq ? batch_.last() + 1 : writer().next_seq(); }
    std::vector<std::string> names(const char* sub) const {
        std::vector<std::string> out;
        for (const auto& e : fs::directory_iterator(dir + "/" + sub))
            if (e.path().extension() != ".evidx") out.push_back(e.path().filename().string());
        std::sort(out.begin(), out.end());
        return out;
    }

    std::unique_ptr<log::log_writer> writer_;
    log::batch batch_{log::batch::least_capacity};
};

using lines = std::vector<std::string>;

} // namespace log_test

namespace doctest {
template <>
struct StringMaker<std::vector<std::string>> {
    static String convert(const std::vector<std::string>& v) {
        std::string out = "[";
        for (const std::string& s : v) out += "\n    " + s;
        return (out + "]").c_str();
    }
};
} // namespace doctest
