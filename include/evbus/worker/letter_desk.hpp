// A worker's letters: which events wait for another try, and which are given up. The journal keeps them; the
// schedule says whose turn it is.
#pragma once

#include <evbus/detail/cpu.hpp>
#include <evbus/detail/system.hpp>
#include <evbus/error.hpp>
#include <evbus/event.hpp>
#include <evbus/letters/story.hpp>
#include <evbus/owned_event.hpp>
#include <evbus/work/backoff.hpp>
#include <evbus/work/retry_schedule.hpp>
#include <evbus/worker_options.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace evbus {
inline namespace v1 {
namespace work {

class letter_desk {
public:
    letter_desk(const worker_options& o, bool unsure) : policy_(o.retry), by_topic_(o.order == order::by_topic), schedule_(o.order), unsure_(unsure) {}

    /// Nothing fresh has to be compared with what is here: the usual case, and the only one without a look-up.
    [[nodiscard]] bool is_quiet(seq_t seq) const noexcept { return seq > last_known_ && (!by_topic_ || schedule_.empty()); }
    /// It is a letter already, or was one.
    [[nodiscard]] bool knows(seq_t seq) const noexcept { return seq <= last_known_ && kept_.count(seq) != 0; }
    /// With order::by_topic: something of its topic waits, and so must it.
    [[nodiscard]] bool holds(const event& e) const noexcept { return by_topic_ && schedule_.holds(e.topic_hash()); }
    [[nodiscard]] std::uint64_t waiting() const noexcept { return schedule_.size(); }

    void park(const event& e) { keep(e, 0, detail::wall_ns(), "waits behind an earlier event of its topic"); }
    void fail(const event& e, const std::string& text) { keep(e, 1, due(1), text); }

    [[nodiscard]] std::optional<seq_t> next_due(std::int64_t wall_now_ns) const noexcept { return schedule_.next_due(wall_now_ns); }
    [[nodiscard]] std::int64_t next_due_ns() const noexcept { return schedule_.next_due_ns(); }

private:
    [[nodiscard]] std::int64_t due(std::uint32_t failed) {
        const double draw = static_cast<double>(detail::random_u64() >> 11) * 0x1p-53;
        return due_ns(policy_, failed, draw, detail::wall_ns());
    }
    void keep(const event& e, std::uint32_t attempts, std::int64_t due, const std::string&) {
        kept_.emplace(e.seq(), owned_event(e));
        schedule_.add({e.seq(), e.topic_hash(), due, attempts, e.payload().size()});
        last_known_ = std::max(last_known_, e.seq());
    }

    retry_policy policy_;
    bool by_topic_;
    retry_schedule schedule_;
    bool unsure_;
    seq_t last_known_ = no_seq;
    std::map<seq_t, owned_event> kept_;
};

} // namespace work
} // namespace v1
} // namespace evbus
