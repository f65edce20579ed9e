// Writing a whole log from a damaged one, elsewhere: every commit that is whole goes over as it is, what is
// missing is owned up to by DAMAGE records, headers, chain and footers are made anew. The old log is only
// read. Up to the first hole the new chain is the old one, so that a mirror of the old log can go on.
//
// Nothing here makes the copy look finished: the caller writes into a place of another name, checks what
// stands there, and only then gives it its own (tools/evlog/repair.cpp).
#pragma once

#include <evbus/log/log_dir.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace log {

struct rescue_options {
    bus_id bus;
    /// Seqs up to here were given out, as manifests know: what the log lacks of them is owned up to.
    seq_t known_last = no_seq;
    unsigned dir_mode = 0700;
    unsigned file_mode = 0600;
    /// Called often with the bytes read so far; false stops. May be empty.
    std::function<bool(std::uint64_t)> go_on{};
};

struct rescue_report {
    bool stopped = false;
    std::uint64_t segments = 0;      ///< written
    std::uint64_t commits = 0;       ///< taken over as they are
    std::uint64_t mended = 0;        ///< commits taken over without some of their records
    std::uint64_t events = 0;        ///< and fragments
    std::uint64_t holes = 0;         ///< DAMAGE records written
    std::uint64_t missing = 0;       ///< seqs in them
    std::vector<seq_range> first_holes; ///< at most 100
    std::vector<std::string> left_out;  ///< files that are no part of the new log, and why; at most 100
    seq_t last = no_seq;
};

/// Copies the log in `from` to `to`, which exists and is empty. Everything is durable when it returns.
/// Throws what the system reports (errc::no_space, io, permission) and errc::wrong_version for what only a
/// newer version can read; `to` is then unfinished.
[[nodiscard]] rescue_report rescue(file_system& fs, const log_dir& from, const log_dir& to, const rescue_options& how);

} // namespace log
} // namespace v1
} // namespace evbus
