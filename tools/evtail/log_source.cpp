#include "tools/evtail/log_source.hpp"

#include "tools/evtail/steady.hpp"

#include <evbus/delivery.hpp>
#include <evbus/filter.hpp>
#include <evbus/log/anchors.hpp>
#include <evbus/log/epochs.hpp>
#include <evbus/log/newest_search.hpp>
#include <evbus/log_walk.hpp>
#include <evbus/newest_events.hpp>

#include <algorithm>
#include <ctime>

namespace evtail {
namespace {

/// Where the ring that this log knows last began.
seq_t last_creation(const std::string& dir) {
    const std::vector<evbus::log::epoch_record> all = evbus::log::read_epochs(evbus::log::posix(), {dir});
    if (all.empty())
        throw evbus::error(evbus::errc::not_found, {"read log", evbus::log::log_dir{dir}.epochs(), "no creation of the bus is noted there",
                                                    "start elsewhere: --from begin, or a seq"});
    // A removal has a second line for its epoch, with the seq at which it ended.
    const bool ended = all.size() > 1 && all[all.size() - 2].epoch == all.back().epoch;
    return all[all.size() - (ended ? 2 : 1)].first_seq;
}

class log_place final : public reader {
public:
    log_place(log_source& in, const std::string& dir, const event_filter& wanted, evbus::from where)
        : source_(&in), walk_(evbus::log::posix(), dir, {in.id()}), wanted_(wanted.topics, wanted.exclude) {
        wanted_.remember();
        walk_.want_headers(wanted.headers);
        if (!wanted.headers.empty()) deliver_.pick_by_first_frames();
        switch (where.what()) {
        case evbus::from::kind::head: next_ = in.head(); break;
        case evbus::from::kind::oldest: next_ = std::max<seq_t>(walk_.log().first_seq(), 1); break;
        case evbus::from::kind::seq: next_ = where.place().walk_from; break;
        case evbus::from::kind::epoch: next_ = last_creation(dir); break;
        case evbus::from::kind::time: next_ = walk_.log().seek_time(where.ns()); break;
        case evbus::from::kind::newest: begin_at_newest(dir, wanted.headers, where.first_seq()); break;
        case evbus::from::kind::anchor:
            next_ = std::max<seq_t>(walk_.log().first_seq(), 1);
            if (const auto newest = evbus::log::newest_anchor(evbus::log::posix(), {dir}, {in.id()})) {
                begin_ = newest->place();
                next_ = begin_.walk_from;
            }
            break;
        }
    }
    rest poll(sink& to, seq_t last) override {
        if (newest_ && next_ > newest_->pick().top) {
            walk_.want_only(nullptr);
            newest_.reset();
        }
        const auto on_event = [&](const evbus::event& e) { to.event(e); };
        const auto on_gap = [&](const evbus::gap& g) { to.gap(g); };
        if (!newest_) return walk(on_event, on_gap, last);
        const rest how = walk(newest_->give_to(on_event, deliver_), on_gap, std::min(last, newest_->pick().top));
        return how == rest::end && next_ > newest_->pick().top ? rest::more : how;
    }
    template <class OnEvent, class OnGap>
    rest walk(OnEvent on_event, const OnGap& on_gap, seq_t last) {
        const auto no_member = [](const evbus::log::member_info&) {};
        switch (walk_.poll(next_, std::min(last, source_->limit()), wanted_, deliver_, on_event, on_gap, no_member, {.max_events = 4096})) {
        case evbus::log_rest::limits: return rest::more;
        case evbus::log_rest::end: return rest::end;
        case evbus::log_rest::failed: break;
        }
        return rest::failed;
    }
    void wait(std::chrono::nanoseconds limit) override {
        // Nothing rings when a file grows; a signal ends the nap.
        const std::int64_t ns = std::min<std::int64_t>(limit.count(), 250'000'000);
        const timespec nap{0, static_cast<long>(std::max<std::int64_t>(ns, 0))};
        ::nanosleep(&nap, nullptr);
    }
    seq_t next() const override { return next_; }
    std::uint64_t headless() const override { return deliver_.account().headless; }
    evbus::cursor_place place() const override {
        if (next_ < begin_.next) return begin_;
        return {next_, deliver_.has_open() ? deliver_.oldest_open() : next_};
    }
    std::string failure() const override { return const_cast<evbus::log_walk&>(walk_).log().failure(); }
    void add_to(read_counts& sum) const override {
        const evbus::log::read_stats s = const_cast<evbus::log_walk&>(walk_).log().stats();
        sum.from_log += deliver_.account().events;
        sum.voids += deliver_.account().voids;
        sum.log_bytes += s.bytes + searched_.bytes;
        sum.log_reads += s.reads + searched_.reads;
        sum.log_commits += s.commits;
    }

private:
    void begin_at_newest(const std::string& dir, const evbus::header_filter& headers, seq_t up_to) {
        const seq_t top = std::min({up_to, source_->limit(), walk_.log().last_seq()});
        evbus::newest_topics topics(wanted_, headers);
        evbus::log::newest_search search(evbus::log::posix(), {dir}, walk_.log(), wanted_, headers, topics);
        search.run(top, source_->grows() ? source_->longest_event() : 0);
        searched_ = search.stats();
        newest_.emplace(topics.pick(top));
        walk_.want_only(&newest_->pick().ranges);
        next_ = newest_->pick().begin;
    }

    log_source* source_;
    evbus::log_walk walk_;
    evbus::filter_set wanted_;
    evbus::delivery deliver_;
    evbus::cursor_place begin_{}; ///< before it, what is read is read for the sake of what ends behind it
    std::optional<evbus::newest_events> newest_; ///< until all of them were given
    evbus::log::read_stats searched_;            ///< to find them
    seq_t next_ = 1;
};

} // namespace

log_source::log_source(const std::string& dir, std::string bus_name, bool awaits_ring, event_filter wanted, bool grows)
    : dir_(dir), bus_name_(std::move(bus_name)), awaits_ring_(awaits_ring), grows_(grows), wanted_(std::move(wanted)),
      log_(evbus::log::posix(), dir), names_(dir, log_.bus(), nullptr) {
    look_for_bus();
}

std::unique_ptr<reader> log_source::read(evbus::from where) {
    return std::make_unique<log_place>(*this, dir_, wanted_, where);
}

seq_t log_source::head() {
    const seq_t last = log_.last_seq();
    if (last == evbus::no_seq) return std::max<seq_t>(log_.first_seq(), 1);
    return std::min(last, limit()) + 1;
}

evbus::cursor_home log_source::cursors() {
    const seq_t last = log_.last_seq();
    // A reader of the ring may have been ahead of the recorder.
    const seq_t in_ring = bus_ && bus_->id() == id() ? bus_->head() : 1;
    return {dir_, id(), std::max(in_ring, last == evbus::no_seq ? std::max<seq_t>(log_.first_seq(), 1) : last + 1)};
}

bool log_source::is_stamped() { return log_.last_seq() == evbus::no_seq || log_.last_time_ns() != 0; }

bool log_source::is_stale() {
    look_for_bus();
    return awaits_ring_ && bus_;
}

seq_t log_source::limit() {
    if (!bus_ || !bus_->is_current() || bus_->id() != id() || !bus_->has_recorder()) return evbus::max_seq;
    return bus_->frontier().written;
}

void log_source::look_for_bus() {
    if (bus_name_.empty() || (bus_ && bus_->is_current())) return;
    bus_.reset();
    const std::int64_t now = steady_ns();
    if (looked_ns_ != 0 && now - looked_ns_ < 200'000'000) return;
    looked_ns_ = now;
    try {
        bus_ = evbus::bus::observe(bus_name_);
    } catch (const evbus::error&) {
        // Not there, or not to be read: the log is read for itself.
    }
}

} // namespace evtail
