#include "tools/evplay/player.hpp"

#include "tools/cli/exit_codes.hpp"
#include "tools/cli/units.hpp"

#include <evbus/error.hpp>
#include <evbus/ring/clock.hpp>

#include <algorithm>
#include <chrono>

#include <poll.h>

using namespace std::chrono_literals;

namespace evplay {
namespace {

/// The wait for a recorder is cut into slices, so that a signal is heard during it.
constexpr auto slice = 200ms;

} // namespace

player::player(const options& o, const cli::stop_signal& stop)
    : o_(&o), stop_(&stop), at_(cli::find_log("play log", o.log)), walk_(evbus::log::posix(), at_.dir, {}),
      pace_(o.speed, o.longest_pause) {
    const auto refuse_own = [&] {
        throw evbus::error(evbus::errc::mismatch, {"play log", at_.dir, "it is the log of bus " + o.to + " itself", "name another bus to play on"});
    };
    if (o.to == o.log || (at_.ring && at_.ring->name() == o.to)) refuse_own();
    evbus::bus_options create = o.create;
    create.on_notice = [](const evbus::notice& n) { cli::say("evplay", n.text); };
    // A bus that is there is taken as it is, with its log or without.
    if (const std::optional<evbus::bus> there = cli::try_observe(o.to)) {
        if (there->id() == walk_.log().bus()) refuse_own();
        create.with_log = create.with_log || !there->log_dir().empty();
    }
    bus_ = evbus::bus::open_or_create(o.to, create);
    if (bus_->id() == walk_.log().bus()) refuse_own();
    publisher_.emplace(*bus_, evbus::publisher_options{o.name, create.on_notice});
}

/// While the log grows, no further than its recorder says.
evbus::seq_t player::last_readable() const {
    const evbus::seq_t asked = o_->to_seq.value_or(evbus::max_seq);
    if (!at_.ring || !at_.ring->is_current() || !at_.ring->has_recorder()) return asked;
    return std::min(asked, at_.ring->frontier().written);
}

int player::run() {
    outcome how = outcome::goes_on;
    do {
        const std::uint64_t before = played_;
        how = play_once();
        if (played_ == before) break;
    } while (o_->loop && how != outcome::stopped);
    if (!o_->quiet) summarize();
    if (how == outcome::stopped) return 128 + stop_->number();
    if (in_gaps_ != 0) return cli::exit_gaps;
    return played_ == 0 ? cli::exit_nothing_matched : cli::exit_fine;
}

player::outcome player::play_once() {
    evbus::filter_set wanted(o_->filters, o_->exclude);
    wanted.remember();
    evbus::delivery deliver;
    evbus::log::log_reader& log = walk_.log();
    evbus::seq_t next = o_->since ? log.seek_time(*o_->since) : o_->from.value_or(std::max<evbus::seq_t>(log.first_seq(), 1));
    const evbus::seq_t end = std::min(last_readable(), log.last_seq());
    pace_ = pace(o_->speed, o_->longest_pause);
    begun_ns_ = evbus::detail::steady_ns();
    outcome how = outcome::goes_on;
    const auto on_event = [&](const evbus::event& e) {
        if (how == outcome::goes_on) how = play(e);
    };
    const auto on_gap = [&](const evbus::gap& g) {
        if (how == outcome::goes_on) tell_gap(g);
    };
    const auto no_member = [](const evbus::log::member_info&) {};
    // One event a turn: what was read and could not be played any more must not count as played.
    while (how == outcome::goes_on && next <= end && !stop_->asked()) {
        const evbus::log_rest rest = walk_.poll(next, end, wanted, deliver, on_event, on_gap, no_member, {.max_events = 1});
        if (rest == evbus::log_rest::failed) throw evbus::error(evbus::errc::io, {"play log", "", log.failure()});
        if (rest == evbus::log_rest::end) break;
    }
    return stop_->asked() ? outcome::stopped : how;
}

player::outcome player::play(const evbus::event& e) {
    if (o_->since && e.published() < *o_->since) return outcome::goes_on;
    // Stamps of several publishers step back by moments; what is later by more will not come back.
    if (o_->until && e.published() > *o_->until)
        return e.published() - *o_->until > 1'000'000'000 ? outcome::reached : outcome::goes_on;
    if (!wait_until(pace_.due(e.published()))) return outcome::stopped;
    const evbus::topic to(e.topic());
    const outcome how = publish(to, e, {headers_of(e)});
    if (how != outcome::goes_on) return how;
    ++played_;
    if (first_ == evbus::no_seq) first_ = e.seq();
    last_ = e.seq();
    return how;
}

evbus::headers_view player::headers_of(const evbus::event& e) {
    if (e.published() == 0 || e.headers().find(evbus::header_key::origin_time)) return e.headers();
    headers_ = {};
    try {
        for (const evbus::header& h : e.headers()) headers_.add(h.key, h.value);
        headers_.origin_time(e.published());
        if (publisher_->max_event(evbus::topic(e.topic()), headers_.words().size_bytes()) >= e.payload().size()) return headers_.view();
    } catch (const evbus::error&) {
        // No room: the event goes out as it was.
    }
    ++without_time_;
    return e.headers();
}

bool player::wait_until(std::int64_t due_ns) const {
    while (!stop_->asked()) {
        const std::int64_t left = due_ns - (evbus::detail::steady_ns() - begun_ns_);
        if (left <= 0) return true;
        const timespec nap{static_cast<time_t>(left / 1'000'000'000), static_cast<long>(left % 1'000'000'000)};
        pollfd stop{stop_->fd(), POLLIN, 0};
        ::ppoll(&stop, 1, &nap, nullptr);
    }
    return false;
}

player::outcome player::publish(const evbus::topic& to, const evbus::event& e, const evbus::publish_options& with) {
    while (true) {
        const evbus::published r = publisher_->publish_for(slice, to, e.payload(), with);
        if (r) return outcome::goes_on;
        if (r.status == evbus::publish_status::timed_out) {
            if (stop_->asked()) return outcome::stopped;
            continue;
        }
        const std::string where = "seq " + std::to_string(e.seq()) + " on bus " + o_->to;
        if (r.status == evbus::publish_status::too_large)
            throw evbus::error(evbus::errc::too_large, {"play", where, "an event of " + cli::format_count(e.payload().size()) +
                                                        " bytes does not fit; that bus takes " + cli::format_count(publisher_->max_event(to)),
                                                        "play on a bus with more --slots or larger --slot-bytes"});
        if (r.status == evbus::publish_status::retired)
            throw evbus::error(evbus::errc::retired, {"play", where, "the bus was removed", "play again from seq " + std::to_string(e.seq())});
        throw evbus::error(evbus::errc::damaged, {"play", where, to_string(r.status), "evctl doctor tells more"});
    }
}

void player::tell_gap(const evbus::gap& g) {
    in_gaps_ += g.seqs;
    cli::say("evplay", "gap: seqs " + std::to_string(g.range.first) + " to " + std::to_string(g.range.last) + " cannot be had: " + to_string(g.cause));
}

void player::summarize() const {
    std::string text = "played " + cli::format_count(played_, "event");
    if (played_ != 0) text += ", seqs " + std::to_string(first_) + " to " + std::to_string(last_) + " of " + at_.dir + ", on bus " + o_->to;
    if (in_gaps_ != 0) text += "; " + cli::format_count(in_gaps_) + " seqs in gaps";
    if (without_time_ != 0) text += "; " + cli::format_count(without_time_) + " without an origin time, for want of room in their headers";
    cli::say("evplay", text);
}

} // namespace evplay
