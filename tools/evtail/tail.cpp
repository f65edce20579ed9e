#include "tools/evtail/tail.hpp"

#include "tools/cli/exit_codes.hpp"
#include "tools/evtail/look_back.hpp"

#include <evbus/error.hpp>

#include <algorithm>
#include <deque>
#include <limits>
#include <utility>

namespace evtail {
namespace {

constexpr std::uint64_t default_last = 10;
/// So many are kept in memory until the first of them is known; for more, they are counted and read again.
constexpr std::uint64_t most_kept = 10'000;
constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();

/// Lets the first `left` selected events through.
class first_few final : public sink {
public:
    first_few(sink& to, std::uint64_t left) : to_(&to), left_(left) {}
    void event(const evbus::event& e) override {
        if (left_ == 0) return;
        if (left_ != no_limit) --left_;
        to_->event(e);
    }
    void gap(const evbus::gap& g) override {
        if (left_ != 0) to_->gap(g);
    }
    [[nodiscard]] std::uint64_t left() const { return left_; }

private:
    sink* to_;
    std::uint64_t left_;
};

} // namespace

tail::tail(const options& o, cli::output& out, const cli::stop_signal* stop)
    : o_(&o), stop_(stop), show_(o, wanted_, out), move_(o, show_, out, stop) {
    if (o.grep) grep_.emplace("--grep", *o.grep);
    wanted_ = {.seqs = {1, o.to.value_or(evbus::max_seq)}, .since = o.since, .until = o.until, .grep = grep_ ? &*grep_ : nullptr};
    in_ = open_source(o);
    show_.names_from(in_.get());
    if (o.cursor) move_.keeps(cursor_.emplace(o, *in_, show_, out));
    if (o.is_live() && !o.bus.empty() && o.source == source_kind::automatic && in_->epoch() == evbus::epoch_t::none)
        cli::say("evtail", "bus " + o.bus + " has no ring at present: reading its log, and waiting for it to be created");
    if ((o.since || o.until) && !in_->is_stamped())
        throw evbus::error(evbus::errc::bad_option, {"", "--since and --until", "cannot be had: these events carry no publish times",
                                                     "choose by seq with --from and --to"});
}

int tail::run() {
    const ending how = show_all();
    show_.finish();
    if (cursor_) cursor_->save();
    if (how == ending::behind) cli::say("evtail", move_.why_behind());
    if (o_->stats) say_stats();
    return exit_code(how);
}

ending tail::show_all() {
    const seq_t head = in_->head();
    const seq_t top = std::min(wanted_.seqs.last, head - 1);
    if (!o_->is_live()) wanted_.seqs.last = top;
    if (cursor_) return show_from_cursor();
    if (o_->last_per_topic) return stream(evbus::from::newest_of_each_topic(top), wanted_.seqs.last, o_->is_live());
    const bool from_there = o_->all || o_->from || o_->from_epoch || o_->from_anchor || o_->since;
    const std::uint64_t n = o_->last.value_or(o_->newest_first && from_there ? no_limit : default_last);
    if (o_->from == evbus::max_seq) return stream(head, wanted_.seqs.last, o_->is_live()); // --from end
    if (o_->topics && !from_there && !o_->last)
        return stream(o_->follow ? head : find_beginning().first, wanted_.seqs.last, o_->is_live());
    const beginning floor = find_beginning();
    if (floor.asked) wanted_.seqs.first = floor.first;
    if (from_there && !o_->last && !o_->newest_first) return stream(evbus::from::place({floor.first, floor.walk_from}), wanted_.seqs.last, o_->is_live());
    const ending how = show_last(floor, top, n);
    if (!o_->is_live()) return how;
    if (how == ending::behind) return stream(move_.stuck_at(), wanted_.seqs.last, true); // as long as it takes
    if (how != ending::reached) return how;
    return stream(std::max(head, wanted_.seqs.first), wanted_.seqs.last, true);
}

ending tail::show_from_cursor() {
    if (cursor_->place()) wanted_.seqs.first = cursor_->place()->next;
    return stream(cursor_->start(), wanted_.seqs.last, o_->is_live());
}

tail::beginning tail::find_beginning() {
    if (o_->from) return {*o_->from, *o_->from, true};
    if (o_->from_anchor) {
        const evbus::cursor_place at = in_->read(evbus::from::anchor())->place();
        return {at.next, at.walk_from, true};
    }
    const auto where = o_->from_epoch ? evbus::from::this_epoch() : o_->since ? evbus::from::time_ns(*o_->since) : evbus::from::oldest();
    const seq_t first = std::max<seq_t>(in_->read(where)->next(), 1);
    return {first, first, o_->from_epoch || o_->since};
}

ending tail::show_last(const beginning& floor, seq_t top, std::uint64_t n) {
    if (n == 0 || top < floor.first || top == evbus::max_seq) return ending::reached;
    if (o_->newest_first) return show_reverse(floor, top, n);
    return n <= most_kept ? show_last_kept(floor, top, n) : show_last_streamed(floor, top, n);
}

ending tail::show_reverse(const beginning& floor, seq_t top, std::uint64_t n) {
    first_few some(show_, n);
    look_back pages(*in_, move_, wanted_, {floor.first, top}, floor.asked, read_);
    return pages.run(true, [&](page&& p) {
        p.give_backwards(some);
        return some.left() != 0 && !show_.is_done();
    });
}

ending tail::show_last_kept(const beginning& floor, seq_t top, std::uint64_t n) {
    std::deque<page> kept;
    std::uint64_t found = 0;
    look_back pages(*in_, move_, wanted_, {floor.first, top}, floor.asked, read_);
    const ending how = pages.run(true, [&](page&& p) {
        found += p.events();
        kept.push_front(std::move(p));
        return found < n;
    });
    if (how == ending::stopped) return how;
    if (found >= n) show_.skip(found - n);
    for (const page& p : kept) p.give(show_);
    return how;
}

ending tail::show_last_streamed(const beginning& floor, seq_t top, std::uint64_t n) {
    seq_t first = floor.first;
    std::uint64_t found = 0;
    look_back pages(*in_, move_, wanted_, {floor.first, top}, floor.asked, read_);
    const ending how = pages.run(false, [&](page&& p) {
        found += p.events();
        first = p.range().first;
        return found < n;
    });
    if (how != ending::reached) return how;
    // As when it was counted: what ends in the page may begin before it.
    const std::uint64_t lead = first == floor.first ? 0 : std::min(first - floor.first, in_->longest_event());
    wanted_.seqs.first = first;
    if (found >= n) show_.skip(found - n);
    return stream(first - lead, top, false);
}

ending tail::stream(evbus::from first, seq_t last, bool live) {
    while (true) {
        ending how;
        seq_t next;
        {
            const std::unique_ptr<reader> from = in_->read(first);
            if (cursor_) cursor_->reads(*from);
            how = move_.run(*in_, *from, cursor_ ? static_cast<sink&>(*cursor_) : show_, last, live);
            if (cursor_) cursor_->leaves_reader();
            next = from->next();
            from->add_to(read_);
        }
        if (how != ending::stale) return how;
        if (const ending over = follow_on(next); over != ending::stale) return over;
        first = evbus::from::seq(next);
    }
}

// The bus was removed, or created anew, or both. Goes on with what there is under its name: the new
// ring, or the log until there is one. `stale` when it may be read again, at `next`.
ending tail::follow_on(seq_t& next) {
    const evbus::bus_id id = in_->id();
    const evbus::epoch_t left = in_->epoch();
    bool told = false;
    const auto tell = [&](const std::string& text) {
        if (left != evbus::epoch_t::none && !std::exchange(told, true)) cli::say("evtail", "bus " + o_->bus + text);
    };
    while (true) {
        try {
            std::unique_ptr<source> fresh = open_source(*o_);
            if (fresh->epoch() == evbus::epoch_t::none || fresh->epoch() != left) {
                const bool same = fresh->id() == id;
                if (!same && cursor_)
                    throw evbus::error(evbus::errc::foreign_log, {"follow bus " + o_->bus, "", "it was created anew, as another one, and the cursor's place is in the first",
                                                                  "go on with a cursor of another name"});
                if (!same) next = fresh->read(evbus::from::oldest())->next();
                tell(fresh->epoch() == evbus::epoch_t::none ? " was removed: reading its log, and waiting for it to be created anew"
                     : same ? " was created anew: going on with seq " + std::to_string(next)
                            : " was created anew, as another one: its seqs begin again with " + std::to_string(next));
                in_ = std::move(fresh);
                show_.names_from(in_.get());
                return ending::stale;
            }
        } catch (const evbus::error& e) {
            if (e.kind() != evbus::errc::not_found && e.kind() != evbus::errc::not_a_bus) throw;
        }
        tell(" was removed: waiting for it to be created anew");
        if (const auto over = move_.time_is_up(true)) return *over;
        if (stop_ != nullptr && stop_->wait_ms(250)) return ending::stopped;
    }
}

int tail::exit_code(ending how) const {
    if (show_.is_cut_off() || how == ending::stopped) return cli::exit_fine;
    if (show_.saw_damage()) return cli::exit_damage;
    if (show_.gaps() != 0 || how == ending::behind) return cli::exit_gaps;
    if (o_->count && !show_.is_complete() && how == ending::out_of_time) return cli::exit_not_in_time;
    return show_.shown() == 0 ? cli::exit_nothing_matched : cli::exit_fine;
}

void tail::say_stats() const {
    const auto number = [](std::uint64_t n) { return std::to_string(n); };
    cli::say("evtail", "shown " + number(show_.shown()) + "; read " + number(read_.from_ring) + " events from the ring (" +
                           number(read_.ring_bytes) + " bytes), " + number(read_.from_log) + " from the log (" + number(read_.log_bytes) +
                           " bytes in " + number(read_.log_reads) + " reads, " + number(read_.log_commits) + " commits); " +
                           number(read_.voids) + " void seqs; " + number(show_.gaps()) + " gaps of " + number(show_.seqs_in_gaps()) + " seqs");
}

} // namespace evtail
