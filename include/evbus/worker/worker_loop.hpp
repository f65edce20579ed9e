// Giving events to a handler. Single events are given from within the consumer's poll, without a copy; what ends a poll
// early leaves it by an exception of its own, behind an event that is wholly done with.
#pragma once

#include <evbus/detail/probe.hpp>
#include <evbus/worker/handler_call.hpp>
#include <evbus/worker/worker_life.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace work {

template <class Handler>
class worker_loop final : public worker_life {
    static constexpr bool batches = takes_batch<Handler>();
    static_assert(takes_event<Handler>() || batches, "a handler takes (const evbus::event&), (const evbus::event&, const evbus::attempt&) or (evbus::event_batch&)");

public:
    /// Sets up everything; throws what stands against it. start() is the caller's next step.
    worker_loop(const bus& on, const worker_options& o, Handler handler, log::file_system& fs)
        : worker_life(on, o, batches ? o.batch : 1, fs), handler_(std::move(handler)) {}

private:
    /// False: the handler asked to end.
    bool turn() override {
        consume_status s = consume_status::caught_up;
        bool tried = false;
        look_at_save();
        try {
            tried = try_letters();
            if (desk_->has_room() && !place_->is_held_up()) s = read_some();
        } catch (const leave why) {
            leave_poll();
            if (why == leave::stop) return false;
            if (why == leave::rollback) go_back();
            s = consume_status::delivered;
        } catch (...) {
            leave_poll();
            throw;
        }
        const std::int64_t now = detail::steady_ns();
        signs_.polled(now, how_.save.every.count());
        if ((place_->due().is_due(now) || place_->is_held_up()) && !place_->is_saving()) save();
        if (signs_.is_time_to_look(now)) look_around();
        source_->set_load(desk_->load());
        tell(account());
        if (!tried && s != consume_status::delivered) idle(s);
        return true;
    }

    // --- fresh events ------------------------------------------------------------------------------------------------

    consume_status read_some() {
        if (batch_.empty()) {
            before_ = source_->reader().place();
            done_ = before_.next;
        }
        unfinished_ = 0;
        // While a save is under way the next one cannot begin: it is no reason to stop for.
        const std::uint64_t until_due = place_->is_saving() ? signs_.stretch() : std::max<std::uint64_t>(place_->due().room(), 1);
        const std::uint64_t most = batches ? how_.batch - batch_.size() : std::min({signs_.stretch(), place_->room(), until_due});
        reading_ = true;
        const consume_status s = source_->reader().poll([this](const event& e) { take(e); }, [this](const gap& g) { pass(g); },
                                                        {.max_events = static_cast<std::size_t>(most)});
        if (batch_.size() >= how_.batch || s != consume_status::delivered) flush();
        reading_ = false;
        at_ = batch_.empty() ? source_->reader().place() : place_inside();
        return s;
    }
    /// The poll under way ended before its end: its place is behind the last event that is done with.
    void leave_poll() noexcept {
        batch_.clear();
        if (std::exchange(reading_, false)) at_ = place_inside();
    }
    [[nodiscard]] cursor_place place_inside() const noexcept { return {std::max(done_, at_.next), before_.walk_from}; }
    void finished(seq_t seq) noexcept {
        place_->done();
        done_ = seq + 1;
    }

    /// The fast path: no clock, no allocation, no call but the handler's.
    [[gnu::always_inline]] void take(const event& e) {
        if (!desk_->is_quiet(e.seq())) [[unlikely]]
            if (set_aside(e)) return;
        if constexpr (batches) {
            batch_.add(e, {1, place_->may_repeat(batch_.size()), false});
            if (batch_.bytes() < how_.batch_bytes) return;
            flush();
            if (!desk_->has_room()) throw leave::look;
        } else {
            const attempt a{1, place_->may_repeat(), false};
            stats_.repeats += a.may_repeat ? 1U : 0U;
            const outcome::kind k = ask([&]() -> decltype(auto) { return give(handler_, e, a); }, how_.thrown, reply_);
            mark(probe::event_handled);
            if (k == outcome::kind::next) [[likely]] {
                ++stats_.handled;
                finished(e.seq());
                if (is_asked_to_stop()) [[unlikely]] throw leave::stop;
            } else {
                take_other(e, k, a.may_repeat);
            }
        }
    }
    /// Everything but next.
    [[gnu::noinline]] void take_other(const event& e, outcome::kind k, bool may_repeat) {
        unfinished_ = 1;
        if (k == outcome::kind::rollback) fail_at(e);
        if (k == outcome::kind::stop) ++stats_.handled;
        else keep_letter(e, k == outcome::kind::dead, reply_.text, may_repeat);
        unfinished_ = 0;
        finished(e.seq());
        throw k == outcome::kind::stop || is_asked_to_stop() ? leave::stop : leave::look;
    }
    void keep_letter(const event& e, bool is_dead, const std::string& text, bool may_repeat) {
        if (desk_->fail(e, is_dead, text)) ++stats_.dead;
        else if (may_repeat) desk_->doubt(e.seq()); // that this try failed does not say that no life had it
    }
    /// True when the event is not to be given now: it is a letter already, or waits behind one.
    [[gnu::noinline]] bool set_aside(const event& e) {
        const bool known = desk_->knows(e.seq());
        if (!known && !desk_->holds(e.topic_hash())) return false;
        flush(); // the account goes in the order of seqs
        if (!known) {
            desk_->park(e);
            if (place_->may_repeat()) desk_->doubt(e.seq()); // a life before may have had it, when nothing waited
        }
        finished(e.seq());
        if (!desk_->has_room()) throw leave::look;
        return true;
    }
    void pass(const gap& g) {
        flush();
        stats_.gap_seqs += g.seqs;
        if (!how_.on_gap || how_.on_gap(g) == at_gap::go_on) return;
        throw error(errc::gap, {"worker " + how_.cursor, "seq " + std::to_string(g.range.first) + " to " + std::to_string(g.range.last),
                                std::string("cannot be had: ") + to_string(g.cause), "its cursor stands before them: start it again with on_gap going on to pass them"});
    }

    // --- batches -----------------------------------------------------------------------------------------------------

    outcome::kind give_batch() {
        if constexpr (batches) {
            for (std::size_t i = 0; i < batch_.size(); ++i) stats_.repeats += batch_.attempt(i).may_repeat ? 1U : 0U;
            const outcome::kind k = ask([&]() -> decltype(auto) { return handler_(batch_); }, how_.thrown, reply_);
            mark(probe::event_handled);
            return k;
        } else {
            return outcome::kind::next;
        }
    }
    /// Gives the fresh events that were collected. Called also for the sake of what stands behind them, an event or a
    /// gap, which the consumer has passed: so it leaves the poll only where that is not gone on with.
    void flush() {
        if (batch_.empty()) return;
        const outcome::kind k = give_batch();
        unfinished_ = batch_.size();
        if (k == outcome::kind::rollback) fail_at(batch_[0]);
        std::unordered_set<std::uint64_t> held; // with order::by_topic: topics with a failure in this batch
        for (std::size_t i = 0; i < batch_.size(); ++i, --unfinished_) {
            const event e = batch_[i];
            const auto [what, text] = said_of(i, k);
            if (held.count(e.topic_hash()) != 0) park_given(e);
            else if (what == outcome::kind::next || what == outcome::kind::stop) ++stats_.handled;
            else keep_letter(e, what == outcome::kind::dead, *text, batch_.attempt(i).may_repeat);
            // A dead letter holds up nobody.
            if (how_.order == order::by_topic && what == outcome::kind::retry && desk_->holds(e.topic_hash())) held.insert(e.topic_hash());
            finished(e.seq());
        }
        batch_.clear();
        if (k == outcome::kind::stop || is_asked_to_stop()) throw leave::stop;
    }
    /// It comes again behind the one that failed, whatever the handler made of it now.
    void park_given(const event& e) {
        desk_->park(e);
        desk_->doubt(e.seq());
    }
    [[nodiscard]] std::pair<outcome::kind, const std::string*> said_of(std::size_t i, outcome::kind of_all) const {
        const outcome* const own = batch_.failure(i);
        if (own == nullptr) return {of_all, &reply_.text};
        return {own->what(), own->text().empty() ? &no_reason : &own->text()};
    }

    // --- letters -----------------------------------------------------------------------------------------------------

    /// Tries those that are due. True when there were any.
    bool try_letters() {
        if (desk_->waiting() == 0 || !batch_.empty() || place_->is_held_up()) return false;
        const std::vector<seq_t> due = desk_->all_due(batches ? how_.batch : letters_a_turn);
        if constexpr (batches) try_together(due);
        else
            for (const seq_t seq : due) {
                if (place_->due().is_full()) break; // also they are announced, but not for ever
                try_letter(seq);
            }
        return !due.empty();
    }
    void try_letter(seq_t seq) {
        if constexpr (!batches) {
            if (!desk_->is_still_waiting(seq)) return;
            const owned_event kept = desk_->read(seq);
            const event e = kept.view();
            const attempt a = begin_try(seq);
            const outcome::kind k = ask([&]() -> decltype(auto) { return give(handler_, e, a); }, how_.thrown, reply_);
            mark(probe::event_handled);
            if (k == outcome::kind::rollback) {
                desk_->doubt(seq);
                fail_at(e);
            }
            end_try(seq, k, reply_.text);
            if (k == outcome::kind::stop || is_asked_to_stop()) throw leave::stop;
        }
    }
    void try_together(const std::vector<seq_t>& due) {
        std::vector<seq_t> given;
        for (const seq_t seq : due) {
            if (!desk_->is_still_waiting(seq)) continue;
            const owned_event kept = desk_->read(seq);
            batch_.add(kept.view(), begin_try(seq));
            given.push_back(seq);
        }
        if (given.empty()) return;
        const outcome::kind k = give_batch();
        if (k == outcome::kind::rollback) {
            for (const seq_t seq : given) desk_->doubt(seq);
            fail_at(batch_[0]);
        }
        // Those that were handled first: a failure may find no room, and ends it.
        const auto end_those = [&](bool handled) {
            for (std::size_t i = 0; i < given.size(); ++i) {
                const auto [what, text] = said_of(i, k);
                if ((what == outcome::kind::next || what == outcome::kind::stop) == handled) end_try(given[i], what, *text);
            }
        };
        end_those(true);
        end_those(false);
        batch_.clear();
        if (k == outcome::kind::stop || is_asked_to_stop()) throw leave::stop;
    }
    attempt begin_try(seq_t seq) {
        const attempt a = desk_->next_attempt(seq);
        if (a.number > 1) ++stats_.retries;
        if (!batches && a.may_repeat) ++stats_.repeats;
        return a;
    }
    void end_try(seq_t seq, outcome::kind what, const std::string& text) {
        if (what == outcome::kind::next || what == outcome::kind::stop) {
            desk_->handled(seq);
            ++stats_.handled;
        } else if (desk_->failed(seq, what == outcome::kind::dead, text)) {
            ++stats_.dead;
        }
        place_->changed();
    }

    static constexpr std::size_t letters_a_turn = 64;

    Handler handler_;
};

} // namespace work
} // namespace v1
} // namespace evbus
