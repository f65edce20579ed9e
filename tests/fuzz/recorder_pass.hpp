// A recorder's capture over a ring as it is: everything there is, once, as when a recorder is told to stop. What it
// captured goes nowhere.
#pragma once

#include "tests/fuzz/target.hpp"

#include "lib/recorder/anchor_desk.hpp"
#include "lib/recorder/capture.hpp"
#include "lib/recorder/control.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

namespace fuzz {

/// A hand-off with batches to spare: it takes 8 MiB, and a capture that ends keeps the batch it was filling.
inline evbus::recorder::handoff& spare_handoff() {
    static std::unique_ptr<evbus::recorder::handoff> kept;
    std::vector<evbus::log::batch*> free;
    while (evbus::log::batch* one = kept ? kept->take_free() : nullptr) free.push_back(one);
    for (evbus::log::batch* one : free) kept->give_back(one);
    if (free.size() < evbus::recorder::handoff::batches / 2) kept = std::make_unique<evbus::recorder::handoff>();
    return *kept;
}

inline void record_once(const evbus::bus& on, evbus::seq_t next) {
    namespace recorder = evbus::recorder;
    recorder::handoff& to = spare_handoff();
    recorder::options how;
    how.batch_deadline = std::chrono::hours(24); // batches are handed over when they are full, and at the end
    recorder::control ctl(on, "fuzzed");
    ctl.begin(next - 1, next - 1);
    recorder::anchor_desk anchors(ctl, std::nullopt, [](const evbus::log::anchor&) {});
    recorder::capture reads(ctl, to, how, next, 1, anchors);
    const std::atomic<bool> stop{true};
    const recorder::capture_end end = reads.run(stop);
    require(end != recorder::capture_end::writer_stopped, "nobody stopped the writer");
    to.nudge();
    while (evbus::log::batch* full = to.take_full()) to.give_back(full);
    anchors.end();
    ctl.end(evbus::ring::recorder_state::ended);
}

} // namespace fuzz
