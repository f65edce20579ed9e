// A small language for tests of recorder and consumer: a bus with a log of its own that leaves nothing
// behind, a recorder in a thread, events that can be recognised, and readers that check them.
//
//   world w({.slots = 64});
//   recorder_thread recorder(w.bus());
//   author pen(w.bus(), 1);
//   pen.publish(1000);
//   CHECK(recorder.stop().state == recorder_state::ended);
//   CHECK(w.whole_log().all_of({{1, 1000}}));
#pragma once

#include "lib/recorder/manifest.hpp"
#include "lib/recorder/recording.hpp"

#include "tests/support/rounds.hpp"
#include "tests/support/scratch_bus.hpp"

#include <evbus/bus.hpp>
#include <evbus/consumer.hpp>
#include <evbus/log_walk.hpp>
#include <evbus/publisher.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

namespace recorder_test {

using namespace evbus;
using lines = std::vector<std::string>;
using ring::recorder_state;

using support::is_short;
using support::rounds;

/// Waits without end: a test that hangs is ended by its runner, and no verdict hangs on a time.
template <class Condition>
void wait_until(Condition&& holds) {
    for (int turn = 0; !holds(); ++turn) {
        if (turn < 50) ::sched_yield();
        else ::usleep(500);
    }
}

inline constexpr std::chrono::seconds ages{3600};

// --- events that can be recognised ---------------------------------------------------------------

/// Author and number, and then bytes that follow from both.
inline std::string payload_of(std::uint32_t who, std::uint64_t n, std::size_t longest) {
    std::string out = std::to_string(who) + ":" + std::to_string(n) + ":";
    std::uint64_t x = (std::uint64_t{who} << 40 ^ n) * 0x9e3779b97f4a7c15u + 1;
    const std::size_t more = longest == 0 ? 0 : (x >> 33) % longest;
    for (std::size_t i = 0; i < more; ++i) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        out.push_back(static_cast<char>(x >> 56));
    }
    return out;
}

/// Publishes numbered events, from 1 on.
class author {
public:
    author(const bus& on, std::uint32_t who, std::size_t longest = 0)
        : who_(who), longest_(longest), topic_("who." + std::to_string(who)), pen_(on, {.name = "author-" + std::to_string(who)}) {}

    void publish(std::uint64_t count = 1) {
        for (std::uint64_t i = 0; i < count; ++i) {
            const evbus::published p = pen_.publish(topic_, payload_of(who_, ++n_, longest_));
            if (!p) FAIL("publish: " << to_string(p.status));
            last_ = p.seq;
        }
    }
    [[nodiscard]] publish_status attempt() {
        const std::string text = payload_of(who_, n_ + 1, longest_);
        const evbus::published p = pen_.try_publish(topic_, std::as_bytes(std::span(text)));
        if (p) last_ = p.seq, ++n_;
        return p.status;
    }
    [[nodiscard]] std::uint64_t count() const { return n_; }
    [[nodiscard]] seq_t last() const { return last_; }
    [[nodiscard]] publisher& pen() { return pen_; }

private:
    std::uint32_t who_;
    std::size_t longest_;
    topic topic_;
    publisher pen_;
    std::uint64_t n_ = 0;
    seq_t last_ = no_seq;
};

/// What a reader was given, checked as it comes.
class ledger {
public:
    explicit ledger(std::size_t longest = 0) : longest_(longest) {}

    void event(const evbus::event& e) {
        ++events;
        const std::string text(e.text());
        const auto who = static_cast<std::uint32_t>(std::strtoul(text.c_str(), nullptr, 10));
        const std::size_t colon = text.find(':');
        const std::uint64_t n = colon == std::string::npos ? 0 : std::strtoull(text.c_str() + colon + 1, nullptr, 10);
        if (text != payload_of(who, n, longest_) || e.topic() != "who." + std::to_string(who)) return fault("changed", e.seq());
        if (e.seq() <= last_seq) fault("seq out of order", e.seq());
        last_seq = e.seq();
        std::uint64_t& had = last_of[who];
        if (n <= had) fault("twice or out of order", e.seq());
        else if (n != had + 1 && had != 0) missing += n - had - 1;
        if (had == 0) first_of[who] = n;
        had = n;
    }
    void gap(const evbus::gap& g) {
        gaps.push_back(std::to_string(g.range.first) + "-" + std::to_string(g.range.last) + " " + to_string(g.cause));
        in_gaps += g.seqs;
    }
    /// Everything that each of these authors published: {who, how many}.
    [[nodiscard]] bool all_of(const std::map<std::uint32_t, std::uint64_t>& published) const {
        if (!faults.empty() || missing != 0 || !gaps.empty()) return false;
        for (const auto& [who, n] : published) {
            const auto had = last_of.find(who);
            if (n != 0 && (had == last_of.end() || had->second != n || first_of.at(who) != 1)) return false;
        }
        return true;
    }
    [[nodiscard]] std::string text() const {
        std::string out = std::to_string(events) + " events, " + std::to_string(missing) + " missing,";
        for (const auto& [who, n] : last_of)
            out += " [" + std::to_string(who) + ": " + std::to_string(first_of.at(who)) + "-" + std::to_string(n) + "]";
        for (std::size_t i = 0; i < faults.size() && i < 5; ++i) out += "; " + faults[i];
        for (std::size_t i = 0; i < gaps.size() && i < 5; ++i) out += "; gap " + gaps[i];
        return out;
    }

    std::uint64_t events = 0;
    std::uint64_t missing = 0; ///< numbers passed over
    std::uint64_t in_gaps = 0; ///< seqs
    seq_t last_seq = no_seq;
    std::map<std::uint32_t, std::uint64_t> first_of;
    std::map<std::uint32_t, std::uint64_t> last_of;
    lines gaps;
    lines faults;

private:
    void fault(const std::string& what, seq_t seq) { faults.push_back(what + " at seq " + std::to_string(seq)); }
    std::size_t longest_;
};

// --- the log -------------------------------------------------------------------------------------

/// Walks a whole log as a reader does; the walk begins at `next`.
inline tally walk_log(const std::string& dir, ledger& to, seq_t& next) {
    log_walk walk(log::posix(), dir, {});
    filter_set all = filter_set::everything();
    delivery deliver;
    const auto on_event = [&](const event& e) { to.event(e); };
    const auto on_gap = [&](const gap& g) { to.gap(g); };
    log_rest rest = log_rest::limits;
    while (rest == log_rest::limits)
        rest = walk.poll(next, max_seq, all, deliver, on_event, on_gap, [](const auto&) {}, {.max_events = 4096});
    CHECK(rest == log_rest::end);
    return deliver.account();
}

/// The log's records as lines: "3 who.1 TEXT", "4-5 void", "6-9 lost recorder lost", "joined 1 author-1".
inline lines log_records(const std::string& dir) {
    log::log_reader reader(log::posix(), dir);
    lines out;
    log::entry e;
    while (reader.next(e) == log::step::entry) {
        const std::string range = std::to_string(e.range.first) + "-" + std::to_string(e.range.last);
        switch (e.kind) {
        case log::entry_kind::frame:
            out.push_back(std::to_string(e.seq()) + " " + std::string(e.frame.topic) + " " +
                          std::string(reinterpret_cast<const char*>(e.frame.payload.data()), e.frame.payload.size()));
            break;
        case log::entry_kind::void_range: out.push_back(range + " void"); break;
        case log::entry_kind::gap: out.push_back(range + " lost " + to_string(e.cause)); break;
        case log::entry_kind::member:
            out.push_back((e.member.what == log::member_change::joined ? "joined " : "left ") +
                          std::to_string(to_u16(e.member.number)) +
                          (e.member.name.empty() ? "" : " " + std::string(e.member.name)));
            break;
        case log::entry_kind::run: out.push_back(e.run.what == log::run_change::start ? "run start" : "run end"); break;
        default: out.push_back("other"); break;
        }
    }
    return out;
}
inline bool has(const lines& all, const std::string& one) { return std::find(all.begin(), all.end(), one) != all.end(); }

// --- the bus and its recorder --------------------------------------------------------------------

class world {
public:
    explicit world(bus_options how = {}) : how_(std::move(how)) {
        if (!how_.slots) how_.slots = 64;
        if (!how_.slot_bytes) how_.slot_bytes = 128;
        if (how_.with_log && !how_.log_dir) how_.log_dir = place_.log();
        // A machine that holds a recorder up for a second says nothing about it.
        if (how_.stall_limit == bus_options{}.stall_limit) how_.stall_limit = ages;
    }
    /// Creates it at first, opens it anew each time.
    [[nodiscard]] evbus::bus bus() const { return evbus::bus::open_or_create(place_.name(), how_); }
    [[nodiscard]] const std::string& name() const { return place_.name(); }
    [[nodiscard]] std::string log_dir() const { return *how_.log_dir; }
    [[nodiscard]] const support::scratch_bus& place() const { return place_; }
    [[nodiscard]] const bus_options& options() const { return how_; }
    /// Takes both names away, as `rm` would.
    void unlink_ring() const {
        ring::unlink_object(ring::ring_object(name()));
        for (const std::string& object : ring::ctl_objects(name())) ring::unlink_object(object);
    }
    [[nodiscard]] ledger whole_log(std::size_t longest = 0) const {
        ledger l(longest);
        seq_t next = 1;
        const tally t = walk_log(log_dir(), l, next);
        CHECK(t.walked() == next - 1);
        return l;
    }
    [[nodiscard]] lines records() const { return log_records(log_dir()); }
    [[nodiscard]] std::vector<recorder::manifest> runs() const {
        return recorder::load_manifests(log::posix(), {log_dir()}).runs;
    }

private:
    support::scratch_bus place_;
    bus_options how_;
};

/// A recorder in a thread of its own, that publishers wait for once this is made, and that is stopped at
/// the latest when this goes.
class recorder_thread {
public:
    explicit recorder_thread(const bus& on, recorder::options how = {})
        : recording_(std::make_unique<recorder::recording>(on, with_hook(std::move(how)))), thread_([this] {
              end_ = recording_->run(stop_);
              over_.store(true);
          }) {
        wait_until([&] { return recording_now_.load(); });
    }
    ~recorder_thread() {
        if (thread_.joinable()) (void)stop();
    }
    [[nodiscard]] bool is_over() const { return over_.load(); }
    void ask_to_stop() { stop_.store(true); }
    recorder::outcome stop() {
        ask_to_stop();
        return join();
    }
    recorder::outcome join() {
        thread_.join();
        recording_.reset(); // frees its locks
        return end_;
    }

private:
    recorder::options with_hook(recorder::options how) {
        how.on_recording = [this] { recording_now_.store(true); };
        return how;
    }
    std::atomic<bool> recording_now_{false};
    std::unique_ptr<recorder::recording> recording_;
    std::atomic<bool> stop_{false};
    std::atomic<bool> over_{false};
    recorder::outcome end_;
    std::thread thread_;
};

/// Records what is there and ends in good order.
inline recorder::outcome record_all(const bus& on, recorder::options how = {}) {
    return recorder_thread(on, std::move(how)).stop();
}

/// Polls until `to` has come to `last`, or `stop_at` says so. Returns the status of the last poll.
inline consume_status read_to(consumer& from, ledger& to, seq_t last) {
    consume_status s = consume_status::caught_up;
    wait_until([&] {
        s = from.poll([&](const event& e) { to.event(e); }, [&](const gap& g) { to.gap(g); });
        if (from.next() > last || s == consume_status::retired || s == consume_status::log_failed) return true;
        if (s != consume_status::delivered) (void)from.wait(std::chrono::milliseconds(20));
        return false;
    });
    return s;
}
/// The sum law, for a consumer that began at `start`.
inline bool adds_up(const consumer& c, seq_t start) { return c.account().walked() == c.next() - start; }

} // namespace recorder_test
