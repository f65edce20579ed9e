/* A publisher's number that is used again: die, lock, sweep, publish; and repairers that are slow.
 *
 * code      include/evbus/ring/members.hpp (membership), repair.hpp (sweep, end_wait), claimer.hpp
 * left out  what readers deliver (slot.pml), names and incarnations (tests/weak member_entry)
 * faults    LIVES - 1 lives of number 1 die, in the sweep, in the entry, or anywhere after a claim
 *
 * law only_the_dead   a word is reaped only if the very life that claimed it is over
 * law clean_start     a life that starts to publish finds no unfinished word of its number
 * law one_pen         two pens never write into one slot
 * law still_named     who was stepped over finds its slot STALLED under its own name
 *
 * small -DLIVES=2 -DSEQS=7 -DEVENTS=1
 * small -DLIVES=3 -DSEQS=6 -DEVENTS=1
 * large -DLIVES=2 -DSEQS=6 -DEVENTS=1 -DTHREE -DMORE=1
 * large -DLIVES=3 -DSEQS=8 -DEVENTS=2 -DMORE=3
 *
 * mutation PROOF_FIRST   breaks only_the_dead  the lock is tested before the word is read
 * mutation READ_AGAIN    breaks only_the_dead  the word is read again between proof and swap
 * mutation NO_SWEEP      breaks clean_start    a number is taken over without a sweep
 * mutation SWEEP_WRITING breaks clean_start    the sweep leaves STALLED words
 * mutation LEFT_FIRST    breaks clean_start    the entry says "left" before the sweep is through
 *     with -DLIVES=3 -DSEQS=6 -DEVENTS=1
 * mutation TAKE_STALLED  breaks one_pen        a claimer takes a stalled slot for itself
 * mutation REAP_LIVING   breaks still_named    a stalled slot of a living owner is made a void
 */
#ifndef MORE /* events of the other numbers */
#define MORE 2
#endif
#ifndef SLOTS
#define SLOTS 2
#endif
#include "word.inc"

hidden byte only_the_dead, clean_start, one_pen, still_named;

byte word[SLOTS];
byte pens[SLOTS];
byte claimed_by[SLOTS]; /* which life of number 1 made the newest claim there; 0: another number */
bool held[4];           /* the lock byte of each number */
bool joined;            /* number 1's entry */
byte life;              /* of number 1, counted */

#define MINE(w) (OWNER_OF(w) == me && (PHASE_OF(w) == WRITING || PHASE_OF(w) == STALLED))

inline maybe_die() {
    if
    :: me == 1 && life < LIVES -> atomic { pens[SLOT(t)] = pens[SLOT(t)] - writes; held[1] = false; goto born }
    :: skip
    fi
}

/* A swap to DEAD by somebody else, after a proof. */
inline reap() {
    atomic {
        if
        :: word[SLOT(t)] == seen ->
            word[SLOT(t)] = WITH(seen, DEAD);
#ifndef REAP_LIVING
            LAW(only_the_dead, OWNER_OF(seen) != 1 || claimed_by[SLOT(t)] != life || !held[1])
#endif
        :: else
        fi
    }
}

proctype Publisher(byte me) {
    byte t, k, seen, events, writes;
    bool ok, proven;
born:
    t = FIRST; k = 0; seen = 0; ok = false; proven = false; writes = 0; events = (me == 1 -> EVENTS : MORE);
    atomic { !held[me] -> held[me] = true; if :: me == 1 -> life++ :: else fi };
#ifdef LEFT_FIRST
    ok = joined;
    if :: me == 1 -> joined = false :: else fi;
    maybe_die();
#else
    ok = joined;
#endif
#ifndef NO_SWEEP
    if
    :: ok && me == 1 ->
        do
        :: k < SLOTS ->
            seen = word[k];
#ifdef SWEEP_WRITING
            if :: MINE(seen) && PHASE_OF(seen) == WRITING -> swap(word[k], WITH(seen, DEAD)) :: else -> k++ fi;
#else
            if :: MINE(seen) -> swap(word[k], WITH(seen, DEAD)) :: else -> k++ fi;
#endif
            maybe_die()
        :: else -> break
        od
    :: else
    fi;
#endif
    if :: me == 1 -> joined = false; maybe_die(); joined = true :: else fi;
    atomic {
        k = 0;
        do :: k < SLOTS -> LAW(clean_start, !MINE(word[k])); k++ :: else -> break od;
        k = 0
    };
    do
    :: events == 0 || t >= SEQS -> break
    :: else ->
#ifdef PROOF_FIRST
        proven = !held[1];
        seen = word[SLOT(t)];
#else
        seen = word[SLOT(t)];
        proven = !held[1];
#endif
        if
        :: LAP_OF(seen) >= LAP(t) -> t = SEQ_NEAR(t, seen) + 1
        :: LAP_OF(seen) < LAP(t) && ENDED(seen) ->
            atomic {
                if
                :: word[SLOT(t)] == seen ->
                    word[SLOT(t)] = WORD(LAP(t), me, WRITING);
                    claimed_by[SLOT(t)] = (me == 1 -> life : 0);
                    goto claimed
                :: else
                fi
            }
        :: LAP_OF(seen) < LAP(t) && !ENDED(seen) && OWNER_OF(seen) == 1 && proven ->
#ifdef READ_AGAIN
            seen = word[SLOT(t)];
            if :: OWNER_OF(seen) == 1 && !ENDED(seen) -> reap() :: else fi
#else
            reap()
#endif
        :: LAP_OF(seen) < LAP(t) && PHASE_OF(seen) == WRITING && !(OWNER_OF(seen) == 1 && proven) ->
            swap(word[SLOT(t)], WITH(seen, STALLED))
        :: LAP_OF(seen) < LAP(t) && PHASE_OF(seen) == STALLED && !(OWNER_OF(seen) == 1 && proven) ->
#if defined(TAKE_STALLED)
            swap(word[SLOT(t)], WORD(LAP(t), me, WRITING));
            if :: ok -> goto claimed :: else fi
#elif defined(REAP_LIVING)
            reap()
#else
            swap(word[SLOT(t)], NEXT_LAP(seen));
            if :: ok -> t++ :: else fi
#endif
        fi;
        goto again;
claimed:
        maybe_die();
        atomic { writes = 1; pens[SLOT(t)]++; LAW(one_pen, pens[SLOT(t)] == 1) };
        maybe_die();
        atomic { writes = 0; pens[SLOT(t)]-- };
        atomic {
            if
            :: word[SLOT(t)] == WORD(LAP(t), me, WRITING) ->
                word[SLOT(t)] = WORD(LAP(t), me, COMMITTED);
                events--;
                t++;
                goto again
            :: else
            fi
        };
        do
        :: atomic { seen = word[SLOT(t)]; LAW(still_named, PHASE_OF(seen) == STALLED && OWNER_OF(seen) == me) };
           maybe_die();
           swap(word[SLOT(t)], WITH(seen, DEAD));
           if :: ok -> break :: else fi
        od;
        t++;
again:
        atomic { seen = 0; ok = false; proven = false }
    od;
    if :: me == 1 -> joined = false :: else fi;
    held[me] = false
}

/* A reader: it repairs where it stands, and is as slow as it likes between its steps. */
proctype Repairer() {
    byte t = FIRST, seen;
    bool proven;
    do
    :: t >= SEQS -> break
    :: t < SEQS -> t++
    :: t < SEQS ->
#ifdef PROOF_FIRST
        proven = !held[1];
        seen = word[SLOT(t)];
#else
        seen = word[SLOT(t)];
        proven = !held[1];
#endif
        if
        :: proven && LAP_OF(seen) == LAP(t) && PHASE_OF(seen) == WRITING && OWNER_OF(seen) == 1 -> reap()
        :: else
        fi;
        atomic { t++; seen = 0; proven = false }
    od
}

init {
    byte k;
    atomic {
        do :: k < SLOTS -> word[k] = WORD(0, 0, DEAD); k++ :: else -> break od;
        run Publisher(1);
        run Publisher(2);
        run Repairer();
#ifdef THREE
        run Publisher(3)
#endif
    }
}
