// The recorder's side of the mailbox for anchors. One request at a time goes through three threads: capture takes
// it, refuses what cannot be and puts the record into its batch; the writer tells when that is in the file; the
// syncer, when it is on the disk. Only then is it answered.
#pragma once

#include "lib/recorder/control.hpp"

#include <evbus/log/anchors.hpp>
#include <evbus/log/batch.hpp>
#include <evbus/ring/anchor_mailbox.hpp>

#include <atomic>
#include <functional>
#include <optional>
#include <string>

namespace evbus {
inline namespace v1 {
namespace recorder {

class anchor_desk {
public:
    /// `newest`: what the log has. `on_put` is told of each anchor that is on the disk, on the syncer's thread or
    /// at the end; not to throw.
    anchor_desk(control& ctl, std::optional<log::anchor> newest, std::function<void(const log::anchor&)> on_put);

    /// Capture: one load.
    [[nodiscard]] bool has_request() const noexcept {
        const ring::anchor_phase phase = box_.state().phase;
        return (phase == ring::anchor_phase::posted || phase == ring::anchor_phase::taken) && is_free();
    }
    /// Capture: takes a request. Null: there was nothing to write, and who asked was told so. What comes is valid
    /// until the request is answered, and to be written next.
    [[nodiscard]] const log::anchor_info* take();
    /// Capture: the record stands in this batch, which is about to be handed over.
    void placed(const log::batch& in) noexcept { batch_.store(&in, std::memory_order_release); }

    /// Writer: this batch is in the file. True when the anchor was in it: it is to be synced soon.
    [[nodiscard]] bool written(const log::batch& b) noexcept;
    /// Writer: this batch could not be kept.
    void lost(const log::batch& b) noexcept;

    /// Syncer: all that was written is on the disk.
    void synced() noexcept;
    /// The other threads are gone. Answers what is not answered.
    void end() noexcept;
    /// After that: the newest anchor that is on the disk.
    [[nodiscard]] const std::optional<log::anchor>& newest() const noexcept { return newest_; }

private:
    enum class stage : std::uint8_t { free, taken, written };

    [[nodiscard]] bool is_free() const noexcept { return stage_.load(std::memory_order_acquire) == stage::free; }
    [[nodiscard]] ring::anchor_answer judge(const ring::anchor_request& r) const;
    void answer(ring::anchor_answer a) noexcept;

    control& ctl_;
    ring::anchor_mailbox box_;
    std::function<void(const log::anchor&)> on_put_;
    // Whose stage it is; handed on by stage_.
    std::optional<log::anchor> newest_;
    log::anchor pending_;
    log::anchor_info record_;
    std::uint64_t number_ = 0;
    std::atomic<const log::batch*> batch_{nullptr}; ///< that the record stands in, until it is written
    std::atomic<stage> stage_{stage::free};
};

} // namespace recorder
} // namespace v1
} // namespace evbus
