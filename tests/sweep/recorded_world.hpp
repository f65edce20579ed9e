// A recorded bus under faults: authors in processes of their own, a recorder in another one that is killed or
// stopped at a probe, and books that are compared in the end: what publishers were told, what the log has,
// what a reader was given.
//
//   recorded_world s({.pace = pacing::paced});
//   s.begin_authors(2);
//   victim r = s.recorder(blow{probe::commit_written, SIGKILL});
//   s.await(r);
//   s.check_log();
#pragma once

#include "tests/recorder/recorder_fixture.hpp"
#include "tests/sweep/sweep_fixture.hpp"

#include <sys/mman.h>

#include <deque>
#include <fstream>

namespace recorder_sweep {

using namespace recorder_test;
using evbus::probe;
using ring_test::child;
using sweep_test::shared_page;
using sweep_test::sweep_table;
using sweep_test::victim;

/// Who, and the how-many-eth, in one word.
[[nodiscard]] constexpr std::uint64_t author_word(std::uint64_t who, std::uint64_t n) { return who << 32 | n; }

/// What all processes of a test share.
struct common {
    static constexpr std::size_t most_seqs = std::size_t{1} << 21, most_authors = 256;
    std::atomic<std::uint64_t> quit;       ///< authors end
    std::atomic<std::uint64_t> hush;       ///< authors rest
    std::atomic<std::uint64_t> leash;      ///< authors stay within half a lap of the recorder
    std::atomic<std::uint64_t> stop_recorder;
    std::array<std::atomic<std::uint64_t>, most_authors> count; ///< events by author, once told
    std::array<std::atomic<std::uint64_t>, most_seqs> told;     ///< author_word by seq, once told
};
template <class T>
class shared {
public:
    shared() : p_(static_cast<T*>(::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {}
    shared(const shared&) = delete;
    ~shared() { ::munmap(p_, sizeof(T)); }
    T* operator->() const { return p_; }
    T& operator*() const { return *p_; }

private:
    T* p_;
};

/// What is wrong, in sentences; the first ones.
class complaints {
public:
    void add(const std::string& what) {
        if (all_.size() < 8) all_.push_back(what);
    }
    void expect(bool fine, const std::string& otherwise) {
        if (!fine) add(otherwise);
    }
    [[nodiscard]] bool none() const { return all_.empty(); }
    [[nodiscard]] std::string text() const {
        std::string out;
        for (const std::string& one : all_) out += (out.empty() ? "" : "; ") + one;
        return out;
    }

private:
    lines all_;
};

/// What somebody was given, seq by seq, checked as it comes.
class account {
public:
    explicit account(std::size_t longest) : longest_(longest) {}

    void event(const evbus::event& e) {
        const std::string text(e.text());
        const std::uint64_t who = std::strtoull(text.c_str(), nullptr, 10);
        const std::size_t colon = text.find(':');
        const std::uint64_t n = colon == std::string::npos ? 0 : std::strtoull(text.c_str() + colon + 1, nullptr, 10);
        const std::string at = " at seq " + std::to_string(e.seq());
        wrong.expect(text == payload_of(static_cast<std::uint32_t>(who), n, longest_), "changed" + at);
        wrong.expect(e.seq() > last_seq, "out of order" + at);
        wrong.expect(n > last_of[who], "event " + std::to_string(n) + " of author " + std::to_string(who) + " twice" + at);
        last_seq = e.seq();
        last_of[who] = n;
        if (given.size() <= e.seq()) given.resize(e.seq() + 1024);
        given[e.seq()] = author_word(who, n);
    }
    void gap(const evbus::gap& g) { gaps.push_back(g); }
    [[nodiscard]] bool has(seq_t seq) const { return seq < given.size() && given[seq] != 0; }
    [[nodiscard]] bool is_in_gap(seq_t seq) const {
        for (const evbus::gap& g : gaps)
            if (g.range.contains(seq)) return true;
        return false;
    }
    [[nodiscard]] std::string text_of_gaps() const {
        std::string out;
        for (std::size_t i = 0; i < gaps.size() && i < 4; ++i)
            out += " " + std::to_string(gaps[i].range.first) + "-" + std::to_string(gaps[i].range.last) + " " + to_string(gaps[i].cause);
        return out;
    }
    /// Everything that somebody was told is here, or in a gap. Returns how many are in gaps.
    std::size_t compare(const common& all, seq_t from, seq_t head, const std::string& whose) {
        std::size_t lost = 0;
        for (seq_t s = from; s < head && s < common::most_seqs; ++s) {
            const std::uint64_t told = all.told[s].load();
            if (told == 0) continue;
            if (has(s)) wrong.expect(given[s] == told, whose + " has another event at seq " + std::to_string(s) + " than its author was told");
            else if (is_in_gap(s)) ++lost;
            else wrong.add(whose + " says nothing of seq " + std::to_string(s) + ", which was published");
        }
        return lost;
    }

    complaints wrong;
    seq_t last_seq = no_seq;
    std::map<std::uint64_t, std::uint64_t> last_of;
    std::vector<std::uint64_t> given; ///< author_word by seq
    std::vector<evbus::gap> gaps;

private:
    std::size_t longest_;
};

/// A fault of the recorder.
struct blow {
    probe at;
    int signal = SIGKILL;
    std::uint64_t before = 0;
    bool late = false; ///< counted from the moment it was asked to stop
};

class recorded_world {
public:
    struct shape {
        pacing pace = pacing::paced;
        recorder::sync_policy sync = recorder::sync_policy::interval;
        std::uint64_t slots = 256;
        std::chrono::nanoseconds stall_limit{std::chrono::hours(1)};
        std::size_t longest = 150; ///< payload bytes: some events are of two frames
        std::uint64_t segment_bytes = std::uint64_t{16} << 10;
    };
    explicit recorded_world(const shape& how)
        : how_(how), w_({.slots = how.slots, .slot_bytes = 128, .pacing = how.pace, .stall_limit = how.stall_limit}), on_(w_.bus()),
          in_log_(how.longest), by_reader_(how.longest) {}

    [[nodiscard]] const world& place() const { return w_; }
    [[nodiscard]] const bus& on() const { return on_; }
    [[nodiscard]] std::size_t longest() const { return how_.longest; }
    [[nodiscard]] common& all() const { return *all_; }
    [[nodiscard]] account& in_log() { return in_log_; }
    [[nodiscard]] account& by_reader() { return by_reader_; }
    [[nodiscard]] const shared_page& page() const { return page_; }             ///< of the recorders
    [[nodiscard]] const shared_page& author_page() const { return author_page_; }
    [[nodiscard]] std::uint64_t hits(probe p) const { return page_->hits[static_cast<std::size_t>(p)].load(); }

    // --- authors ---------------------------------------------------------------------------------
    [[nodiscard]] std::uint64_t new_author() { return ++authors_begun_; }
    /// Publishes `count` events as `who`; only what publish() returned of is told.
    int write(std::uint64_t who, publisher& pen, std::uint64_t count) const {
        const topic to("who." + std::to_string(who));
        for (std::uint64_t i = 0; i < count; ++i) {
            const std::uint64_t n = all_->count[who].load() + 1;
            const evbus::published p = pen.publish(to, payload_of(static_cast<std::uint32_t>(who), n, how_.longest));
            if (!p) return 3;
            if (p.seq < common::most_seqs) all_->told[p.seq].store(author_word(who, n));
            all_->count[who].store(n);
        }
        return 0;
    }
    void begin_authors(std::size_t count, unsigned rest_us = 200) {
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint64_t who = ++authors_begun_;
            authors_.emplace_back([this, who, rest_us] {
                probe_test::mine.hits = author_page_->hits.data();
                const bus there = bus::open(w_.name());
                publisher pen(there, {.name = "author-" + std::to_string(who)});
                while (all_->quit.load() == 0) {
                    if (all_->hush.load() != 0 || (all_->leash.load() != 0 && there.head() > there.frontier().written + how_.slots / 2)) {
                        ::usleep(200);
                        continue;
                    }
                    if (const int r = write(who, pen, 1); r != 0) return r;
                    if (rest_us != 0) ::usleep(rest_us);
                }
                return 0;
            });
        }
    }
    /// A publisher that meets `signal` at `at` of its first event.
    [[nodiscard]] child struck_author(probe at, int signal) {
        const std::uint64_t who = signal == SIGKILL ? common::most_authors - 1 : ++authors_begun_; // the dead publish nothing
        REQUIRE(who < common::most_authors);
        return child([this, who, at, signal] {
            publisher pen(bus::open(w_.name()), {.name = "struck-" + std::to_string(who)});
            probe_test::arm(at, signal);
            return write(who, pen, 1);
        });
    }
    /// Ends as authors do; not before there is a recorder, where the bus waits for one.
    void adopt(child&& author) { authors_.push_back(std::move(author)); }
    void end_authors() {
        all_->quit.store(1);
        for (child& a : authors_) CHECK(a.wait() == 0);
        authors_.clear();
    }

    // --- the recorder ----------------------------------------------------------------------------
    /// A recorder's whole life, in the process that calls it; its exit code.
    int record(std::optional<blow> b = std::nullopt) const {
        if (b && !b->late) probe_test::arm(b->at, b->signal, b->before);
        const bus there = bus::open(w_.name());
        recorder::options how;
        how.sync = how_.sync;
        how.sync_interval = std::chrono::milliseconds(1);
        how.segment_bytes = how_.segment_bytes;
        how.on_notice = [this](const notice& n) { note(n); };
        recorder::recording r(there, how);
        std::atomic<bool> stop{false};
        std::thread asking([&] {
            while (all_->stop_recorder.load() == 0) ::usleep(300);
            if (b && b->late) probe_test::arm(b->at, b->signal, b->before);
            stop.store(true);
        });
        const recorder::outcome o = r.run(stop);
        if (!o.reason.empty()) std::fprintf(stderr, "recorder: %s\n", o.reason.c_str());
        all_->stop_recorder.store(1);
        asking.join();
        return o.state == recorder_state::ended ? 0 : 4;
    }
    [[nodiscard]] victim recorder(std::optional<blow> b = std::nullopt) {
        all_->stop_recorder.store(0);
        return victim(page_, std::nullopt, [this, b] { return record(b); });
    }
    void ask_to_stop() const { all_->stop_recorder.store(1); }
    /// What recorders said, in all of their lives.
    [[nodiscard]] std::size_t notices_with(const std::string& text) const {
        std::ifstream in(w_.place().file("notices"));
        std::size_t n = 0;
        for (std::string line; std::getline(in, line);) n += line.find(text) != std::string::npos ? 1u : 0u;
        return n;
    }

    /// Until the victim was struck or ended; meanwhile `meanwhile()`.
    template <class Meanwhile>
    void await(victim& v, Meanwhile&& meanwhile) {
        while (v.runs()) {
            meanwhile();
            look_at_frontiers();
            ::usleep(100);
        }
        look_at_frontiers();
    }
    void await(victim& v) {
        await(v, [] {});
    }
    /// Frontiers move forward only, and `durable` not ahead of `written`.
    void look_at_frontiers() {
        // Durable is read after written: what is synced was written before.
        const seq_t durable = on_.frontier().durable;
        const frontiers f = on_.frontier();
        wrong.expect(durable <= f.written, "durable " + std::to_string(durable) + " is ahead of written " + std::to_string(f.written));
        wrong.expect(f.written >= written_ && f.durable >= durable_, "a frontier went back");
        written_ = f.written;
        durable_ = f.durable;
    }
    /// Reads what came into the log since the last time. The recorder stands still, or is gone.
    void check_log() {
        look_at_frontiers();
        if (!std::filesystem::exists(log::log_dir{w_.log_dir()}.segments())) return wrong.expect(written_ == no_seq, "there is no log");
        log_walk walk(log::posix(), w_.log_dir(), {on_.id()});
        filter_set everything = filter_set::everything();
        const auto on_event = [&](const event& e) { in_log_.event(e); };
        const auto on_gap = [&](const gap& g) { in_log_.gap(g); };
        log_rest rest = log_rest::limits;
        while (rest == log_rest::limits)
            rest = walk.poll(log_next_, max_seq, everything, in_log_tally_, on_event, on_gap, [](const auto&) {}, {.max_events = 4096});
        wrong.expect(rest == log_rest::end, "the log cannot be read: " + walk.log().failure());
        wrong.expect(log_next_ > written_, "written is " + std::to_string(written_) + ", but the log ends before seq " + std::to_string(log_next_));
        wrong.expect(in_log_tally_.account().walked() == log_next_ - 1, "the log's sum is wrong");
        wrong.expect(in_log_.wrong.none(), "log: " + in_log_.wrong.text());
    }
    [[nodiscard]] seq_t log_next() const { return log_next_; }
    /// Every run that is over says so, and none is left out.
    void check_runs(bool one_lives) {
        const auto runs = w_.runs();
        wrong.expect(runs.size() == hits(probe::record_manifest_saved), "there are " + std::to_string(runs.size()) + " manifests of " +
                                                                            std::to_string(hits(probe::record_manifest_saved)) + " runs");
        for (std::size_t i = 0; i + (one_lives ? 1 : 0) < runs.size(); ++i)
            wrong.expect(runs[i].status != recorder::run_status::running, "an earlier run still counts as running");
    }

    // --- a reader --------------------------------------------------------------------------------
    void read_on(consumer& c) {
        for (int i = 0; i < 20; ++i)
            if (c.poll([&](const event& e) { by_reader_.event(e); }, [&](const gap& g) { by_reader_.gap(g); }) != consume_status::delivered) break;
        wrong.expect(by_reader_.wrong.none(), "reader: " + by_reader_.wrong.text());
    }
    void read_to_head(consumer& c) {
        const seq_t head = on_.head();
        wait_until([&] {
            read_on(c);
            return c.next() >= head;
        });
        wrong.expect(adds_up(c, 1), "the reader's sum is wrong");
    }

    complaints wrong;

private:
    void note(const notice& n) const {
        std::ofstream(w_.place().file("notices"), std::ios::app) << to_string(n.kind) << ": " << n.text << '\n';
    }

    shape how_;
    world w_;
    bus on_;
    shared<common> all_;
    shared_page page_, author_page_;
    account in_log_, by_reader_;
    delivery in_log_tally_;
    seq_t log_next_ = 1;
    seq_t written_ = no_seq, durable_ = no_seq;
    std::uint64_t authors_begun_ = 0;
    std::deque<child> authors_;
};

} // namespace recorder_sweep
