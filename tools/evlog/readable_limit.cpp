#include "tools/evlog/readable_limit.hpp"

#include "lib/recorder/manifest.hpp"
#include "tools/cli/log_place.hpp"

#include <evbus/log/epochs.hpp>
#include <evbus/ring/clock.hpp>

#include <algorithm>
#include <filesystem>
#include <vector>

namespace evlog {
namespace {

bool is_same_place(const std::string& a, const std::string& b) {
    std::error_code none;
    return a == b || std::filesystem::equivalent(a, b, none);
}

} // namespace

readable_limit::readable_limit(std::string dir, const evbus::bus_id& id, std::optional<evbus::bus> ring)
    : dir_(std::move(dir)), id_(id), ring_(std::move(ring)) {
    if (ring_) never_syncs_ = never_syncs();
    look_for_ring();
}

void readable_limit::look_for_ring() {
    if (ring_ && ring_->is_current()) return;
    const std::int64_t now = evbus::detail::steady_ns();
    if (looked_ns_ != 0 && now - looked_ns_ < 250'000'000) return;
    looked_ns_ = now;
    ring_.reset();
    try {
        const std::vector<evbus::log::epoch_record> all = evbus::log::read_epochs(evbus::log::posix(), {dir_});
        if (all.empty() || all.back().name.empty()) return;
        std::optional<evbus::bus> there = cli::try_observe(all.back().name);
        if (!there || there->id() != id_ || !is_same_place(there->log_dir(), dir_)) return;
        ring_ = std::move(there);
        never_syncs_ = never_syncs();
    } catch (const evbus::error&) {
        // No ring that may be read: the log is what its files say.
    }
}

bool readable_limit::never_syncs() const {
    const auto runs = evbus::recorder::load_manifests(evbus::log::posix(), {dir_}).runs;
    if (runs.empty()) return false;
    const auto found = runs.back().config.find("sync");
    return found != runs.back().config.end() && found->second == "none";
}

/// A recorder that died leaves a tail that the next one may write afresh.
bool readable_limit::is_unsettled() {
    look_for_ring();
    if (!ring_ || !ring_->is_current()) return false;
    const evbus::ring::recorder_state state = ring_->frontier().state;
    return state != evbus::ring::recorder_state::none && state != evbus::ring::recorder_state::ended;
}

evbus::seq_t readable_limit::written() { return is_unsettled() ? ring_->frontier().written : evbus::max_seq; }

evbus::seq_t readable_limit::now() {
    if (!is_unsettled()) return evbus::max_seq;
    const evbus::frontiers f = ring_->frontier();
    return never_syncs_ ? f.written : f.durable;
}

} // namespace evlog
