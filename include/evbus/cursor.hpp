// A consumer's durable place, kept beside the log under a name:
//
//   evbus::cursor mine(bus, "billing", {.filters = {"orders.>"}});
//   evbus::consumer all(bus, {.filters = {"orders.>"}, .from = mine.start()});
//   while (work()) {
//       all.poll(on_event, on_gap);
//       mine.save(all.place());        // everything given so far is handled
//   }
//
// What was handled and not saved is given again after a crash: at least once, never left out. A cursor is
// bound to its bus and to the filter, and fails closed: a place that cannot be trusted is an error that says
// what to do, never a silent start from somewhere else.
#pragma once

#include <evbus/bus.hpp>
#include <evbus/detail/cpu.hpp>
#include <evbus/detail/fork_guard.hpp>
#include <evbus/error.hpp>
#include <evbus/filter.hpp>
#include <evbus/from.hpp>
#include <evbus/log/cursor_list.hpp>
#include <evbus/log/cursor_store.hpp>
#include <evbus/log/log_reader.hpp>
#include <evbus/notice.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace evbus {
inline namespace v1 {

struct cursor_options {
    std::vector<std::string> filters{}; ///< as the consumer has them, in any order
    std::vector<std::string> exclude{};
    std::string also{};                 ///< what else decides which events are handled, in words that stay the same
    std::string program = "consumer";   ///< what others read about the user of this cursor
    notice_hook on_notice{};            ///< called within the constructor
};

using log::cursor_notes;

/// Where cursors are kept, and how far what they point into goes.
struct cursor_home {
    std::string log_dir;
    bus_id id;
    seq_t head = 1; ///< no place above it is believed

    /// Of a bus: its log's directory, and the head of its ring. Throws bad_option for a bus without a log.
    [[nodiscard]] static cursor_home of(const bus& on) {
        if (on.log_dir().empty())
            throw error(errc::bad_option, {"keep a cursor", "bus " + on.name(), "it has no log, and cursors are kept beside the log",
                                           "create the bus with a log"});
        return {on.log_dir(), on.id(), on.head()};
    }
    /// Of a log without its ring. Throws what log_reader throws.
    [[nodiscard]] static cursor_home of_log(const std::string& dir, log::file_system& fs = log::posix()) {
        log::log_reader log(fs, dir);
        const seq_t last = log.last_seq();
        return {dir, log.bus(), last == no_seq ? std::max<seq_t>(log.first_seq(), 1) : last + 1};
    }
};

/// One user at a time, on this machine; one thread at a time; movable. The destructor frees the name, and saves
/// nothing. Every call may wait for the disk.
class cursor {
public:
    /// Takes the cursor `name`. Throws bad_name; busy, naming the process that uses it; mismatch for another
    /// filter than the one it was saved with, or a place above the head; foreign_log for one of another bus;
    /// damaged when no whole file is left of it; wrong_version; permission and what else the system reports.
    /// When only the newest file is damaged the place before it is used, with a notice.
    cursor(const bus& on, const std::string& name, const cursor_options& how = {}) : cursor(cursor_home::of(on), name, how) {}
    cursor(const cursor_home& home, const std::string& name, const cursor_options& how = {}, log::file_system& fs = log::posix())
        : name_(name), bus_(home.id), filter_(filter_text(how)),
          store_(log::cursor_store::open(fs, {home.log_dir}, name, how.program)) {
        if (store_.found().is_new()) return;
        const log::cursor_info found = log::describe_cursor(store_.found(), name, bus_);
        check_state(found);
        check_filter(found.saved.filter);
        check_head(found.saved.place.next, home.head);
        place_ = found.saved.place;
        notes_ = found.saved.notes;
        // Of the damaged file nobody knows how much further it was: at most as far as the one before allowed.
        if (store_.found().current.fault == log::cursor_fault::damaged) notes_.may_repeat += std::min(notes_.may_repeat, max_seq - notes_.may_repeat);
        if (found.state == log::cursor_state::older && how.on_notice)
            how.on_notice({notice_kind::repaired, "cursor " + name + ": " + found.words, place_->next});
    }

    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// The place saved last; nothing when none ever was.
    [[nodiscard]] const std::optional<cursor_place>& place() const noexcept { return place_; }
    /// What was saved with it.
    [[nodiscard]] const cursor_notes& notes() const noexcept { return notes_; }
    /// Where a consumer goes on: at the place, or at the oldest when there is none yet.
    [[nodiscard]] from start() const noexcept { return place_ ? from::place(*place_) : from::oldest(); }

    /// Makes `at` the place: on disk when it returns. The same place again is fine and costs nothing. Throws
    /// bad_option when `at` lies before the place, forked in a child, and what the system reports: then the
    /// place before holds, and saving may be tried again, except after a failed sync of the directory.
    void save(const cursor_place& at, const cursor_notes& with = {}) {
        if (place_ && at.next < place_->next)
            throw error(errc::bad_option, {"save cursor " + name_, "seq " + std::to_string(at.next),
                                           "lies before its place, seq " + std::to_string(place_->next), "reset it, if going back is meant"});
        if (place_ == at && notes_ == with) return;
        put(at, with);
    }
    /// Makes `at` the place wherever it lies, also after a crash that damages the newest file. Throws as save().
    void reset(const cursor_place& at, const cursor_notes& with = {}) {
        put(at, with);
        put(at, with); // the file before too: else it went on from the old place, and kept it from retention
    }
    /// False after a sync of the directory that failed: no save will succeed any more. Open the cursor anew.
    [[nodiscard]] bool can_save() const noexcept { return store_.can_save(); }

    /// The filter of `how` as a cursor keeps it. Throws bad_filter, or too_large.
    [[nodiscard]] static std::string filter_text(const cursor_options& how) {
        const filter_set checked(how.filters, how.exclude);
        std::string text;
        for (const std::string& p : sorted(checked.include())) text += (text.empty() ? "" : " ") + p;
        for (const std::string& p : sorted(checked.exclude())) text += " -x " + p;
        if (!how.also.empty()) text += " " + how.also;
        if (text.size() > log::max_cursor_filter_bytes)
            throw error(errc::too_large, {"keep a cursor", "its filter", "has more than " + std::to_string(log::max_cursor_filter_bytes) + " bytes of patterns",
                                          "use wildcards, or several cursors"});
        return text;
    }

private:
    static std::vector<std::string> sorted(const std::vector<filter>& patterns) {
        std::vector<std::string> out;
        for (const filter& f : patterns) out.push_back(f.pattern());
        std::sort(out.begin(), out.end());
        out.erase(std::unique(out.begin(), out.end()), out.end());
        return out;
    }
    [[noreturn]] void refuse(errc code, std::string_view problem, std::string_view way_out = {}) const {
        throw error(code, {"open cursor " + name_, "", problem, way_out});
    }
    void check_state(const log::cursor_info& found) const {
        switch (found.state) {
        case log::cursor_state::ok:
        case log::cursor_state::older: return;
        case log::cursor_state::damaged: refuse(errc::damaged, found.words);
        case log::cursor_state::foreign: refuse(errc::foreign_log, found.words);
        case log::cursor_state::unsupported: refuse(errc::wrong_version, found.words);
        case log::cursor_state::unreadable: refuse(errc::io, found.words);
        }
    }
    void check_filter(const std::string& saved) const {
        if (saved == filter_ || saved.empty()) return; // empty: bound to the first who uses it
        const auto shown = [](const std::string& text) { return "'" + (text.size() > 200 ? text.substr(0, 200) + "..." : text) + "'"; };
        refuse(errc::mismatch, "it was saved with the filter " + shown(saved) + ", and not with " + shown(filter_),
               "its place says nothing about other events: use that filter, or a cursor of another name");
    }
    void check_head(seq_t seq, seq_t head) const {
        if (seq <= head) return;
        refuse(errc::mismatch, "its place, seq " + std::to_string(seq) + ", lies ahead of ring and log, which end before seq " + std::to_string(head),
               "the bus lost its end, or this is not its log; created anew, the bus begins above that place; or reset the cursor");
    }
    void put(const cursor_place& at, const cursor_notes& with) {
        if (guard_.in_child())
            throw error(errc::forked, {"save cursor " + name_, "a handle of the parent process", "it does not work in a forked child",
                                       "open a cursor of another name in the child"});
        if (at.walk_from == no_seq || at.walk_from > at.next)
            throw error(errc::bad_option, {"save cursor " + name_, "seq " + std::to_string(at.next), "is no place",
                                           "seqs begin at 1, and walk_from is not above next"});
        if (const int r = store_.save({bus_, at, 0, detail::wall_ns(), filter_, with}); r < 0)
            detail::throw_errno(-r, "save cursor " + name_, store_.path());
        place_ = at;
        notes_ = with;
    }

    std::string name_;
    bus_id bus_;
    std::string filter_;
    log::cursor_store store_;
    detail::fork_guard guard_;
    std::optional<cursor_place> place_;
    cursor_notes notes_;
};

} // namespace v1
} // namespace evbus
