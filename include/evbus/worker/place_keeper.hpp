// A worker's place: where its cursor stands, what was handled behind it, and which events may be repeats.
//
// The one rule: before an event is handled, the file says that it may have been. So a file promises that at most
// `may_repeat` events behind its place were ever given to a handler, in any life; and room() says how many may be
// given until the next save is on disk. The promise begins at save.events. It grows while handling has to wait for
// saves, up to save.ahead, and shrinks again when it is not used.
#pragma once

#include <evbus/cursor.hpp>
#include <evbus/worker/cursor_saver.hpp>
#include <evbus/worker_options.hpp>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <string>

namespace evbus {
inline namespace v1 {
namespace work {

class place_keeper {
public:
    /// Opens the cursor; throws what that throws. At most `batch` events are handled between two looks at room().
    place_keeper(const bus& on, const worker_options& o, std::size_t batch, log::file_system& fs)
        : saver_(evbus::cursor(cursor_home::of(on), o.cursor, cursor_options_of(o), fs)), due_(o.save, detail::steady_ns()),
          batch_(batch), least_window_(o.save.events + batch - 1), most_window_(std::max(o.save.ahead, least_window_)), window_(least_window_),
          file_window_(least_window_), promised_(least_window_), left_(saver_.cursor().notes().may_repeat) {
        if (saver_.cursor().place()) saved_ = *saver_.cursor().place();
    }

    [[nodiscard]] bool is_new() const noexcept { return saved_.next == no_seq; }
    /// Only before the first save.
    [[nodiscard]] const evbus::cursor& cursor() const noexcept { return saver_.cursor(); }
    /// The place that is known to be on disk. Only once begin() was called, or unless is_new().
    [[nodiscard]] const cursor_place& saved() const noexcept { return saved_; }

    /// Makes sure that the file, and the one before it, announce what is to come. Before the first event; throws.
    /// `thin_until`: below it the consumer leaves out events that a later one, which begins at a place, is given;
    /// `first_alone`: only before the first that it gives.
    void begin(const cursor_place& at, const cursor_notes& notes, seq_t thin_until = no_seq, bool first_alone = false) {
        thin_until_ = thin_until;
        thin_first_alone_ = first_alone;
        saver_.cursor().reset(at, announced(at, notes));
        saved_ = at;
        due_.saved(detail::steady_ns());
    }

    // --- events given by the consumer, in order ----------------------------------------------------------------------

    /// May the `ahead`-th next one be a repeat?
    [[nodiscard]] bool may_repeat(std::uint64_t ahead = 0) const noexcept { return given_ + ahead < left_; }
    /// So many may be given before the next save must be on disk.
    [[nodiscard]] std::uint64_t room() const noexcept { return promised_ - std::min(given_, promised_); }
    /// The next batch has to wait for a save.
    [[nodiscard]] bool is_held_up() const noexcept { return room() < batch_; }
    /// It is handled, or its letter is kept.
    void done() noexcept {
        ++given_;
        due_.handled();
    }
    /// Something else is to be saved: a letter that changed.
    void changed() noexcept { due_.handled(); }
    /// Back at the saved place: what was given behind it, `unfinished` ones besides, may be a repeat now.
    void go_back(std::uint64_t unfinished) noexcept {
        left_ = std::max(left_, given_ + unfinished + left_out_behind(saved_));
        given_ = 0;
        thin_until_ = no_seq; // from a place on everything is given
    }

    // --- saving ------------------------------------------------------------------------------------------------------

    [[nodiscard]] const work::save_due& due() const noexcept { return due_; }
    void failed() noexcept { due_.failed(detail::steady_ns()); }
    [[nodiscard]] bool is_saving() const noexcept { return saver_.is_under_way(); }
    /// False after a sync of the directory that failed. Not while is_saving().
    [[nodiscard]] bool can_save() const noexcept { return saver_.cursor().can_save(); }

    /// Handling is held up: the next save promises more.
    void grow() noexcept { window_ = std::min(window_ * 8, most_window_); }
    /// Begins to save; not while is_saving().
    void ask(const cursor_place& at, const cursor_notes& notes) {
        ask_for(at);
        saver_.ask(at, announced(at, notes));
    }
    /// Whether a save has come to its end. Throws what went wrong with it.
    bool look() {
        std::exception_ptr why;
        return saver_.is_under_way() && saver_.take(why) && settle(why);
    }
    /// Waits for the save under way, if there is one. Throws what went wrong with it.
    bool wait() {
        if (!saver_.is_under_way()) return false;
        std::exception_ptr why;
        if (!saver_.take(why)) {
            if (is_held_up()) grow();
            saver_.wait(why);
        }
        return settle(why);
    }
    /// Saves while the caller waits; not while is_saving(). Throws what cursor::save throws.
    void save(const cursor_place& at, const cursor_notes& notes) { save_now(at, announced(at, notes)); }
    /// The last one, in good order: `unfinished` events behind `at` were given and not finished.
    void save_last(const cursor_place& at, cursor_notes notes, std::uint64_t unfinished) {
        notes.may_repeat = std::max(rest(), unfinished == 0 ? 0 : unfinished + left_out_behind(at));
        save_now(at, notes);
    }

private:
    static cursor_options cursor_options_of(const worker_options& o) {
        std::string also;
        for (const header_filter::wanted& w : o.headers.all()) also += (also.empty() ? "--header " : " --header ") + w.key + "=" + w.value;
        return {.filters = o.filters, .exclude = o.exclude, .also = also, .program = o.name, .on_notice = o.on_notice};
    }
    /// What is left of older announcements behind the last event given.
    [[nodiscard]] std::uint64_t rest() const noexcept { return left_ > given_ ? left_ - given_ : 0; }
    /// At most so many events stand between those that are given from `at` on.
    [[nodiscard]] std::uint64_t left_out_behind(const cursor_place& at) const noexcept { return thin_until_ > at.next ? thin_until_ - at.next : 0; }
    [[nodiscard]] cursor_notes announced(const cursor_place& at, cursor_notes notes) const noexcept {
        notes.may_repeat = std::max(rest(), window_ + left_out_behind(at));
        notes.unsure_letters = true;
        return notes;
    }
    void ask_for(const cursor_place& at) {
        asked_ = at;
        asked_given_ = given_;
        asked_window_ = window_;
        // From now on the file may be either: both promises have to hold.
        promised_ = std::min(promised_, given_ + window_);
        asked_pending_ = due_.pending();
        due_.saved(detail::steady_ns());
    }
    void save_now(const cursor_place& at, const cursor_notes& notes) {
        ask_for(at);
        std::exception_ptr why;
        try {
            saver_.cursor().save(at, notes);
        } catch (...) {
            why = std::current_exception();
        }
        settle(why);
    }
    /// What was asked for is on disk, or is not.
    bool settle(const std::exception_ptr& why) {
        if (why) {
            due_.handled(asked_pending_);
            due_.failed(detail::steady_ns());
            std::rethrow_exception(why);
        }
        // The file before, were it gone on from, announces twice its own window: what was given behind it stays within.
        const std::uint64_t by_the_one_before = asked_given_ == 0 ? promised_ : 2 * file_window_ - asked_given_;
        file_window_ = asked_window_;
        saved_ = asked_;
        if (thin_first_alone_ && asked_given_ != 0) thin_until_ = no_seq;
        left_ = left_ > asked_given_ ? left_ - asked_given_ : 0;
        // Not after the first: one quick save among slow ones says little.
        little_used_ = given_ < promised_ / 4 ? little_used_ + 1 : 0;
        if (little_used_ == 16) {
            little_used_ = 0;
            window_ = std::max(window_ / 2, least_window_);
        }
        given_ -= asked_given_;
        promised_ = std::min(asked_window_, by_the_one_before);
        return true;
    }

    cursor_saver saver_;
    work::save_due due_;
    cursor_place saved_{no_seq, no_seq};
    std::uint64_t batch_;
    std::uint64_t least_window_;
    std::uint64_t most_window_;
    std::uint64_t window_;    ///< what the next save promises
    unsigned little_used_ = 0; ///< saves in a row
    std::uint64_t file_window_; ///< what the file on disk promises by itself
    std::uint64_t promised_;  ///< so many may be given behind its place
    std::uint64_t left_;      ///< so many events from the saved place on may be repeats
    std::uint64_t given_ = 0; ///< since the saved place
    seq_t thin_until_ = no_seq;
    bool thin_first_alone_ = false;

    cursor_place asked_{};    ///< of the save under way
    std::uint64_t asked_given_ = 0;
    std::uint64_t asked_window_ = 0;
    std::uint64_t asked_pending_ = 0;
};

} // namespace work
} // namespace v1
} // namespace evbus
