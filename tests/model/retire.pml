/* Retiring a shared ring under load: the head's word is swapped to CLOSED, a claim that nobody follows.
 *
 * code      include/evbus/ring/retire.hpp, head.hpp (find_head), claimer.hpp, slot_reader.hpp
 * left out  pacing, names and their removal, bells
 * faults    the first retirer dies anywhere; publishers that are slow by laps; STOPS stop for ever
 *
 * law told_is_below   what was told published lies below every seq at which a reader ended or a retirer closed
 * law one_end         all retirers and readers see the same end
 * law nobody_passes   no seq above the closed one is claimed or stepped over
 * law all_read        a reader that ended read every event that was told published, or it is overwritten
 * law nobody_waits    a reader comes to the end, whoever is stopped (pan: invalid end state)
 *
 * small -DPUBS=2 -DRETIRERS=1 -DSEQS=6 -DEVENTS=1 -DSTOPS=1
 * small -DPUBS=1 -DRETIRERS=2 -DSEQS=7 -DEVENTS=2 -DSTOPS=1
 * large -DPUBS=2 -DRETIRERS=2 -DSEQS=6 -DEVENTS=1 -DSTOPS=1
 *
 * mutation BY_FLAG       breaks told_is_below  publishers read a flag before they claim
 * mutation CLOSE_BLIND   breaks nobody_passes  the retirer stores CLOSED where it found the head, without a swap
 * mutation PASS_CLOSED   breaks one_end        a retirer takes CLOSED for a claim, and closes behind it
 *     with -DPUBS=1 -DRETIRERS=2 -DSEQS=7 -DEVENTS=1 -DSTOPS=0
 * mutation SAME_LAP_ONLY breaks nobody_passes  a claimer heeds CLOSED only in the lap that it looks for
 *     with -DPUBS=2 -DRETIRERS=1 -DSEQS=7 -DEVENTS=2 -DSTOPS=0
 * mutation LEAVES_EARLY  breaks all_read       a reader that knows of the end goes home at the first unfinished slot
 * mutation CLOSED_IS_NO_CLAIM breaks nobody_waits  a reader steps over the newest seq's owner only for a claim behind it
 */
#ifndef SLOTS
#define SLOTS 2
#endif
#include "word.inc"

hidden byte told_is_below, one_end, nobody_passes, all_read;

byte word[SLOTS];
bool told[SEQS], was_read[SEQS];
byte end = 255;         /* where somebody saw or made the end */
byte last_told, stops;
bool flag;
bool gave_up;           /* the retirer that lives ran out of seqs */

/* A reader steps over a living owner once a later seq is claimed, or closed. */
#ifdef CLOSED_IS_NO_CLAIM
#define CAN_STEP_IN (p + 1 < SEQS && PHASE_OF(word[SLOT(p)]) == WRITING && LAP_OF(word[SLOT(p)]) == LAP(p) && \
                     LAP_OF(word[SLOT(p + 1)]) >= LAP(p + 1) && PHASE_OF(word[SLOT(p + 1)]) != CLOSED)
#else
#define CAN_STEP_IN (p + 1 < SEQS && PHASE_OF(word[SLOT(p)]) == WRITING && LAP_OF(word[SLOT(p)]) == LAP(p) && \
                     LAP_OF(word[SLOT(p + 1)]) >= LAP(p + 1))
#endif

inline ended_at(seq) {
    LAW(one_end, end == 255 || end == seq);
    LAW(told_is_below, last_told < seq);
    end = seq
}

proctype Publisher(byte me) {
    byte t = FIRST, seen, events = EVENTS;
    bool ok;
    do
    :: events == 0 || t >= SEQS -> break
    :: else ->
#ifdef BY_FLAG
        if :: flag -> break :: else fi;
#endif
        atomic { /* one look, and what follows from it alone */
            seen = word[SLOT(t)];
            if
#ifdef SAME_LAP_ONLY
            :: PHASE_OF(seen) == CLOSED && LAP_OF(seen) == LAP(t) -> goto done
            :: PHASE_OF(seen) == CLOSED && LAP_OF(seen) > LAP(t) -> t = SEQ_NEAR(t, seen) + 1; goto again
#else
            :: PHASE_OF(seen) == CLOSED -> goto done
#endif
            :: LAP_OF(seen) >= LAP(t) && PHASE_OF(seen) != CLOSED -> t++; goto again
            :: LAP_OF(seen) < LAP(t) && ENDED(seen) -> goto takes
            :: LAP_OF(seen) < LAP(t) && PHASE_OF(seen) == WRITING -> goto stalls
            :: LAP_OF(seen) < LAP(t) && PHASE_OF(seen) == STALLED -> goto steps_over
            fi
        };
takes:  atomic {
            if
            :: word[SLOT(t)] == seen ->
                word[SLOT(t)] = WORD(LAP(t), me, WRITING);
                LAW(nobody_passes, t < end);
                goto claimed
            :: else -> goto again
            fi
        };
stalls: swap(word[SLOT(t)], WITH(seen, STALLED));
        goto again;
steps_over:
        atomic {
            if
            :: word[SLOT(t)] == seen -> word[SLOT(t)] = NEXT_LAP(seen); LAW(nobody_passes, t < end); t++
            :: else
            fi
        };
        goto again;
claimed:
        if :: stops < STOPS -> stops++; goto stopped :: skip fi;
        atomic {
            if
            :: word[SLOT(t)] == WORD(LAP(t), me, WRITING) ->
                word[SLOT(t)] = WORD(LAP(t), me, COMMITTED);
                told[t] = true;
                if :: t > last_told -> last_told = t :: else fi;
                LAW(told_is_below, t < end);
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
        atomic { seen = 0; ok = false }
    od;
    goto done;
stopped:
end_stopped:
    (false);
done:
    skip
}

proctype Retirer(bool may_die) {
    byte t, seen;
    bool ok;
#ifdef BY_FLAG
    flag = true;
#endif
look:
    if :: may_die -> goto dies :: skip fi;
    t = FIRST;
    do /* find_head */
    :: t >= SEQS -> goto gives_up
    :: else ->
        atomic {
            seen = word[SLOT(t)];
            if
            :: LAP_OF(seen) < LAP(t) -> break
#ifndef PASS_CLOSED
            :: LAP_OF(seen) >= LAP(t) && PHASE_OF(seen) == CLOSED -> t = SEQ_NEAR(t, seen); goto closed
#endif
            :: else -> t = SEQ_NEAR(t, seen) + 1
            fi
        }
    od;
    seen = word[SLOT(t)];
    atomic {
    if
    :: LAP_OF(seen) == LAP(t) && PHASE_OF(seen) == CLOSED -> goto closed
    :: LAP_OF(seen) == LAP(t) && PHASE_OF(seen) != CLOSED -> goto look
    :: LAP_OF(seen) > LAP(t) -> goto look
    :: LAP_OF(seen) < LAP(t) && PHASE_OF(seen) == WRITING -> goto stalls
    :: LAP_OF(seen) < LAP(t) && PHASE_OF(seen) == STALLED -> goto steps_over
    :: LAP_OF(seen) < LAP(t) && PHASE_OF(seen) == CLOSED -> goto look
    :: LAP_OF(seen) < LAP(t) && ENDED(seen) -> goto closes
    fi
    };
stalls:
    swap(word[SLOT(t)], WITH(seen, STALLED));
    goto look;
steps_over:
    swap(word[SLOT(t)], NEXT_LAP(seen));
    goto look;
closes:
#ifdef BY_FLAG
    goto closed; /* the flag is up: the head is the end */
#endif
    atomic {
        if
#ifdef CLOSE_BLIND
        :: true ->
#else
        :: word[SLOT(t)] == seen ->
#endif
            word[SLOT(t)] = WORD(LAP(t), 0, CLOSED)
#ifndef CLOSE_BLIND
        :: else -> goto look
#endif
        fi
    };
closed:
    atomic { ended_at(t) };
dies:
    goto done;
gives_up:
    if :: !may_die -> gave_up = true :: else fi;
done:
    skip
}

proctype Reader() {
    byte p = FIRST, seen, q;
    do
    :: p >= SEQS -> goto done
    :: else ->
        atomic {
            (gave_up || LAP_OF(word[SLOT(p)]) > LAP(p) || CAN_STEP_IN || (LAP_OF(word[SLOT(p)]) == LAP(p) && PHASE_OF(word[SLOT(p)]) != WRITING)
#if defined(BY_FLAG) || defined(LEAVES_EARLY)
             || end != 255
#endif
            ) -> seen = word[SLOT(p)];
            if
            :: gave_up && LAP_OF(seen) < LAP(p) -> goto done
            :: LAP_OF(seen) == LAP(p) && PHASE_OF(seen) == WRITING && CAN_STEP_IN -> word[SLOT(p)] = WITH(seen, STALLED)
            :: gave_up && LAP_OF(seen) == LAP(p) && PHASE_OF(seen) == WRITING && !CAN_STEP_IN -> goto done
            :: LAP_OF(seen) > LAP(p) -> was_read[p] = true; p++ /* overwritten: a gap, and named */
            :: LAP_OF(seen) == LAP(p) && PHASE_OF(seen) == CLOSED -> break
            :: LAP_OF(seen) == LAP(p) && PHASE_OF(seen) != CLOSED && PHASE_OF(seen) != WRITING -> was_read[p] = true; p++
#ifdef LEAVES_EARLY
            :: end != 255 && (LAP_OF(seen) < LAP(p) || PHASE_OF(seen) == WRITING) -> break
#elif defined(BY_FLAG)
            :: end != 255 && LAP_OF(seen) < LAP(p) -> break
            :: end != 255 && LAP_OF(seen) == LAP(p) && PHASE_OF(seen) == WRITING -> word[SLOT(p)] = WITH(seen, STALLED)
#endif
            fi
        }
    od;
    atomic {
#ifndef LEAVES_EARLY
        ended_at(p);
#endif
        do :: q < SEQS -> LAW(all_read, !told[q] || was_read[q]); q++ :: else -> break od
    };
done:
    skip
}

init {
    byte k;
    atomic {
        do :: k < SLOTS -> word[k] = WORD(0, 0, DEAD); k++ :: else -> break od;
        run Publisher(1);
#if PUBS > 1
        run Publisher(2);
#endif
#if RETIRERS > 1
        run Retirer(true);
#endif
        run Retirer(false);
        run Reader()
    }
}
