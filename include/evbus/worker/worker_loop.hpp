// The life of a worker's thread. Single events are given from within the consumer's poll, without a copy; what ends
// a poll early leaves it by an exception of its own, behind an event that is wholly done with.
//
// One turn: letters that are due, then a stretch of fresh events, then whatever time made due. An event is done with
// when its handler took it, or when its letter is in the journal's hands; only then may the place pass it, and the
// place is saved only after the journal. So at every moment each event is behind the saved place, or among the letters.
#pragma once

#include <evbus/detail/probe.hpp>
#include <evbus/worker/bus_source.hpp>
#include <evbus/worker/handler_call.hpp>
#include <evbus/worker/letter_desk.hpp>
#include <evbus/worker/life_signs.hpp>
#include <evbus/worker/place_keeper.hpp>
#include <evbus/worker/worker_core.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace evbus {
inline namespace v1 {
namespace work {

template <class Handler>
class worker_loop final : public worker_core {
    static constexpr bool batches = takes_batch<Handler>();
    static_assert(takes_event<Handler>() || batches, "a handler takes (const evbus::event&), (const evbus::event&, const evbus::attempt&) or (evbus::event_batch&)");

public:
    /// Sets up everything; throws what stands against it. start() is the caller's next step.
    worker_loop(const bus& on, const worker_options& o, Handler handler, log::file_system& fs)
        : how_((check_options(o), o)), fs_(fs), handler_(std::move(handler)), budget_(how_.restart) {
        set_up(on);
    }

private:
    /// Why a poll ended early.
    enum class leave : std::uint8_t {
        stop,
        rollback,
        look, ///< something is to be looked at before the next event
    };

    void set_up(const bus& on) {
        place_.emplace(on, how_, batches ? how_.batch : 1, fs_);
        desk_.emplace(on, how_, place_->cursor().notes(), on.head(), fs_);
        source_.emplace(on, how_, place_->is_new() ? how_.from : place_->cursor().start());
        at_ = source_->reader().place();
        place_->begin(at_, desk_->notes());
        signs_.begun(detail::steady_ns());
    }

    void run() override {
        try {
            while (!is_asked_to_stop() && turn()) {}
        } catch (const error& e) {
            tell(account());
            // In good order as far as it went; anything else ends as a crash would.
            if (e.kind() != errc::letters_full && e.kind() != errc::gap) throw;
            try {
                save_last();
            } catch (const error& worse) {
                if (how_.on_failed_save) static_cast<void>(how_.on_failed_save(worse));
            }
            throw;
        }
        save_last();
    }
    void let_go() noexcept override {
        source_.reset();
        desk_.reset();
        place_.reset();
    }
    /// False: the handler asked to end.
    bool turn() {
        consume_status s = consume_status::caught_up;
        bool tried = false;
        look_at_save();
        try {
            tried = try_letters();
            if (desk_->has_room() && place_->room() != 0) s = read_some();
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
        if ((place_->due().is_due(now) || place_->room() == 0) && !place_->is_saving()) save();
        if (signs_.is_time_to_look(now)) look_around();
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
        const std::uint64_t most = batches ? std::min(how_.batch, place_->room()) - batch_.size()
                                           : std::min({signs_.stretch(), place_->room(), std::max<std::uint64_t>(place_->due().room(), 1)});
        reading_ = true;
        consume_status s = consume_status::delivered;
        if (most != 0)
            s = source_->reader().poll([this](const event& e) { take(e); }, [this](const gap& g) { pass(g); },
                                       {.max_events = static_cast<std::size_t>(most)});
        if (most == 0 || batch_.size() >= how_.batch || s != consume_status::delivered) flush();
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
            if (batch_.bytes() >= how_.batch_bytes) flush();
        } else {
            const attempt a{1, place_->may_repeat(), false};
            stats_.repeats += a.may_repeat ? 1 : 0;
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
            for (std::size_t i = 0; i < batch_.size(); ++i) stats_.repeats += batch_.attempt(i).may_repeat ? 1 : 0;
            const outcome::kind k = ask([&]() -> decltype(auto) { return handler_(batch_); }, how_.thrown, reply_);
            mark(probe::event_handled);
            return k;
        } else {
            return outcome::kind::next;
        }
    }
    /// Gives the fresh events that were collected.
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
        if (!desk_->has_room()) throw leave::look;
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
        if (desk_->waiting() == 0 || !batch_.empty() || place_->room() == 0) return false;
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

    // --- failures ----------------------------------------------------------------------------------------------------

    [[noreturn]] void fail_at(const event& e) {
        failed_often_ = failed_seq_ == e.seq() ? failed_often_ + 1 : 1;
        failed_seq_ = e.seq();
        failed_topic_ = e.topic();
        throw leave::rollback;
    }
    /// To the place saved last, as a new life would begin there.
    void go_back() {
        if (!budget_.spend(detail::steady_ns())) {
            tell(account());
            throw worker_error({"worker " + how_.cursor, "event " + std::to_string(failed_seq_) + " on " + failed_topic_,
                                reply_.text + (failed_often_ > 1 ? " (" + std::to_string(failed_often_) + " times in a row)" : ""),
                                "mend the handler and start it again: it goes on at its cursor, and repeats are announced"},
                               failed_topic_, failed_seq_, failed_often_, reply_.text);
        }
        ++stats_.restarts;
        finish_save();
        place_->go_back(std::exchange(unfinished_, 0));
        desk_->go_back();
        at_ = place_->saved();
        source_->begin_at(from::place(at_));
    }

    /// So that it is known where the place is.
    void finish_save() {
        try {
            if (place_->wait()) saved();
        } catch (const error& e) {
            go_on_after(e);
        }
    }

    // --- saving ------------------------------------------------------------------------------------------------------

    /// The journal first: what the place passes is there.
    void save() {
        const bool held_up = place_->room() == 0;
        if (held_up) place_->grow();
        if (!held_up && !how_.before_save && !desk_->has_news()) return place_->ask(at_, desk_->notes());
        try {
            keep();
            place_->save(at_, desk_->notes());
        } catch (const error& e) {
            return go_on_after(e);
        }
        saved();
    }
    void keep() {
        if (how_.before_save) call_before_save();
        desk_->keep();
    }
    void saved() {
        ++stats_.saves;
        signs_.saved();
        const std::int64_t now = detail::steady_ns();
        signs_.rested(now);
        // The file before the newest may be the one to go on from: nothing behind its place is forgotten.
        const seq_t forget_below = std::exchange(forget_below_, place_->saved().next);
        if (signs_.is_time_to_clean(now)) desk_->clean(forget_below);
    }
    /// A save under way may be over; when nothing more may be handled before, that is waited for.
    void look_at_save() {
        try {
            if (place_->room() == 0 ? place_->wait() : place_->look()) saved();
        } catch (const error& e) {
            go_on_after(e);
        }
    }
    void save_last() {
        try {
            try {
                if (place_->wait()) ++stats_.saves;
            } catch (const error&) { // tried again right now
                ++stats_.failed_saves;
            }
            keep();
            place_->save_last(at_, desk_->notes(), unfinished_);
            ++stats_.saves;
        } catch (const error&) {
            ++stats_.failed_saves;
            tell(account());
            throw;
        }
        tell(account());
    }
    void call_before_save() {
        reply said;
        if (ask(how_.before_save, thrown::restarts, said) != outcome::kind::next)
            throw error(errc::handler_failed, {"save cursor " + how_.cursor, "before_save", said.text, ""});
    }
    void go_on_after(const error& e) {
        ++stats_.failed_saves;
        place_->failed();
        tell(account());
        if (!how_.on_failed_save || !how_.on_failed_save(e)) throw error(e);
        pause(signs_.next_pause_ns());
        // What the disk has is not known: only files that are opened anew tell.
        if (desk_->is_broken() || !place_->can_save()) begin_anew();
    }
    /// A new life within this one.
    void begin_anew() {
        const bus on = source_->home();
        source_.reset();
        desk_.reset();
        place_.reset();
        batch_.clear();
        unfinished_ = 0;
        forget_below_ = no_seq;
        set_up(on);
    }

    // --- when there is time ------------------------------------------------------------------------------------------

    void look_around() {
        desk_->refresh();
        // The place moves also over what nobody wants; a cursor left behind would hold up retention.
        if (at_ != place_->saved() && place_->due().pending() == 0 && !place_->is_saving()) place_->changed();
        if (!source_->home().is_current() && batch_.empty()) static_cast<void>(source_->follow(from::place(at_)));
    }
    void idle(consume_status s) {
        if (s == consume_status::retired) return follow();
        if (s == consume_status::log_failed) signs_.say_once(how_.on_notice, "cannot read the log, and tries again: " + source_->reader().failure());
        else signs_.said_nothing();
        const std::int64_t now = detail::steady_ns();
        const std::int64_t letters = desk_->next_due_ns() == INT64_MAX ? longest_nap_ns : std::max<std::int64_t>(desk_->next_due_ns() - detail::wall_ns(), 0);
        const std::int64_t due = place_->due().due_ns();
        const std::int64_t nap = std::min({longest_nap_ns, letters, due == INT64_MAX ? longest_nap_ns : std::max<std::int64_t>(due - now, 0)});
        if (nap == 0) return;
        if (desk_->has_room()) static_cast<void>(source_->reader().wait(std::chrono::nanoseconds(nap)));
        else pause(nap);
        signs_.rested(detail::steady_ns());
    }
    void follow() {
        if (source_->follow(from::place(at_))) return signs_.said_nothing();
        signs_.say_once(how_.on_notice, "bus " + source_->home().name() + " was closed; it goes on when that is there anew");
        if (place_->due().pending() != 0 && !place_->is_saving()) save();
        pause(longest_nap_ns);
        signs_.rested(detail::steady_ns());
    }

    [[nodiscard]] worker_stats account() {
        worker_stats s = stats_;
        s.next = at_.next;
        if (source_) s.mode = source_->reader().mode();
        if (desk_) s.waiting = desk_->waiting();
        return s;
    }

    static constexpr std::size_t letters_a_turn = 64;
    static constexpr std::int64_t longest_nap_ns = 100'000'000; ///< stop() is seen by then
    inline static const std::string no_reason = "the handler gave no reason";

    const worker_options how_;
    log::file_system& fs_;
    Handler handler_;
    std::optional<place_keeper> place_;
    std::optional<letter_desk> desk_;
    std::optional<bus_source> source_;
    restart_budget budget_;
    life_signs signs_;
    event_batch batch_;
    reply reply_;
    worker_stats stats_;

    cursor_place at_;     ///< everything before it is done with
    cursor_place before_; ///< where the poll under way began
    seq_t done_ = no_seq; ///< behind the last event of it that is done with
    bool reading_ = false;
    seq_t forget_below_ = no_seq;  ///< the place saved before the last one
    std::uint64_t unfinished_ = 0; ///< fresh events that were given and are not done with

    seq_t failed_seq_ = no_seq;
    std::string failed_topic_;
    std::uint32_t failed_often_ = 0;
};

} // namespace work
} // namespace v1
} // namespace evbus
