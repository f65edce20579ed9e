/* The doorbell: sleeping without costing the one who wakes; and the pollable descriptor on top of it.
 *
 * code      include/evbus/ring/doorbell.hpp; the helper thread of a reader's fd()
 * models    a ringer's data go through a store buffer, so that its look at the flag may come first; a sleeper's
 *           membarrier empties it
 * left out  time: a wake-up that a dying ringer took with it costs 250 ms, so only what the ringer that lives
 *           published is asked for
 * faults    ringer 1 dies or stops anywhere
 *
 * law woken          who sleeps in the end, sleeps on nothing that the ringer which lives has published
 * law poller_told    nor does who waits for the descriptor
 *
 * small -DSLEEPERS=1 -DROUNDS=2
 * small -DSLEEPERS=0 -DPOLLER -DROUNDS=1
 * large -DSLEEPERS=2 -DROUNDS=1
 * large -DSLEEPERS=1 -DPOLLER -DROUNDS=1
 *
 * mutation NO_BARRIER     breaks woken        the sleeper looks at the data without a membarrier
 * mutation LOOK_FIRST     breaks woken        the sleeper looks at the data before it raises the flag
 * mutation CLEAR_FIRST    breaks woken        the ringer lowers the flag before it wakes, and dies
 * mutation CLEAR_ANY      breaks woken        the ringer lowers the flag whoever raised it
 * mutation HEARD_LATE     breaks woken        the sleeper reads the bell's count after the look
 * mutation POLL_THEN_READ breaks poller_told  the poller looks at the data before it empties the descriptor
 *     with -DSLEEPERS=0 -DPOLLER -DROUNDS=1
 * mutation WRITE_NOTHING  breaks poller_told  the helper writes the descriptor only after a sleep
 *     with -DSLEEPERS=0 -DPOLLER -DROUNDS=1
 */
#include "word.inc"

hidden byte woken, poller_told;

#define RINGER_1 1
#define RINGER_2 2
#define SLEEPER 3
byte flag, rings;
byte data;              /* how much everybody sees */
bool pending[3];        /* by ringer: what stands in its store buffer only */
byte must_be_seen;      /* so much of the data that the newest of ringer 2, which lives, is among it */
bool asleep[3];
byte over;
bool readable;          /* the descriptor's count is not 0 */
#define HELPER 2        /* its place in `asleep` */
#define QUIET (over == 2 && !pending[1] && !pending[2])

inline leave_buffer(who) {
    atomic {
        if
        :: pending[who] -> pending[who] = false; data++; if :: who == RINGER_2 -> must_be_seen = data :: else fi
        :: else
        fi
    }
}
inline membarrier() { atomic { leave_buffer(RINGER_1); leave_buffer(RINGER_2) } }

active proctype Store_buffers() {
end:
    do
    :: pending[1] -> leave_buffer(RINGER_1)
    :: pending[2] -> leave_buffer(RINGER_2)
    od
}

inline maybe_die() {
    if :: me == RINGER_1 -> break :: skip fi
}

proctype Ringer(byte me) {
    byte round = ROUNDS, seen;
    do
    :: round == 0 -> break
    :: else ->
        round--;
        leave_buffer(me);
        pending[me] = true;
        seen = flag; /* a plain load: it may be done before the data are out */
        if
        :: seen == 0
        :: else ->
            maybe_die();
            leave_buffer(me); /* what follows are locked instructions */
#ifdef CLEAR_FIRST
            flag = 0;
#else
            flag = me;
#endif
            maybe_die();
            rings++;
            maybe_die();
            atomic { asleep[0] = false; asleep[1] = false; asleep[2] = false };
            maybe_die();
#ifdef CLEAR_ANY
            flag = 0
#else
            atomic { if :: flag == me -> flag = 0 :: else fi }
#endif
        fi;
        seen = 0
    od;
    over++
}

/* doorbell::sleep, in one piece of at most for ever. Goes to `awake` when there is something. */
inline sleep_on(slot) {
#if defined(HEARD_LATE)
    flag = SLEEPER;
    membarrier();
    if :: data == known -> skip :: else -> goto awake fi;
    heard = rings;
#elif defined(LOOK_FIRST)
    heard = rings;
    membarrier();
    if :: data == known -> skip :: else -> goto awake fi;
    flag = SLEEPER;
#else
    heard = rings;
    flag = SLEEPER;
#ifndef NO_BARRIER
    membarrier();
#endif
    if :: data == known -> skip :: else -> goto awake fi;
#endif
    atomic { if :: rings == heard -> asleep[slot] = true :: else fi };
    (!asleep[slot] || QUIET)
}

proctype Sleeper(byte slot) {
    byte known, heard;
    do
    :: QUIET && known == data -> break
    :: known != data -> known = data
    :: known == data && !QUIET ->
        sleep_on(slot);
        atomic {
            if
            :: asleep[slot] -> LAW(woken, known >= must_be_seen); break
            :: else
            fi
        };
awake:  heard = 0
    od
}

#ifdef POLLER
byte polled;            /* how far the poller has looked */
bool helper_over;

/* Sleeps on the bell in the poller's stead. Writes whenever there is more than it has written for. */
active proctype Helper() {
    byte known, heard;
    do
    :: known != data ->
        known = data;
#ifdef WRITE_NOTHING
        skip
#else
        readable = true
#endif
    :: known == data && QUIET -> break
    :: known == data && !QUIET ->
        sleep_on(HELPER);
        atomic {
            if
            :: asleep[HELPER] -> LAW(woken, known >= must_be_seen); break
            :: else
            fi
        };
#ifdef WRITE_NOTHING
        known = data;
        readable = true;
#endif
awake:  heard = 0
    od;
    atomic { helper_over = true }
}

active proctype Poller() {
    do
    :: readable ->
#ifdef POLL_THEN_READ
        polled = data;
        readable = false
#else
        readable = false;
        polled = data
#endif
    :: atomic { helper_over && !readable -> LAW(poller_told, polled >= must_be_seen) ; break }
    od
}
#endif

init {
    atomic {
        run Ringer(RINGER_1);
        run Ringer(RINGER_2);
#if SLEEPERS > 0
        run Sleeper(0);
#endif
#if SLEEPERS > 1
        run Sleeper(1)
#endif
    }
}
