// A log to compress: two sealed segments with records of every kind, and an open one.
#pragma once

#include "tests/log/log_fixture.hpp"

#include "lib/log/compress.hpp"

#include <memory>
#include <set>
#include <string>

namespace log_test {

using log::compress_outcome;

/// A payload of words, as logs have them.
inline std::string words(int i) {
    return "level=info status=" + std::to_string(i % 7) + " path=/srv/data/item message=\"request finished\" n=" +
           std::to_string(i);
}

inline void fill(test_log& t) {
    static const lines topics{"a.b", "a.bc", "a.d"};
    for (int i = 0; t.writer().rolls() < 2; ++i) {
        t.run_start().joined("publisher").voids(3).lost(2).anchor("day " + std::to_string(i));
        for (int n = 0; n < 10; ++n) t.event(topics[static_cast<std::size_t>(n) % 3], words(n), n == 5 ? 0 : 300 + i);
        t.fragment(topics[0], words(i), 200 + i);
        t.write();
    }
}

/// Two sealed segments and an open one, closed as by a crash.
inline std::unique_ptr<test_log> log_of_three() {
    auto t = std::make_unique<test_log>(8 * 1024);
    fill(*t);
    t->crash();
    REQUIRE(t->segments().size() == 3);
    return t;
}

inline seq_t first_of(const test_log& t, std::size_t segment) { return *log::parse_segment_name(t.segments().at(segment)); }

inline log::compress_result compress(const test_log& t, std::size_t segment, log::file_system& files = log::posix(),
                                     const log::compress_options& options = {}) {
    return log::compress_segment(files, {t.dir}, first_of(t, segment), options);
}

/// What a scan of every commit finds amiss, in one line; empty when nothing.
inline std::string amiss(const test_log& t) {
    const log::log_state s = log::scan(log::posix(), {t.dir}, test_bus, log::scan_depth::all);
    std::string out;
    if (!s.holes.empty()) out += std::to_string(s.holes.size()) + " holes ";
    if (s.chain_breaks != 0) out += std::to_string(s.chain_breaks) + " breaks ";
    if (s.fork) out += "fork ";
    if (s.refused) out += *s.refused;
    return out;
}

} // namespace log_test
