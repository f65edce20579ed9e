// A consumer killed and stopped at each of its probes, lapped again and again by publishers at full speed:
// others go on, and who begins where it had come to goes on with nothing lost, twice or out of order.
#include "tests/sweep/recorder_points.hpp"

using namespace recorder_sweep;

namespace {

constexpr const char* binary = "consumer";
constexpr std::uint64_t slots = 64;

/// What a consumer has handled, and all before it: kept over its deaths, as a cursor would.
struct handled_words {
    std::atomic<std::uint64_t> seq, events, faults, stop;
    std::array<std::atomic<std::uint64_t>, common::most_authors> last;
};

struct reader_blow {
    probe at;
    int signal = SIGKILL;
    std::uint64_t before = 0;
    bool late = false;
    bool looks_on = false; ///< without the right to write
};

/// A consumer's whole life, from the event after the last that was handled. Naps, so that it is lapped.
int read(const recorded_world& s, handled_words& h, const std::optional<reader_blow>& b) {
    if (b && !b->late) probe_test::arm(b->at, b->signal, b->before);
    const bus there = b && b->looks_on ? bus::observe(s.place().name()) : bus::open(s.place().name());
    const seq_t start = h.seq.load() + 1;
    consumer c(there, {.from = from::seq(start)});
    const auto on_event = [&](const event& e) {
        const std::string text(e.text());
        const std::uint64_t who = std::strtoull(text.c_str(), nullptr, 10) % common::most_authors;
        const std::uint64_t n = std::strtoull(text.c_str() + text.find(':') + 1, nullptr, 10);
        const bool fine = text == payload_of(static_cast<std::uint32_t>(who), n, s.longest()) && n == h.last[who].load() + 1 && e.seq() > h.seq.load();
        if (!fine && h.faults.fetch_add(1) < 5)
            std::fprintf(stderr, "consumer: seq %llu: %.20s after %llu\n", static_cast<unsigned long long>(e.seq()), text.c_str(),
                         static_cast<unsigned long long>(h.last[who].load()));
        h.last[who].store(n);
        h.seq.store(e.seq());
        if (h.events.fetch_add(1) % 400 == 399) ::usleep(4000);
    };
    const auto on_gap = [&](const gap& g) {
        std::fprintf(stderr, "consumer: gap %llu-%llu %s\n", static_cast<unsigned long long>(g.range.first),
                     static_cast<unsigned long long>(g.range.last), to_string(g.cause));
        h.faults.fetch_add(1);
    };
    while (h.stop.load() == 0)
        if (c.poll(on_event, on_gap) != consume_status::delivered) (void)c.wait(std::chrono::milliseconds(5));
    if (b && b->late) probe_test::arm(b->at, b->signal, b->before);
    return adds_up(c, start) ? 0 : 5;
}

/// A strict bus at full speed with a recorder, and a consumer of which one life follows the other.
class lapped_world {
public:
    lapped_world() : s({.pace = pacing::strict, .sync = recorder::sync_policy::none, .slots = slots, .longest = 40, .segment_bytes = 256 << 10}),
                     recorder([this] { return s.record(); }), other(s.on(), {.from = from::seq(1)}) {
        s.begin_authors(2, 0);
    }
    [[nodiscard]] victim life(std::optional<reader_blow> b) {
        handled->stop.store(0);
        return victim(page, std::nullopt, [this, b] { return read(s, *handled, b); });
    }
    /// Until the consumer is struck or ended; `other` reads on meanwhile, unless it would repair in its stead.
    template <class Meanwhile>
    void await(victim& v, bool with_other, Meanwhile&& meanwhile) {
        s.await(v, [&] {
            meanwhile();
            if (with_other) s.read_on(other);
        });
        s.wrong.expect(handled->faults.load() == 0, "a consumer was given something wrong");
    }
    /// Authors run laps ahead of the consumer, which laps it, and wait until it is at the ring's head again: left
    /// alone, they may be faster than the log is read, and it would never come back to the ring.
    void hold_back() {
        const seq_t head = s.on().head(), handled_to = handled->seq.load();
        if (head > handled_to + 32 * slots) s.all().hush.store(1);
        else if (head <= handled_to + slots / 4) s.all().hush.store(0);
    }
    /// Until it has handled what is published by now.
    void goes_on(victim& v) {
        const seq_t head = s.on().head();
        await(v, true, [&] {
            hold_back();
            if (handled->seq.load() + slots >= head) handled->stop.store(1); // the last may be voids
        });
        s.wrong.expect(!v.was_struck() && v.code() == 0, "a consumer ended with " + std::to_string(v.code()));
    }

    recorded_world s;
    shared<handled_words> handled;
    shared_page page; ///< of the consumers
    child recorder;
    consumer other;
};

/// Brings a living consumer to a place that being lapped does not bring it to. The recorder stands still for
/// repairs: it would do them first.
class reader_provoker {
public:
    reader_provoker(lapped_world& w, const reader_blow& b)
        : w_(w), at_(b.at), ring_(w.s.on().attach(ring::access::read_only)), pen_(w.s.on()), who_(w.s.new_author()) {
        if (is_quiet()) w.s.all().hush.store(1);
    }
    ~reader_provoker() { release(); }
    [[nodiscard]] bool is_quiet() const { return at_ == probe::sleep_flagged || at_ == probe::sleep_over || is_about_repairs(); }
    [[nodiscard]] bool is_about_repairs() const {
        switch (at_) {
        case probe::repair_proven: case probe::reap_done: case probe::stall_chosen: case probe::stall_done: case probe::read_void_proven: return true;
        default: return is_of_the_bell();
        }
    }
    [[nodiscard]] bool is_of_the_bell() const { return at_ >= probe::bell_answered && at_ <= probe::bell_done; }
    void push() {
        if (!is_quiet()) w_.hold_back();
        if (!is_about_repairs() || stands_unfinished()) return;
        if (recorder_stands_) { // it was repaired, but perhaps not past `at_`: once more
            w_.recorder.go_on();
            recorder_stands_ = false;
        }
        // The consumer has come to the head, where it can meet an unfinished slot.
        const seq_t head = w_.s.on().head();
        if (w_.handled->seq.load() + 4 < head && calm_++ < 200) return;
        if (w_.s.on().frontier().written + 1 < head) return;
        // Who repairs rings when somebody has slept: here, itself.
        if (is_of_the_bell() && ring_->ctl().data_bell.sleepers.load() == 0) return;
        w_.recorder.stop();
        recorder_stands_ = true;
        const bool dies = at_ != probe::stall_chosen && at_ != probe::stall_done;
        child c = w_.s.struck_author(probe::claim_done, dies ? SIGKILL : SIGSTOP);
        if (dies) {
            CHECK(c.wait() == 256 + SIGKILL);
        } else {
            c.wait_stopped();
            stopped_.push_back(std::move(c));
            REQUIRE(w_.s.write(who_, pen_, 1) == 0); // a later one, for which it is worth stepping over
        }
        pushed_ = {head, w_.s.on().head() - 1};
    }
    void release() {
        if (recorder_stands_) w_.recorder.go_on();
        recorder_stands_ = false;
        w_.s.all().hush.store(0);
        for (child& c : stopped_) {
            c.go_on();
            w_.s.adopt(std::move(c));
        }
        stopped_.clear();
    }

private:
    [[nodiscard]] bool stands_unfinished() const {
        for (seq_t q = pushed_.first; q <= pushed_.last; ++q) {
            const ring::slot_word word = ring::load_word(*ring_, q);
            if (word.phase() == ring::phase::writing && word.laps_ahead_of(ring_->shape().lap(q)) == 0) return true;
        }
        return false;
    }

    lapped_world& w_;
    probe at_;
    std::shared_ptr<ring::attachment> ring_;
    publisher pen_;
    std::uint64_t who_;
    unsigned calm_ = 0;
    seq_range pushed_{1, 0};
    bool recorder_stands_ = false;
    std::deque<child> stopped_;
};

std::vector<reader_blow> reader_points(int signal) {
    std::vector<reader_blow> all;
    for (const probe p : {probe::attach_opened, probe::attach_mapped, probe::join_locked, probe::join_swept, probe::join_half_entered,
                          probe::join_entered, probe::read_copied, probe::turn_to_log, probe::turn_to_ring, probe::sleep_flagged,
                          probe::sleep_over, probe::repair_proven, probe::reap_done, probe::stall_chosen, probe::stall_done,
                          probe::bell_answered, probe::bell_counted, probe::bell_woken, probe::bell_done})
        all.push_back({p, signal, 0});
    for (const probe p : {probe::read_copied, probe::turn_to_log, probe::turn_to_ring}) all.push_back({p, signal, 7});
    for (const probe p : {probe::leave_entered, probe::left}) all.push_back({p, signal, 0, true});
    all.push_back({probe::read_void_proven, signal, 0, false, true});
    return all;
}

void sweep(int signal) {
    lapped_world w;
    for (const reader_blow& b : reader_points(signal)) {
        const std::string what = signal == SIGKILL ? "killed" : "stopped for laps";
        INFO(what, " at ", std::string(to_string(b.at)));
        bool struck = false;
        for (int life = 0; !struck && life < 100; ++life) {
            victim v = w.life(b);
            reader_provoker provoke(w, b);
            const std::uint64_t events = w.handled->events.load();
            w.await(v, !provoke.is_about_repairs(), [&] {
                provoke.push();
                if (b.late && w.handled->events.load() > events + 100) w.handled->stop.store(1);
            });
            struck = v.was_struck();
            provoke.release();
            if (signal != SIGSTOP || !struck) continue;
            const seq_t head = w.s.on().head();
            wait_until([&] { return w.s.on().head() > head + 4 * slots; }); // nobody waits for it
            v.go_on();
            w.goes_on(v);
        }
        w.s.wrong.expect(struck, "no consumer came there");
        sweep_table::instance().count(binary, b.at, what, w.s.wrong.none());
        REQUIRE(w.s.wrong.text() == "");
    }
    w.s.end_authors();
    const seq_t head = w.s.on().head();
    REQUIRE(w.s.on().wait_written(head - 1, ages));
    victim last = w.life(std::nullopt);
    w.await(last, true, [&] {
        bool all = true;
        for (std::size_t who = 1; who < common::most_authors; ++who) all = all && w.handled->last[who].load() == w.s.all().count[who].load();
        if (all) w.handled->stop.store(1);
    });
    CHECK(last.code() == 0);
    w.s.read_to_head(w.other);
    CHECK(w.s.by_reader().compare(w.s.all(), 1, head, "the other reader") == 0);
    CHECK(w.s.by_reader().gaps.empty());
    w.s.ask_to_stop();
    CHECK(w.recorder.wait() == 0);
    w.s.check_log();
    CHECK(w.s.in_log().compare(w.s.all(), 1, head, "the log") == 0);
    CHECK(w.s.wrong.text() == "");
    CHECK(w.page->hits[static_cast<std::size_t>(probe::turn_to_log)].load() > 10);
    sweep_table::instance().reached(*w.page);
}

} // namespace

TEST_CASE("sweep: a consumer killed at each probe while it is lapped: the next one goes on where it was, with nothing lost or twice") {
    sweep(SIGKILL);
}
TEST_CASE("sweep: a consumer stopped at each probe for laps: others go on, and so does it, with nothing lost or twice") {
    sweep(SIGSTOP);
}

TEST_CASE("sweep: consumers reach every probe that docs/failure-modes.md names them for") {
    CHECK(sweep_test::promised_but_not_reached("sweep_consumer") == lines{});
}
