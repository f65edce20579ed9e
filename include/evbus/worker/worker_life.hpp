// The life of a worker's thread, whatever its handler is: when its place is saved, what a failure means, what it does
// while there is nothing to handle.
//
// One turn: letters that are due, then a stretch of fresh events, then whatever time made due. An event is done with
// when its handler took it, or when its letter is in the journal's hands; only then may the place pass it, and the
// place is saved only after the journal. So at every moment each event is behind the saved place, or among the letters.
#pragma once

#include <evbus/worker/bus_source.hpp>
#include <evbus/worker/handler_call.hpp>
#include <evbus/worker/letter_desk.hpp>
#include <evbus/worker/life_signs.hpp>
#include <evbus/worker/place_keeper.hpp>
#include <evbus/worker/worker_core.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace evbus {
inline namespace v1 {
namespace work {

class worker_life : public worker_core {
protected:
    /// Sets up everything; throws what stands against it. `batch`: so many events are given at once.
    worker_life(const bus& on, const worker_options& o, std::size_t batch, log::file_system& fs)
        : how_((check_options(o), o)), fs_(fs), batch_size_(batch), budget_(how_.restart) {
        set_up(on);
    }

    /// Why a poll ended early.
    enum class leave : std::uint8_t {
        stop,
        rollback,
        look, ///< something is to be looked at before the next event
    };

    /// False: the handler asked to end.
    virtual bool turn() = 0;

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
        const bool held_up = place_->is_held_up();
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
            if (place_->is_held_up() ? place_->wait() : place_->look()) saved();
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
        try {
            desk_->refresh();
        } catch (const error& e) { // what another has written could not be taken over: nor could a save be
            finish_save();
            go_on_after(e);
        }
        // The place moves also over what nobody wants; a cursor left behind would hold up retention.
        if (at_ != place_->saved() && place_->due().pending() == 0 && !place_->is_saving()) place_->changed();
        if (!source_->home().is_current() && batch_.empty()) static_cast<void>(source_->follow(from::place(at_)));
    }
    void idle(consume_status s) {
        if (s == consume_status::retired) return follow();
        if (s == consume_status::log_failed) signs_.say_once(how_.on_notice, "cannot read the log, and tries again: " + source_->reader().failure());
        else signs_.said_nothing();
        const std::int64_t now = detail::steady_ns();
        const std::int64_t letters = desk_->next_due_ns() == INT64_MAX ? longest_nap_ns : std::max<std::int64_t>(desk_->next_due_ns() - now, 0);
        const std::int64_t due = place_->is_saving() ? now + short_nap_ns : place_->due().due_ns();
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

    inline static const std::string no_reason = "the handler gave no reason";

    const worker_options how_;
    log::file_system& fs_;
    std::size_t batch_size_;
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
    std::uint64_t unfinished_ = 0; ///< fresh events that were given and are not done with

private:
    static constexpr std::int64_t longest_nap_ns = 100'000'000; ///< stop() is seen by then
    static constexpr std::int64_t short_nap_ns = 1'000'000;

    void set_up(const bus& on) {
        place_.emplace(on, how_, batch_size_, fs_);
        desk_.emplace(on, how_, place_->cursor().notes(), on.head(), fs_);
        source_.emplace(on, how_, place_->is_new() ? how_.from : place_->cursor().start());
        at_ = source_->reader().place();
        // What is left out at such a start, and given to who begins at a place, does not stand above the head.
        const bool by_time = how_.from.what() == from::kind::time;
        const bool is_thin = place_->is_new() && (by_time || how_.from.what() == from::kind::newest);
        place_->begin(at_, desk_->notes(), is_thin ? source_->home().head() : no_seq, by_time);
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
    seq_t forget_below_ = no_seq; ///< the place saved before the last one
    seq_t failed_seq_ = no_seq;
    std::string failed_topic_;
    std::uint32_t failed_often_ = 0;
};

} // namespace work
} // namespace v1
} // namespace evbus
