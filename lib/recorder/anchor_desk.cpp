#include "lib/recorder/anchor_desk.hpp"

#include <evbus/detail/cpu.hpp>
#include <evbus/ring/liveness.hpp>

#include <utility>

namespace evbus {
inline namespace v1 {
namespace recorder {

using ring::anchor_answer;
using ring::anchor_phase;

anchor_desk::anchor_desk(control& ctl, std::optional<log::anchor> newest, std::function<void(const log::anchor&)> on_put)
    : ctl_(ctl), box_(ctl.attachment()->ctl().anchors), on_put_(std::move(on_put)), newest_(std::move(newest)) {
    ctl_.anchored(newest_ ? newest_->seq : no_seq);
}

const log::anchor_info* anchor_desk::take() {
    const ring::anchor_state s = box_.state();
    number_ = s.number;
    if (s.phase == anchor_phase::taken) { // by a recorder that was killed: what became of it is in the log, or nowhere
        answer(anchor_answer::interrupted);
        return nullptr;
    }
    if (s.phase != anchor_phase::posted) return nullptr;
    if (!ring::byte_is_held(ctl_.attachment()->test_fd(), ring::anchor_lock_byte)) {
        (void)box_.take_back(s); // nobody waits for it any more, and what it refers to may be gone
        return nullptr;
    }
    std::optional<ring::anchor_request> r = box_.take(s);
    if (!r) return nullptr;
    if (const anchor_answer a = judge(*r); a != anchor_answer::none) {
        answer(a);
        return nullptr;
    }
    pending_ = {r->seq, std::move(r->reference), r->content_hash, r->walk_from, detail::wall_ns()};
    record_ = {pending_.seq + 1, pending_.time_ns, pending_.reference, pending_.walk_from, pending_.content_hash};
    stage_.store(stage::taken, std::memory_order_release);
    return &record_;
}

/// Nothing of ctl is believed: what is durable and which anchor is the newest is known here.
anchor_answer anchor_desk::judge(const ring::anchor_request& r) const {
    if (r.seq == no_seq || r.seq == max_seq || r.walk_from == no_seq || r.walk_from > r.seq + 1 || log::fault_of_reference(r.reference) != nullptr)
        return anchor_answer::malformed;
    if (r.seq > ctl_.durable()) return anchor_answer::not_durable;
    if (!newest_) return anchor_answer::none;
    if (r.seq < newest_->seq) return anchor_answer::goes_back;
    const bool is_there = r.seq == newest_->seq && r.reference == newest_->reference && r.content_hash == newest_->content_hash &&
                          r.walk_from == newest_->place().walk_from;
    return is_there ? anchor_answer::put : anchor_answer::none;
}

bool anchor_desk::written(const log::batch& b) noexcept {
    const log::batch* mine = &b;
    if (!batch_.compare_exchange_strong(mine, nullptr, std::memory_order_acq_rel)) return false;
    stage_.store(stage::written, std::memory_order_release);
    return true;
}

void anchor_desk::lost(const log::batch& b) noexcept {
    const log::batch* mine = &b;
    if (batch_.compare_exchange_strong(mine, nullptr, std::memory_order_acq_rel)) answer(anchor_answer::no_space);
}

void anchor_desk::synced() noexcept {
    if (stage_.load(std::memory_order_acquire) != stage::written) return;
    ctl_.anchored(pending_.seq);
    on_put_(pending_);
    newest_ = std::move(pending_);
    answer(anchor_answer::put);
}

void anchor_desk::end() noexcept {
    if (!is_free()) answer(anchor_answer::ended);
}

void anchor_desk::answer(anchor_answer a) noexcept {
    // In this order a request that is taken while the desk is free is always an earlier recorder's.
    box_.answer(number_, a);
    stage_.store(stage::free, std::memory_order_release);
    ctl_.ring();
    ctl_.ring_capture(); // the next request may have come in between, when the desk was not free yet
}

} // namespace recorder
} // namespace v1
} // namespace evbus
