// A log, the stream that it makes, and logs that take it: all in memory but for the logs.
#pragma once

#include "lib/link/exporter.hpp"
#include "lib/link/importer.hpp"
#include "lib/link/session.hpp"
#include "tests/log/log_fixture.hpp"

#include <evbus/error.hpp>

#include <algorithm>
#include <string>

namespace link_test {

using namespace log_test;
using evbus::link::import_counts;
using evbus::link::importer;

class string_source final : public evbus::link::byte_source {
public:
    explicit string_source(std::string_view bytes, std::size_t piece = 4096) : rest_(bytes), piece_(piece) {}
    evbus::link::heard read(std::span<std::byte> to, std::size_t& got, int) override {
        got = std::min({to.size(), rest_.size(), piece_});
        if (got == 0) return evbus::link::heard::end;
        std::memcpy(to.data(), rest_.data(), got);
        rest_.remove_prefix(got);
        return evbus::link::heard::bytes;
    }
    std::string name() const override { return "the test's bytes"; }

private:
    std::string_view rest_;
    std::size_t piece_;
};

class string_sink final : public evbus::link::byte_sink {
public:
    bool write(std::span<const std::byte> bytes) override {
        text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        return true;
    }
    std::string text;
};

/// The stream of a log, or of a part of it.
inline std::string stream_of(const std::string& dir, evbus::link::export_options how = {}, evbus::link::export_counts* counts = nullptr) {
    how.wait = [](int) { return true; };
    string_sink out;
    evbus::link::exporter from(log::posix(), dir, test_bus, how);
    if (!from.run(out)) std::abort();
    if (counts != nullptr) *counts = from.counts();
    return out.text;
}

struct imported {
    std::string error; ///< empty: the stream was whole
    errc kind{};
    import_counts counts{};
    seq_t next = 1;
    seq_t durable = no_seq;
};

/// Feeds `stream` to the log in `dir`.
inline imported import(const std::string& dir, std::string_view stream, log::file_system& files = log::posix(),
                       std::uint64_t sync_bytes = std::uint64_t{16} << 20, std::size_t piece = 4096) {
    imported out;
    std::unique_ptr<importer> to;
    try {
        evbus::link::copy_options how;
        how.sync_bytes = sync_bytes;
        to = std::make_unique<importer>(files, dir, how);
        string_source from(stream, piece);
        if (evbus::link::import_stream(from, *to, {}) != evbus::link::ending::whole) std::abort();
    } catch (const evbus::error& e) {
        out.error = e.what();
        out.kind = e.kind();
    }
    if (to) {
        out.counts = to->counts();
        out.next = to->next_seq();
        out.durable = to->durable();
    }
    return out;
}

/// What one reads in the log in `dir`, as lines.
inline lines read_log(const std::string& dir, seq_t from = 1) {
    if (!log::is_log_dir(log::posix(), {dir})) return {};
    log::log_reader r(log::posix(), dir, {test_bus});
    r.seek(from);
    return drain(r);
}

/// The files of two logs' segments, byte for byte.
inline bool same_segments(const std::string& a, const std::string& b) {
    std::vector<std::string> all;
    for (const std::string& dir : {a, b})
        for (const auto& e : fs::directory_iterator(dir + "/segments"))
            if (e.path().extension() == ".evseg") all.push_back(e.path().filename().string());
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return std::all_of(all.begin(), all.end(), [&](const std::string& name) {
        return test_log::slurp(a + "/segments/" + name) == test_log::slurp(b + "/segments/" + name);
    });
}

/// A directory of its own for a copy.
struct place : test_log {
    place() { fs::remove_all(dir); }
};

/// A log with everything in it, in several segments, the last one still open.
inline void fill(test_log& t, int rounds = 3) {
    for (int i = 0; i < rounds; ++i) {
        t.run_start().joined("gateway").write();
        t.event("a.b", "first " + std::to_string(i), 1000 + i).event("a.c", "second", 2000 + i).write();
        t.voids(3).lost(2).anchor("here").write();
        t.fragment("big", std::string(200, 'x'), 3000 + i).write();
        t.event("a.b", std::string(300, 'y'), 4000 + i).write();
        t.run_start().write();
    }
}

} // namespace link_test
