// Anchors through a bus. Who rebuilds its state from events writes it down now and then (a snapshot), makes that
// durable, and tells the recorder: the state up to seq S is there. After a restart it loads the newest snapshot
// and replays what came behind S. Retention keeps what the newest anchor needs.
//
//   evbus::put_anchor(bus, {.seq = in.next() - 1, .reference = path, .content_hash = hash, .walk_from = in.place().walk_from});
//   ...
//   if (const auto a = evbus::newest_anchor(bus)) { load(a->reference); from = evbus::from::place(a->place()); }
#pragma once

#include <evbus/bus.hpp>
#include <evbus/detail/hash.hpp>
#include <evbus/log/anchors.hpp>
#include <evbus/ring/anchor_mailbox.hpp>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace evbus {
inline namespace v1 {

using log::anchor;

namespace detail {

/// One request for an anchor, from the lock to the answer.
class anchor_asker {
public:
    anchor_asker(const bus& on, const anchor& what, std::chrono::nanoseconds timeout)
        : on_(on), what_(what), at_(attach(on, what)), box_(at_->ctl().anchors), bell_(at_->ctl().frontier_bell),
          until_ns_(deadline(timeout.count())) {}

    void run() {
        if (!on_.has_recorder()) throw_no_recorder("nobody records this bus");
        const ring::held_byte turn = take_turn();
        while (true) {
            const ring::anchor_state mine = begin();
            box_.write({what_.seq, what_.place().walk_from, what_.content_hash, what_.reference});
            const ring::anchor_state posted = box_.post(mine);
            ring::doorbell(at_->ctl().data_bell).ring(ring::ringing_stranger); // a recorder of an idle bus sleeps there
            if (const ring::anchor_answer a = await(posted); a != ring::anchor_answer::interrupted) return judge(a);
        }
    }

private:
    [[nodiscard]] static std::string operation(const bus& on) { return "put anchor on bus " + on.name(); }
    [[noreturn]] void refuse(errc kind, const std::string& object, const std::string& problem, const std::string& way_out) const {
        throw error(kind, {operation(on_), object, problem, way_out});
    }
    [[noreturn]] void throw_no_recorder(const std::string& problem) const {
        refuse(errc::no_recorder, on_.log_dir(), problem, "the recorder writes anchors: start evrecord " + on_.name() + ", and put it again");
    }
    [[nodiscard]] std::string seq_text() const { return "seq " + std::to_string(what_.seq); }

    static std::shared_ptr<ring::attachment> attach(const bus& on, const anchor& a) {
        const auto refuse_option = [&](errc kind, const std::string& object, const std::string& problem, const std::string& way_out) {
            throw error(kind, {operation(on), object, problem, way_out});
        };
        if (const char* const fault = log::fault_of_reference(a.reference))
            refuse_option(a.reference.size() > log::max_record_text ? errc::too_large : errc::bad_option, "its reference", fault,
                          "name where the state is kept, in 1 to 255 bytes of text");
        if (a.seq == no_seq || a.seq == max_seq)
            refuse_option(errc::bad_option, "seq " + std::to_string(a.seq), "is no event's", "give the last seq whose event is in the state");
        if (a.walk_from != no_seq && a.walk_from > a.seq + 1)
            refuse_option(errc::bad_option, "walk_from " + std::to_string(a.walk_from), "lies behind seq " + std::to_string(a.seq),
                          "give a consumer's place().walk_from, or leave it out");
        if (on.log_dir().empty())
            refuse_option(errc::bad_option, ring::shm_path(ring::ring_object(on.name())), "this bus was created without a log",
                          "anchors stand in the log: create the bus with one");
        auto at = on.attach(ring::access::read_only);
        if (!at->may_write())
            refuse_option(errc::permission, ring::shm_path(at->ctl_name()), "permission denied",
                          "who puts anchors must be allowed to publish: check the bus's owner and --group");
        return at;
    }

    [[nodiscard]] static std::int64_t deadline(std::int64_t timeout_ns) noexcept {
        std::int64_t at = 0;
        return __builtin_add_overflow(steady_ns(), timeout_ns, &at) ? INT64_MAX : at; // nanoseconds::max() waits for ever
    }
    [[nodiscard]] std::int64_t left_ns() const noexcept { return until_ns_ - steady_ns(); }
    static void nap() { std::this_thread::sleep_for(std::chrono::milliseconds(1)); }

    ring::held_byte take_turn() const {
        while (true) {
            ring::held_byte turn = ring::held_byte::try_take(at_->ctl_name(), ring::anchor_lock_byte);
            if (turn) return turn;
            if (errno == ENOENT)
                refuse(errc::retired, ring::shm_path(at_->ctl_name()), "the bus was removed since this handle was opened", "open the bus again");
            if (errno != 0) throw_errno(errno, operation(on_), ring::shm_path(at_->ctl_name()));
            if (left_ns() <= 0) throw_busy();
            nap();
        }
    }
    [[noreturn]] void throw_busy() const {
        refuse(errc::busy, seq_text(), "somebody else is putting an anchor, or the recorder is still at one", "try again, or give it more time");
    }
    ring::anchor_state begin() {
        while (true) {
            if (const std::optional<ring::anchor_state> mine = box_.begin()) return *mine;
            if (!on_.has_recorder()) throw_no_recorder("nobody records this bus");
            if (left_ns() <= 0) throw_busy();
            nap();
        }
    }

    // SYNC frontier-bell, as bus::wait_durable
    ring::anchor_answer await(const ring::anchor_state& posted) {
        const auto is_answered = [&] { return box_.state() == ring::anchor_state{posted.number, ring::anchor_phase::idle}; };
        for (int turn = 0; !is_answered(); ++turn) {
            const std::int64_t left = left_ns();
            if (left <= 0) {
                if (box_.take_back(posted)) throw_late("it was not put");
                if (!is_answered()) throw_late("the recorder is at it: it may come yet (evlog anchors)");
            } else if (turn < 100) {
                for (int i = 0; i < 32; ++i) cpu_pause();
            } else {
                bell_.sleep(ring::sleeping_stranger, left, is_answered);
            }
        }
        return box_.answer_to(posted.number);
    }
    [[noreturn]] void throw_late(const std::string& what_became_of_it) const {
        if (!on_.has_recorder()) throw_no_recorder("the recorder went away before it answered; " + what_became_of_it);
        refuse(errc::timed_out, seq_text(), "no answer from the recorder within the time given; " + what_became_of_it, "give it more time");
    }

    void judge(ring::anchor_answer a) const {
        const ring::frontier_words& f = at_->ctl().frontier;
        using ring::anchor_answer;
        switch (a) {
        case anchor_answer::put: return;
        case anchor_answer::not_durable:
            refuse(errc::not_durable, seq_text(), "only seqs up to " + std::to_string(f.durable.load(std::memory_order_acquire)) + " are synced",
                   "wait for it first (bus::wait_durable): a state that is ahead of the log could not be gone on from");
        case anchor_answer::goes_back:
            refuse(errc::goes_back, seq_text(), "the newest anchor is at seq " + std::to_string(f.anchor.load(std::memory_order_acquire)),
                   "anchors only go forwards: put one at that seq or above");
        case anchor_answer::no_space:
            refuse(errc::no_space, on_.log_dir(), "the log's disk is full; the anchor was not put", "free space there, and put it again");
        case anchor_answer::ended: throw_no_recorder("the recorder ended before the anchor was synced");
        default: break;
        }
        refuse(errc::damaged, ring::shm_path(at_->ctl_name()), "the recorder could make nothing of the request (answer " +
                   std::to_string(static_cast<int>(a)) + ")", "something else wrote into the mailbox: put the anchor again");
    }

    bus on_;
    const anchor& what_;
    std::shared_ptr<ring::attachment> at_;
    ring::anchor_mailbox box_;
    ring::doorbell bell_;
    std::int64_t until_ns_;
};

} // namespace detail

/// A hash for anchors: XXH3 (64 bits), which finds accidents, and no deceit. `evlog anchors put --hash-of FILE` computes
/// the same of a file's bytes.
[[nodiscard]] inline std::uint64_t content_hash(std::span<const std::byte> content) noexcept {
    return detail::xxh3(content.data(), content.size());
}

/// Puts an anchor: returns once the recorder has it on disk. Make durable what it refers to before that. `time_ns`
/// is the recorder's. The same anchor again is fine. Any process that may write the bus, any thread; one at a time,
/// others wait. Throws bad_option or too_large (what was given), permission, no_recorder, busy, not_durable (its seq
/// is not synced yet), goes_back (the newest anchor is further on), no_space, timed_out, retired, forked.
inline void put_anchor(const bus& on, const anchor& what, std::chrono::nanoseconds timeout = std::chrono::seconds(10)) {
    detail::anchor_asker(on, what, timeout).run();
}

/// The newest anchor in the bus's log; nothing when there is none. Throws what stands against reading the log.
[[nodiscard]] inline std::optional<anchor> newest_anchor(const bus& on) {
    if (on.log_dir().empty()) return std::nullopt;
    try {
        return log::newest_anchor(log::posix(), {on.log_dir()}, {on.id()});
    } catch (const error& e) {
        if (e.kind() != errc::not_found) throw;
        return std::nullopt; // the log comes with its first recorder
    }
}

} // namespace v1
} // namespace evbus
