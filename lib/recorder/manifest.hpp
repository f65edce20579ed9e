// runs/RUN.json: what one recorder's life was, for the people who look for it later. Replaced whole
// at each change (tmp, sync, rename, directory sync); the log itself never depends on it.
#pragma once

#include <evbus/ids.hpp>
#include <evbus/log/anchors.hpp>
#include <evbus/log/log_dir.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace recorder {

enum class run_status : std::uint8_t {
    running,
    ended,       ///< asked to, drained and sealed
    crashed,     ///< found `running` by the next recorder
    quarantined, ///< halted because the log cannot be trusted further; see `reason`
};

[[nodiscard]] const char* to_string(run_status s) noexcept;

struct manifest {
    std::uint64_t run = 0;    ///< its id, never 0; the file is named by its 16 hex digits
    std::uint64_t parent = 0; ///< the run before on this log; 0 for the first
    run_status status = run_status::running;
    std::string reason;       ///< why it halted; empty otherwise
    std::string bus;          ///< the bus's name
    bus_id id;
    epoch_t epoch = epoch_t::none;
    std::map<std::string, std::string> config; ///< effective options, as text
    std::string config_hash;  ///< filled in by save_manifest: XXH3 of the config, 16 hex digits
    std::uint32_t pid = 0;
    std::string version;      ///< of the library
    std::int64_t started_ns = 0;
    std::int64_t ended_ns = 0;
    seq_t first_seq = no_seq; ///< first and last seq that this run wrote
    seq_t last_seq = no_seq;
    seq_t durable_seq = no_seq; ///< the last seq that was synced when this was saved
    bool knows_anchor = false;  ///< `anchor` tells; else nobody looked
    std::optional<log::anchor> anchor{}; ///< the newest one when this was saved, for the next start, which need not look for it
};

/// The id for a new run: its start time mixed with its pid; never 0.
[[nodiscard]] std::uint64_t make_run_id(std::int64_t started_ns, std::uint32_t pid) noexcept;

/// XXH3 over the sorted "key=value\n" lines, 16 hex digits.
[[nodiscard]] std::string hash_of(const std::map<std::string, std::string>& config);

[[nodiscard]] std::string manifest_name(std::uint64_t run);
[[nodiscard]] std::string to_json(const manifest& m);
/// Nothing when `text` is not a manifest.
[[nodiscard]] std::optional<manifest> parse_manifest(const std::string& text);

/// Writes runs/RUN.json: anew, or on a full disk over the one that is there. 0 or -errno.
[[nodiscard]] int save_manifest(log::file_system& fs, const log::log_dir& dir, manifest& m, unsigned mode = 0600);

struct loaded_manifests {
    std::vector<manifest> runs;            ///< by start time
    std::vector<std::string> unreadable;   ///< names of files in runs/ that are no manifest
};

/// All manifests of a log. Throws when runs/ cannot be listed; a missing one is empty.
[[nodiscard]] loaded_manifests load_manifests(log::file_system& fs, const log::log_dir& dir);

/// The greatest seq that any run tells to have been on the disk; nothing when there is no run.
[[nodiscard]] std::optional<seq_t> known_durable(const loaded_manifests& all) noexcept;

/// Marks every run that still says `running` as crashed, with the last seq the log really has when it
/// lies in that run; the caller holds the LOCK, so that none of them lives. How many were marked, or -errno.
[[nodiscard]] int mark_crashed(log::file_system& fs, const log::log_dir& dir, loaded_manifests& all,
                               seq_t log_last_seq, unsigned mode = 0600);

} // namespace recorder
} // namespace v1
} // namespace evbus
