// The ring's ordering pairs (docs/ordering.md), line by line beside the code, under Relacy: it runs each small
// program in very many interleavings, and lets relaxed loads return any value that C++ allows. A plain rl::var
// stands where two threads must never be at once: Relacy reports the race. Each pair has to hold, and to
// break without any one of its orders. A program of its own, without doctest: Relacy replaces operator new.
#include <relacy/relacy.hpp>

#include <cstdio>
#include <cstring>
#include <ostream>
#include <streambuf>

namespace {

const char* left_out = ""; ///< the order that the present run does without

/// The order `wanted`, unless this is the one that is left out.
rl::memory_order order(const char* name, rl::memory_order wanted) {
    return std::strcmp(left_out, name) == 0 ? rl::mo_relaxed : wanted;
}
#define FENCE(name, wanted)                                                                                            \
    if (std::strcmp(left_out, name) != 0) rl::atomic_thread_fence(wanted, $)

const int free_slot = 0, writing = 1, committed = 2, dead = 3, stalled = 4, closed = 5;
int word_of(int lap, int phase) { return lap * 8 + phase; }

// --- slot-claim, slot-commit, slot-read -------------------------------------------------------------------------

struct slot_pair : rl::test_suite<slot_pair, 3> {
    rl::atomic<int> word, first, second;
    rl::var<int> pen; ///< who writes into the slot

    void before() {
        word($) = word_of(0, dead);
        first($) = 0;
        second($) = 0;
        pen($) = 0;
    }
    void thread(unsigned self) {
        if (self == 0) publish(1);
        if (self == 1) publish(2);
        if (self == 2) {
            read(1);
            read(2);
        }
    }
    void publish(int lap) { // claimer::claim, publisher::write, claimer::commit
        int seen = word($).load(order("slot-claim: look and swap", rl::mo_acquire));
        if (seen != word_of(lap - 1, lap == 1 ? dead : committed)) return;
        if (!word($).compare_exchange_strong(seen, word_of(lap, writing), order("slot-claim: look and swap", rl::mo_acq_rel), rl::mo_relaxed)) return;
        FENCE("slot-claim: fence", rl::mo_release);
        pen($) = lap;
        first($).store(lap * 10, rl::mo_relaxed);
        second($).store(lap * 10 + 1, rl::mo_relaxed);
        int mine = word_of(lap, writing);
        word($).compare_exchange_strong(mine, word_of(lap, committed), order("slot-commit: swap", rl::mo_release), rl::mo_relaxed);
    }
    void read(int lap) { // slot_reader::read
        const int seen = word($).load(order("slot-read: look", rl::mo_acquire));
        if (seen != word_of(lap, committed)) return;
        const int a = first($).load(rl::mo_relaxed), b = second($).load(rl::mo_relaxed);
        FENCE("slot-read: fence", rl::mo_acquire);
        if (word($).load(rl::mo_relaxed) != seen) return;
        RL_ASSERT(a == lap * 10 && b == lap * 10 + 1);
    }
};

// --- slot-repair: a dead owner's slot becomes a void, and is claimed by the next ---------------------------------

struct repair_pair : rl::test_suite<repair_pair, 3> {
    rl::atomic<int> word, held;
    rl::var<int> pen;

    void before() {
        word($) = word_of(1, writing);
        held($) = 1;
        pen($) = 0;
    }
    void thread(unsigned self) {
        if (self == 0) { // dies while it writes; the kernel drops its lock
            pen($) = 1;
            held($).store(0, rl::mo_release);
        } else if (self == 1) { // end_wait
            int seen = word($).load(rl::mo_acquire);
            if (held($).load(rl::mo_acquire) != 0) return;
            word($).compare_exchange_strong(seen, word_of(1, dead), order("slot-repair: swap", rl::mo_acq_rel), rl::mo_relaxed);
        } else {
            int seen = word($).load(rl::mo_relaxed);
            if (seen != word_of(1, dead)) return;
            if (word($).compare_exchange_strong(seen, word_of(2, writing), order("slot-repair: next claim", rl::mo_acq_rel), rl::mo_relaxed))
                pen($) = 2;
        }
    }
};

// --- slot-commit that fails: the slot is given back, and claimed by the next -------------------------------------

struct give_back_pair : rl::test_suite<give_back_pair, 3> {
    rl::atomic<int> word;
    rl::var<int> pen;

    void before() {
        word($) = word_of(1, writing);
        pen($) = 0;
    }
    void thread(unsigned self) {
        if (self == 0) { // claimer::commit, give_back
            pen($) = 1;
            int seen = word_of(1, writing);
            if (word($).compare_exchange_strong(seen, word_of(1, committed), rl::mo_release, rl::mo_relaxed)) return;
            seen = word_of(1, stalled);
            word($).compare_exchange_strong(seen, word_of(1, dead), order("slot-commit: give back", rl::mo_acq_rel), rl::mo_acquire);
        } else if (self == 1) { // somebody does not wait
            int seen = word_of(1, writing);
            word($).compare_exchange_strong(seen, word_of(1, stalled), rl::mo_acq_rel, rl::mo_relaxed);
        } else {
            int seen = word_of(1, dead);
            if (word($).compare_exchange_strong(seen, word_of(2, writing), rl::mo_acq_rel, rl::mo_relaxed)) pen($) = 2;
        }
    }
};

// --- ring-close: who comes upon CLOSED finds all that is below it ------------------------------------------------

struct close_pair : rl::test_suite<close_pair, 3> {
    rl::atomic<int> last, head;

    void before() {
        last($) = word_of(1, writing);
        head($) = word_of(0, free_slot);
    }
    void thread(unsigned self) {
        if (self == 0) {
            last($).store(word_of(1, committed), rl::mo_release);
        } else if (self == 1) { // retire
            if (last($).load(rl::mo_acquire) != word_of(1, committed)) return;
            int seen = word_of(0, free_slot);
            head($).compare_exchange_strong(seen, word_of(1, closed), order("ring-close: swap", rl::mo_acq_rel), rl::mo_relaxed);
        } else if (head($).load(order("ring-close: look", rl::mo_acquire)) == word_of(1, closed)) {
            RL_ASSERT(last($).load(rl::mo_acquire) == word_of(1, committed));
        }
    }
};

// --- exclusive-close: a membarrier is a full fence on both sides -------------------------------------------------

struct exclusive_close_pair : rl::test_suite<exclusive_close_pair, 2> {
    rl::atomic<int> word, closing;
    int publishes, head_is_free;

    void before() {
        word($) = word_of(0, committed);
        closing($) = 0;
        publishes = head_is_free = 0;
    }
    void thread(unsigned self) {
        if (self == 0) { // claim_alone
            word($).store(word_of(1, writing), rl::mo_relaxed);
            FENCE("exclusive-close: publisher", rl::mo_seq_cst);
            publishes = closing($).load(rl::mo_relaxed) == 0;
        } else { // ask_to_close, and the look at the head
            closing($).store(1, rl::mo_relaxed);
            FENCE("exclusive-close: retirer", rl::mo_seq_cst);
            head_is_free = word($).load(rl::mo_acquire) == word_of(0, committed);
        }
    }
    void after() { RL_ASSERT(!(publishes && head_is_free)); }
};

// --- frontier-written: what the frontier says is in the log; and its slot may be overwritten ---------------------

struct frontier_pair : rl::test_suite<frontier_pair, 3> {
    rl::atomic<int> log, written;
    rl::var<int> slot;

    void before() {
        log($) = 0;
        written($) = 0;
        slot($) = 7;
    }
    void thread(unsigned self) {
        if (self == 0) { // the writer thread, control::wrote
            log($).store(slot($), rl::mo_relaxed);
            written($).store(1, order("frontier-written: store", rl::mo_release));
        } else if (self == 1) { // a consumer
            if (written($).load(order("frontier-written: consumer's look", rl::mo_acquire)) == 1) RL_ASSERT(log($).load(rl::mo_relaxed) == 7);
        } else { // pacer::may_claim, then the next lap
            if (written($).load(order("frontier-written: pacer's look", rl::mo_acquire)) == 1) slot($) = 8;
        }
    }
};

// --- doorbell-sleep, frontier-bell: a membarrier is a full fence on both sides -----------------------------------

struct doorbell_pair : rl::test_suite<doorbell_pair, 2> {
    rl::atomic<int> data, sleepers;
    int goes_to_sleep, nobody_rings;

    void before() {
        data($) = 0;
        sleepers($) = 0;
        goes_to_sleep = nobody_rings = 0;
    }
    void thread(unsigned self) {
        if (self == 0) { // doorbell::ring
            data($).store(1, rl::mo_release);
            FENCE("doorbell-sleep: ringer", rl::mo_seq_cst);
            nobody_rings = sleepers($).load(rl::mo_relaxed) == 0;
        } else { // doorbell::sleep
            sleepers($).store(1, rl::mo_relaxed);
            FENCE("doorbell-sleep: sleeper", rl::mo_seq_cst);
            goes_to_sleep = data($).load(rl::mo_acquire) == 0;
        }
    }
    void after() { RL_ASSERT(!(goes_to_sleep && nobody_rings)); }
};

// --- clock-piece: who sees the count sees the piece --------------------------------------------------------------

struct clock_pair : rl::test_suite<clock_pair, 2> {
    rl::atomic<int> begin, base, count;

    void before() {
        begin($) = 0;
        base($) = 0;
        count($) = 0;
    }
    void thread(unsigned self) {
        if (self == 0) { // clock_keeper::append
            begin($).store(5, rl::mo_relaxed);
            base($).store(6, rl::mo_relaxed);
            int seen = 0;
            count($).compare_exchange_strong(seen, 1, order("clock-piece: count", rl::mo_release), rl::mo_relaxed);
        } else if (count($).load(order("clock-piece: look", rl::mo_acquire)) == 1) { // clock_view::refresh
            RL_ASSERT(begin($).load(rl::mo_relaxed) == 5 && base($).load(rl::mo_relaxed) == 6);
        }
    }
};

// --- member-entry: what is told of one life is of that life ------------------------------------------------------

struct member_pair : rl::test_suite<member_pair, 2> {
    rl::atomic<int> state, incarnation, pid;

    void before() {
        state($) = 0;
        incarnation($) = 0;
        pid($) = 0;
    }
    void thread(unsigned self) {
        if (self == 0) { // membership::enter, of two lives
            for (int life = 1; life <= 2; ++life) {
                state($).store(0, rl::mo_relaxed);
                incarnation($).store(life, order("member-entry: incarnation", rl::mo_release));
                FENCE("member-entry: fence", rl::mo_release);
                pid($).store(life, rl::mo_relaxed);
                state($).store(1, order("member-entry: joined", rl::mo_release));
            }
        } else { // read_member
            const int life = incarnation($).load(order("member-entry: reader's incarnation", rl::mo_acquire));
            const int joined = state($).load(order("member-entry: reader's state", rl::mo_acquire));
            const int told = pid($).load(rl::mo_relaxed);
            FENCE("member-entry: reader's fence", rl::mo_acquire);
            if (incarnation($).load(rl::mo_relaxed) != life || state($).load(rl::mo_relaxed) != joined) return;
            RL_ASSERT(!joined || told == life);
        }
    }
};

/// Takes no memory: what is allocated in one of Relacy's threads must not be freed outside.
struct nowhere : std::streambuf {
    int overflow(int c) { return c; }
};

template <class Pair>
bool holds(unsigned executions) {
    nowhere nothing;
    std::ostream quiet(&nothing);
    rl::test_params how;
    how.iteration_count = executions;
    how.output_stream = &quiet;
    how.progress_stream = &quiet;
    return rl::simulate<Pair>(how);
}

struct pair_model {
    const char* name;                   ///< its SYNC name
    bool (*holds)(unsigned executions); ///< true when no execution broke it
    const char* orders[7];              ///< what it rests on; null behind the last
};

const pair_model pair_models[] = {
    {"slot-claim, slot-commit, slot-read", holds<slot_pair>,
     {"slot-claim: look and swap", "slot-claim: fence", "slot-commit: swap", "slot-read: look", "slot-read: fence"}},
    {"slot-repair", holds<repair_pair>, {"slot-repair: swap", "slot-repair: next claim"}},
    {"slot-commit, given back", holds<give_back_pair>, {"slot-commit: give back"}},
    {"ring-close", holds<close_pair>, {"ring-close: swap", "ring-close: look"}},
    {"exclusive-close", holds<exclusive_close_pair>, {"exclusive-close: publisher", "exclusive-close: retirer"}},
    {"frontier-written", holds<frontier_pair>,
     {"frontier-written: store", "frontier-written: consumer's look", "frontier-written: pacer's look"}},
    {"doorbell-sleep, frontier-bell", holds<doorbell_pair>, {"doorbell-sleep: ringer", "doorbell-sleep: sleeper"}},
    {"clock-piece", holds<clock_pair>, {"clock-piece: count", "clock-piece: look"}},
    {"member-entry", holds<member_pair>,
     {"member-entry: incarnation", "member-entry: fence", "member-entry: joined", "member-entry: reader's incarnation",
      "member-entry: reader's state", "member-entry: reader's fence"}},
};

const unsigned executions = 30000;
const unsigned executions_to_break = 500000; // a few hundred do, as a rule; the first that breaks ends it

bool report(bool as_it_should_be, const char* what, const char* order) {
    std::printf("%s %-36s %s%s\n", as_it_should_be ? "ok  " : "FAIL", what, order[0] == 0 ? "holds" : "breaks without ", order);
    std::fflush(stdout);
    return as_it_should_be;
}

} // namespace

int main() {
    int wrong = 0;
    for (const pair_model& pair : pair_models) {
        left_out = "";
        wrong += !report(pair.holds(executions), pair.name, "");
        for (const char* const* order = pair.orders; *order != nullptr; ++order) {
            left_out = *order;
            wrong += !report(!pair.holds(executions_to_break), pair.name, *order);
        }
    }
    std::printf("%d not as they should be\n", wrong);
    return wrong != 0;
}
