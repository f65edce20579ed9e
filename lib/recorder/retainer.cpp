#include "lib/recorder/retainer.hpp"

#include <evbus/detail/cpu.hpp>
#include <evbus/error.hpp>

#include <fmt/format.h>

#include <chrono>
#include <cstring>
#include <exception>
#include <utility>

namespace evbus {
inline namespace v1 {
namespace recorder {
namespace {

/// Age goes on and others fill the disk also while nothing is rolled.
constexpr std::chrono::seconds between_passes{10};
/// With less than this, recovery and manifest may find no space.
constexpr std::uint64_t least_to_start_bytes = std::uint64_t{16} << 20;

} // namespace

void retainer::start() {
    if (how_.keep.any()) thread_ = std::thread([this] { run(); });
}

void retainer::make_room_to_start() {
    log::space_info space;
    if (how_.keep.any() && fs_.space(dir_.root, space) == 0 && space.free_bytes < least_to_start_bytes) (void)pass();
}

void retainer::anchored(const std::optional<log::anchor>& newest) {
    const std::lock_guard guard(mutex_);
    knows_anchor_ = true;
    anchor_ = newest ? std::optional(log::pin_of(*newest)) : std::nullopt;
}

void retainer::rolled() noexcept {
    {
        const std::lock_guard guard(mutex_);
        ++asked_;
    }
    news_.notify_all();
}

bool retainer::make_room() noexcept {
    std::unique_lock lock(mutex_);
    if (!thread_.joinable() || stop_) return false;
    const std::uint64_t mine = ++asked_;
    news_.notify_all();
    news_.wait(lock, [&] { return done_ >= mine || stop_; });
    return std::exchange(deleted_seen_, deleted_) != deleted_;
}

void retainer::stop() noexcept {
    {
        const std::lock_guard guard(mutex_);
        stop_ = true;
    }
    news_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void retainer::run() {
    std::unique_lock lock(mutex_);
    while (!stop_) {
        const std::uint64_t asked = asked_;
        lock.unlock();
        const std::uint64_t segments = pass();
        lock.lock();
        done_ = asked;
        deleted_ += segments;
        news_.notify_all();
        news_.wait_for(lock, between_passes, [&] { return stop_ || asked_ != done_; });
    }
}

log::retention_plan retainer::make_plan() {
    log::retention_scene scene;
    scene.now_ns = detail::wall_ns();
    if (const int r = fs_.space(dir_.root, scene.space); r < 0) detail::throw_errno(-r, "look at the disk's space", dir_.root);
    scene.size_when_crowded = size_when_crowded_;
    const auto times = how_.keep.age ? log::time_wanted::until(scene.now_ns - how_.keep.age->count()) : log::time_wanted::of_none();
    std::vector<log::stored_segment> segments = log::list_stored(fs_, dir_, times);
    if (!segments.empty() && segments.back().bytes < how_.segment_bytes)
        scene.to_come_bytes = how_.segment_bytes - segments.back().bytes;
    return log::plan(std::move(segments), how_.keep, scene, pins());
}

std::vector<log::retention_pin> retainer::pins() {
    std::unique_lock lock(mutex_);
    if (!knows_anchor_) {
        lock.unlock();
        return log::pins_of(fs_, dir_, bus_);
    }
    const std::optional<log::retention_pin> anchor = anchor_;
    lock.unlock();
    std::vector<log::retention_pin> all = log::pins_of_cursors(fs_, dir_, bus_);
    if (anchor) all.push_back(*anchor);
    return all;
}

/// How many segments went. Never throws: what cannot be done is told, and tried again at the next pass.
std::uint64_t retainer::pass() noexcept try {
    const log::retention_plan p = make_plan();
    const log::retention_result r = log::execute(fs_, dir_, p, &stop_);
    if (r.segments != 0) tell_deleted(r, p);
    size_when_crowded_ = p.crowded ? std::optional(size_when_crowded_.value_or(p.bytes)) : std::nullopt;
    tell_trouble(p);
    if (r.os_error == 0) said_failed_.clear();
    else complain(said_failed_, r.failed, fmt::format("the log cannot be kept within its limits: {} cannot be deleted ({})", r.failed, std::strerror(r.os_error)));
    return r.segments;
} catch (const std::exception& e) {
    try {
        complain(said_failed_, e.what(), fmt::format("the log cannot be kept within its limits now: {}", e.what()));
    } catch (const std::exception&) { // no memory even for words
    }
    return 0;
}

void retainer::tell_deleted(const log::retention_result& r, const log::retention_plan& p) const {
    if (how_.on_deleted)
        how_.on_deleted(fmt::format("retention: seqs {} to {} deleted ({} segment{}, {} bytes): {}", r.seqs.first, r.seqs.last, r.segments,
                                    r.segments == 1 ? "" : "s", r.bytes, to_string(p.segments[p.going - 1].reason)));
}

void retainer::tell_trouble(const log::retention_plan& p) {
    if (const log::planned_segment* const held = p.held())
        complain(said_held_, held->pin,
                 fmt::format("the log takes more than it may ({}), but seqs from {} on are needed by {}: {}, or delete all the same "
                             "(evlog retain --force)",
                             to_string(held->reason), held->segment.first, held->pin, log::way_out_of(held->pin_kind)));
    else said_held_.clear();
    if (p.crowded)
        complain(said_crowded_, "crowded",
                 fmt::format("too little space is free on the disk of {}, and all old segments together would not make up for it: something "
                             "else fills the disk. The log keeps its {} bytes and grows no further", dir_.root, *size_when_crowded_));
    else said_crowded_.clear();
}

/// Once, until it is over or about something else.
void retainer::complain(std::string& said, const std::string& about, const std::string& text) const {
    if (said == about) return;
    said = about;
    if (how_.on_notice) how_.on_notice({notice_kind::degraded, text});
}

} // namespace recorder
} // namespace v1
} // namespace evbus
