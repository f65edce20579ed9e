/* Pacing: how far publishers go ahead of the recorder, and when they need not wait for it.
 *
 * code      include/evbus/ring/pacing.hpp, publisher.hpp (claim_slow, unblock_frontier), lib/recorder/control.hpp
 * left out  the durable frontier, bells (bell.pml), clocks: "has not moved for stall_limit" comes at any moment
 *           while the recorder is slow
 * faults    DEATHS recorders die anywhere and come back with a new generation (the log keeps what was written, the
 *           frontier may be behind it); SLOW: the recorder stands still for a while; STOPS publishers
 *           stop for ever after a claim; TRY: the second publisher never waits
 *
 * law lost_by_verdict     an unrecorded event is overwritten only by a claim that passed its check by the verdict
 * law verdict_is_true     the verdict falls only on a generation whose recorder is gone or stands still
 * law verdict_is_current  nobody passes by a verdict given before the recorder came back or moved on, if that was
 *                         before he looked
 * law recorded_is_there   the frontier never says more than the log has
 * law nobody_waits        nobody waits for ever, whoever is stopped (pan: invalid end state)
 *
 * small -DSEQS=6 -DEVENTS=2 -DDEATHS=1
 * small -DSEQS=6 -DEVENTS=2 -DSTOPS=1
 * small -DSEQS=6 -DEVENTS=2 -DSLOW=1 -DTRY
 * small -DSEQS=6 -DEVENTS=2 -DDEATHS=1 -DSTRICT
 * large -DSEQS=8 -DEVENTS=2 -DDEATHS=2 -DSTOPS=1 -DSLOW=1
 *
 * mutation CLAIM_UNASKED     breaks lost_by_verdict    a claimer does not look at the frontier
 * mutation STEP_UNASKED      breaks lost_by_verdict    stepping over does not look at the frontier
 * mutation ANY_GENERATION    breaks verdict_is_current the verdict outlives the recorder's return
 * mutation ANY_FRONTIER      breaks verdict_is_current the verdict outlives the recorder's standstill
 *     with -DSEQS=6 -DEVENTS=2 -DSLOW=1 -DTRY
 * mutation PROBE_FIRST       breaks verdict_is_true    the lock is tested before generation and frontier are read
 * mutation BELL_BEFORE_WRITE breaks recorded_is_there  the frontier moves before the write
 * mutation NOBODY_STEPS_IN   breaks nobody_waits       who waits for the frontier leaves its owner alone
 *     with -DSEQS=6 -DEVENTS=2 -DSTOPS=1
 * mutation NO_VERDICT        breaks nobody_waits       nobody asks whether the recorder lives
 */
#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef EVENTS2
#define EVENTS2 1
#endif
#ifndef EVENTS
#define EVENTS 2
#endif
#ifndef DEATHS
#define DEATHS 0
#endif
#ifndef STOPS
#define STOPS 0
#endif
#ifndef SLOW
#define SLOW 0
#endif
#include "word.inc"

hidden byte lost_by_verdict, verdict_is_true, verdict_is_current, recorded_is_there;

byte word[SLOTS];
byte written = FIRST - 1, generation, verdict = 255;
#define PACK(generation, written) ((generation) * 16 + (written))

bool rec_locked;        /* the recorder's byte */
bool recording;         /* it lives and has begun its generation */
bool rec_slow;          /* it stands still now */
byte logged = FIRST - 1; /* the last seq in the log, which outlives recorders */
byte deaths, stops, slows, over;
/* The claim that overwrote this seq passed by the verdict. */
bool excused[SEQS];
#if defined(ANY_GENERATION)
#define VERDICT_STANDS(g, w) (verdict % 16 == (w) && verdict != 255)
#elif defined(ANY_FRONTIER)
#define VERDICT_STANDS(g, w) (verdict / 16 == (g))
#else
#define VERDICT_STANDS(g, w) (verdict == PACK(g, w))
#endif

proctype Publisher(byte me; bool waits; byte events) {
    byte t = FIRST, seen, w, g, back, before, passed;
    bool ok, gone;
    do
    :: events == 0 || t >= SEQS -> break
    :: else ->
        /* pacer::may_claim */
        passed = 0;
        atomic { w = written; back = generation }; /* `back` is for the law */
        if
        :: t <= w + SLOTS
        :: else ->
#ifdef STRICT
            goto must_wait;
#elif defined(CLAIM_UNASKED)
            skip;
#else
            g = generation;
            if
            :: atomic { VERDICT_STANDS(g, w) -> LAW(verdict_is_current, verdict / 16 >= back && verdict % 16 >= w); passed = 1 }
            :: else -> goto must_wait
            fi
#endif
        fi;
look:   seen = word[SLOT(t)];
        if
        :: LAP_OF(seen) >= LAP(t) -> t = SEQ_NEAR(t, seen) + 1
        :: LAP_OF(seen) < LAP(t) && ENDED(seen) ->
            atomic {
                if
                :: word[SLOT(t)] == seen ->
                    word[SLOT(t)] = WORD(LAP(t), me, WRITING);
                    if :: passed -> excused[t - SLOTS] = true :: else fi;
                    goto claimed
                :: else
                fi
            }
        :: LAP_OF(seen) < LAP(t) && PHASE_OF(seen) == WRITING -> swap(word[SLOT(t)], WITH(seen, STALLED))
        :: LAP_OF(seen) < LAP(t) && PHASE_OF(seen) == STALLED ->
            atomic {
                if
                :: word[SLOT(t)] == seen ->
                    word[SLOT(t)] = NEXT_LAP(seen);
                    if :: passed -> excused[t - SLOTS] = true :: else fi;
                    t++
#ifdef STEP_UNASKED
                    ;
                    if
                    :: t < SEQS && LAP_OF(word[SLOT(t)]) < LAP(t) -> passed = 0; goto look
                    :: else
                    fi
#endif
                :: else
                fi
            }
        fi;
        goto again;
must_wait:
        /* publisher::pen::claim_slow: unblock_frontier, pacer::watch, sleep */
#ifndef NOBODY_STEPS_IN
        atomic {
            w = written + 1;
            seen = word[SLOT(w)];
            if
            :: w < SEQS && LAP_OF(seen) == LAP(w) && PHASE_OF(seen) == WRITING && OWNER_OF(seen) != me
            :: else -> goto watch
            fi
        };
        swap(word[SLOT(w)], WITH(seen, STALLED));
watch:
#endif
#if !defined(STRICT) && !defined(NO_VERDICT)
#ifdef PROBE_FIRST
        gone = !rec_locked || rec_slow;
        w = written;
        g = generation;
#else
        w = written;
        g = generation;
        gone = !rec_locked || rec_slow;
#endif
        before = verdict;
        if
        :: gone && before != PACK(g, w) ->
            atomic {
                if
                :: verdict == before ->
                    verdict = PACK(g, w);
                    LAW(verdict_is_true, !recording || g != generation || w != written || slows != 0)
                :: else
                fi
            };
            goto again
        :: else
        fi;
#endif
        if
        :: !waits -> events-- /* would_block */
        :: waits ->
#ifdef STRICT
            if
            :: written != w || t <= written + SLOTS
            :: true -> events-- /* timed_out */
            fi
#elif defined(NO_VERDICT)
            (t <= written + SLOTS)
#else
            /* The sleep: until one of the things that are looked at in each turn. */
            (t <= written + SLOTS || VERDICT_STANDS(generation, written) || !rec_locked || rec_slow
#ifndef NOBODY_STEPS_IN
             || (written + 1 < SEQS && PHASE_OF(word[SLOT(written + 1)]) == WRITING &&
                 LAP_OF(word[SLOT(written + 1)]) == LAP(written + 1) && OWNER_OF(word[SLOT(written + 1)]) != me)
#endif
            )
#endif
        fi;
        goto again;
claimed:
        if :: stops < STOPS -> stops++; goto stopped :: skip fi;
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
        :: seen = word[SLOT(t)]; swap(word[SLOT(t)], WITH(seen, DEAD)); if :: ok -> break :: else fi
        od;
        t++;
again:
        atomic { seen = 0; ok = false; w = 0; g = 0; back = 0; before = 0; gone = false; passed = 0 }
    od;
    over++;
    goto done;
stopped:
    over++;
end_stopped:
    (false);
done:
    skip
}

inline maybe_die() {
    if
    :: deaths < DEATHS -> atomic { deaths++; rec_slow = false; recording = false; rec_locked = false; goto life }
    :: skip
    fi
}

active proctype Recorder() {
    byte next, seen;
    bool ok;
life:
    next = 0; seen = 0; ok = false;
    if
    :: rec_locked = true
    :: deaths > 0 -> goto end_gone /* nobody starts another */
    fi;
    /* Recovery: the log tells where it ends. Then control::begin. */
    maybe_die();
    next = logged + 1;
    written = logged;
    maybe_die();
    atomic { generation++; recording = true };
    do
    :: next >= SEQS -> break
    :: atomic { over == 2 && LAP_OF(word[SLOT(next)]) < LAP(next) -> break }
    :: slows < SLOW && !rec_slow -> slows++; rec_slow = true; rec_slow = false
    :: atomic {
            next < SEQS && (LAP_OF(word[SLOT(next)]) > LAP(next) ||
                            (LAP_OF(word[SLOT(next)]) == LAP(next) && PHASE_OF(word[SLOT(next)]) != WRITING)) ->
            if
            :: LAP_OF(word[SLOT(next)]) > LAP(next) -> LAW(lost_by_verdict, excused[next])
            :: else
            fi
       };
       /* write(), then the frontier */
       maybe_die();
#ifdef BELL_BEFORE_WRITE
       atomic { written = next; LAW(recorded_is_there, written <= logged) };
       maybe_die();
       logged = next;
#else
       logged = next;
       maybe_die();
       atomic { written = next; LAW(recorded_is_there, written <= logged) };
#endif
       next++
#ifndef NOBODY_STEPS_IN
    :: atomic {
            next + 1 < SEQS && LAP_OF(word[SLOT(next)]) == LAP(next) && PHASE_OF(word[SLOT(next)]) == WRITING &&
            LAP_OF(word[SLOT(next + 1)]) >= LAP(next + 1) -> seen = word[SLOT(next)]
       };
       swap(word[SLOT(next)], WITH(seen, STALLED));
       seen = 0
#endif
    :: over == 2 && LAP_OF(word[SLOT(next)]) == LAP(next) && PHASE_OF(word[SLOT(next)]) == WRITING ->
       break /* the newest, whose owner is stopped: its owner may take its time */
    od;
    atomic { recording = false; rec_locked = false };
end_gone:
    skip
}

init {
    byte k;
    atomic {
        do :: k < SLOTS -> word[k] = WORD(0, 0, DEAD); k++ :: else -> break od;
        run Publisher(1, true, EVENTS);
#ifdef TRY
        run Publisher(2, false, EVENTS2)
#else
        run Publisher(2, true, EVENTS2)
#endif
    }
}
