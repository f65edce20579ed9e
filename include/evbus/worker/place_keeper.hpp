// A worker's place: where its cursor stands, what was handled behind it, and which events may be repeats.
//
// The one rule: before an event is handled, the file says that it may have been. So a file promises that at
// most `may_repeat` events behind its place were ever given to a handler, in any life; and no more are given
// until the next save.
#pragma once

#include <evbus/cursor.hpp>
#include <evbus/worker_options.hpp>

#include <algorithm>
#include <cstdint>
#include <string>

namespace evbus {
inline namespace v1 {
namespace work {

class place_keeper {
public:
    /// Opens the cursor; throws what that throws. At most `batch` events are handled between two looks at room().
    place_keeper(const bus& on, const worker_options& o, std::size_t batch, log::file_system& fs)
        : cursor_(cursor_home::of(on), o.cursor, cursor_options_of(o), fs), due_(o.save, detail::steady_ns()),
          window_(o.save.events + batch - 1), left_(cursor_.notes().may_repeat) {}

    [[nodiscard]] bool is_new() const noexcept { return !cursor_.place(); }
    [[nodiscard]] const evbus::cursor& cursor() const noexcept { return cursor_; }
    /// The place saved last. Only once begin() was called, or unless is_new().
    [[nodiscard]] const cursor_place& saved() const noexcept { return *cursor_.place(); }

    /// Makes sure that the file, and the one before it, announce what is to come. Before the first event; throws.
    void begin(const cursor_place& at, const cursor_notes& notes) {
        cursor_.reset(at, announced(notes));
        due_.saved(detail::steady_ns());
    }

    // --- events given by the consumer, in order ----------------------------------------------------------------------

    /// May the `ahead`-th next one be a repeat?
    [[nodiscard]] bool may_repeat(std::uint64_t ahead = 0) const noexcept { return given_ + ahead < left_; }
    /// It is handled, or its letter is kept.
    void done(std::uint64_t events = 1) noexcept {
        given_ += events;
        due_.handled(events);
    }
    /// Something else is to be saved: a letter that changed.
    void changed() noexcept { due_.handled(); }
    /// Back at the saved place: what was given behind it, `unfinished` ones besides, may be a repeat now.
    void go_back(std::uint64_t unfinished) noexcept {
        left_ = std::max(left_, given_ + unfinished);
        given_ = 0;
    }

    // --- saving ------------------------------------------------------------------------------------------------------

    [[nodiscard]] work::save_due& due() noexcept { return due_; }
    /// Throws what cursor::save throws, and counts that as a try.
    void save(const cursor_place& at, cursor_notes notes) { keep(at, announced(notes)); }
    /// The last one, in good order: `unfinished` events behind `at` were given and not finished.
    void save_last(const cursor_place& at, cursor_notes notes, std::uint64_t unfinished) {
        notes.may_repeat = std::max(rest(), unfinished);
        keep(at, notes);
    }

private:
    static cursor_options cursor_options_of(const worker_options& o) {
        std::string also;
        for (const header_filter::wanted& w : o.headers.all()) also += (also.empty() ? "--header " : " --header ") + w.key + "=" + w.value;
        return {.filters = o.filters, .exclude = o.exclude, .also = also, .program = o.name, .on_notice = o.on_notice};
    }
    /// What is left of the announcement when all that was given is behind the place.
    [[nodiscard]] std::uint64_t rest() const noexcept { return left_ > given_ ? left_ - given_ : 0; }
    [[nodiscard]] cursor_notes announced(cursor_notes notes) const noexcept {
        notes.may_repeat = std::max(rest(), window_);
        notes.unsure_letters = true;
        return notes;
    }
    void keep(const cursor_place& at, const cursor_notes& notes) {
        try {
            cursor_.save(at, notes);
        } catch (...) {
            due_.failed(detail::steady_ns());
            throw;
        }
        left_ = rest();
        given_ = 0;
        due_.saved(detail::steady_ns());
    }

    evbus::cursor cursor_;
    work::save_due due_;
    std::uint64_t window_;    ///< so many are handled between two saves at most
    std::uint64_t left_;      ///< so many events from the saved place on may be repeats
    std::uint64_t given_ = 0; ///< since the saved place
};

} // namespace work
} // namespace v1
} // namespace evbus
