/* The slot protocol: claim, commit, stall, step over, give back, reap, and readers beside it.
 *
 * code      include/evbus/ring/claimer.hpp, slot_reader.hpp, repair.hpp, waiter.hpp; delivery.hpp for fragments
 * left out  weak ordering (tests/weak), the tail (a hint), pacing (pace.pml), filters; a payload is one number
 * faults    DEATHS publishers die, STOPS publishers stop for ever, each at any step after a claim; whoever is
 *           not scheduled for laps and wakes then is in the search anyway
 *
 * law claimed_once     a seq is claimed or stepped over by one, once
 * law dense            no seq is claimed or stepped over before the one below it
 * law head_is_near     who looks for a free seq never meets a slot that is two laps behind
 * law one_pen          two publishers never write into one slot, however late one wakes
 * law still_named      who was stepped over finds its slot STALLED under its own name
 * law void_is_void     what some reader called void was not and will not be committed
 * law whole_copy       a copy that passed the second look is what was committed there
 * law lapped_is_gone   a reader skips only what is overwritten
 * law whole_event      two frames are joined only if they are of one event, sent in one go
 * law sums_up          delivered + void + gaps + open = walked, at every step
 * law walked_all       in the end a reader has walked over every committed seq
 *
 * small -DPUBS=2 -DSEQS=6 -DEVENTS=1 -DMORE=2
 * small -DPUBS=2 -DSEQS=6 -DEVENTS=1 -DDEATHS=1 -DSTOPS=1
 * small -DPUBS=2 -DSEQS=6 -DEVENTS=1 -DMORE=2 -DDEATHS=1 -DMAY_WRITE=false
 * small -DPUBS=3 -DSEQS=7 -DEVENTS=1 -DSTOPS=2 -DREADERS=0
 * small -DPUBS=2 -DSEQS=7 -DFRAMES=2 -DEVENTS=1
 * large -DPUBS=2 -DSEQS=7 -DEVENTS=1 -DMORE=2 -DDEATHS=1 -DSTOPS=1
 * large -DPUBS=3 -DSEQS=8 -DEVENTS=1 -DMORE=2 -DSTOPS=2 -DREADERS=0
 * large -DPUBS=2 -DSEQS=8 -DFRAMES=2 -DEVENTS=1 -DMORE=2 -DDEATHS=1
 *
 * mutation COMMIT_BY_STORE  breaks void_is_void   the owner stores COMMITTED instead of swapping
 * mutation TAKE_STALLED     breaks one_pen        a claimer takes a stalled slot for itself
 * mutation PASS_STALLED     breaks dense          a claimer goes past a stalled slot without moving its lap on
 * mutation STEP_BY_STORE    breaks claimed_once   stepping over by a store, over whatever the word has become
 * mutation GIVE_BACK_OLD    breaks claimed_once   the slot is given back in the lap it was claimed in
 * mutation SKIP_STALLED     breaks head_is_near   as PASS_STALLED, and on to the next lap
 *     with -DPUBS=2 -DSEQS=8 -DEVENTS=1 -DMORE=3 -DREADERS=0
 * mutation REAP_LIVING      breaks still_named    a claimer makes a stalled slot of a living owner a void
 * mutation ONE_LOOK         breaks whole_copy     the reader does not look a second time
 * mutation VOID_UNPROVEN    breaks void_is_void   a reader that may not write calls WRITING of the dead a void
 *                                                 without looking at the word again after the proof
 *     with -DPUBS=2 -DSEQS=6 -DEVENTS=2 -DDEATHS=1 -DMAY_WRITE=false
 * mutation RESUME_LATE      breaks lapped_is_gone the reader goes on one seq too late after a lap
 * mutation JOIN_OVER_GAP    breaks whole_event    an open event goes on after a gap if offsets meet
 *     with -DPUBS=1 -DSLOTS=3 -DFRAMES=2 -DEVENTS=4 -DSEQS=11
 * mutation FORGET_OPEN      breaks sums_up        an open event that its publisher ended is not counted as void
 *     with -DPUBS=2 -DSEQS=8 -DFRAMES=2 -DEVENTS=1
 * mutation LEAVE_DEAD       breaks walked_all     a reader waits for the dead
 *     with -DPUBS=2 -DSEQS=6 -DEVENTS=1 -DDEATHS=1
 */
#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef FRAMES
#define FRAMES 1
#endif
#ifndef EVENTS
#define EVENTS 1
#endif
#ifndef MORE /* events of the publishers after the first */
#define MORE 1
#endif
#ifndef DEATHS
#define DEATHS 0
#endif
#ifndef STOPS
#define STOPS 0
#endif
#ifndef READERS
#define READERS 1
#endif
#ifndef MAY_WRITE
#define MAY_WRITE true
#endif
#include "word.inc"

hidden byte claimed_once, dense, head_is_near, one_pen, still_named, void_is_void, whole_copy, lapped_is_gone;
hidden byte whole_event, sums_up, walked_all;

byte word[SLOTS];
byte data[SLOTS];       /* the payload: seq * 2 + frame */
byte pens[SLOTS];       /* publishers that write into the slot now */
bool dead[4];
byte deaths, stops, over;

/* What became of each seq, for the laws only. */
#define UNTOUCHED 0
#define TAKEN 1
#define PUBLISHED 2
byte fate[SEQS];
bool called_void[SEQS];
#if FRAMES > 1
byte begun_at[SEQS];    /* of a second frame: the seq of its first */
#endif

/* Any step after a claim: die, or stop for ever, with the pen still in the slot or not. */
inline trouble() {
    if
    :: deaths < DEATHS -> atomic { deaths++; pens[SLOT(t)] = pens[SLOT(t)] - writes; dead[me] = true; goto gone }
    :: stops < STOPS -> stops++; goto stopped
    :: skip
    fi
}

proctype Publisher(byte me; byte frames; byte events) {
    byte t = FIRST, seen, frame, first, writes;
    bool ok;
    do
    :: events == 0 || t >= SEQS -> break
    :: else ->
        seen = word[SLOT(t)];
        if
        :: LAP_OF(seen) >= LAP(t) -> t = SEQ_NEAR(t, seen) + 1
        :: LAP_OF(seen) + 1 < LAP(t) -> atomic { LAW(head_is_near, false) }
        :: LAP_OF(seen) + 1 == LAP(t) && ENDED(seen) ->
            atomic {
                if
                :: word[SLOT(t)] == seen ->
                    word[SLOT(t)] = WORD(LAP(t), me, WRITING);
                    LAW(claimed_once, fate[t] == UNTOUCHED);
                    LAW(dense, t == FIRST || fate[t - 1] != UNTOUCHED);
                    fate[t] = TAKEN
                :: else -> goto again
                fi
            };
            goto claimed
        :: LAP_OF(seen) + 1 == LAP(t) && PHASE_OF(seen) == WRITING ->
            if
            :: dead[OWNER_OF(seen)] -> swap(word[SLOT(t)], WITH(seen, DEAD))
            :: else -> swap(word[SLOT(t)], WITH(seen, STALLED))
            fi
        :: LAP_OF(seen) + 1 == LAP(t) && PHASE_OF(seen) == STALLED ->
            if
            :: dead[OWNER_OF(seen)] -> swap(word[SLOT(t)], WITH(seen, DEAD))
            :: !dead[OWNER_OF(seen)] ->
#if defined(PASS_STALLED) || defined(SKIP_STALLED)
                t++
#elif defined(TAKE_STALLED)
                swap(word[SLOT(t)], WORD(LAP(t), me, WRITING));
                if :: ok -> fate[t] = TAKEN; goto claimed :: else fi
#elif defined(REAP_LIVING)
                swap(word[SLOT(t)], WITH(seen, DEAD))
#else
                atomic {
                    if
#ifdef STEP_BY_STORE
                    :: true ->
#else
                    :: word[SLOT(t)] == seen ->
#endif
                        word[SLOT(t)] = NEXT_LAP(seen);
                        LAW(claimed_once, fate[t] == UNTOUCHED);
                        LAW(dense, t == FIRST || fate[t - 1] != UNTOUCHED);
                        fate[t] = TAKEN;
                        t++
#ifndef STEP_BY_STORE
                    :: else
#endif
                    fi
                }
#endif
            fi
        fi;
        goto again;
claimed:
        trouble();
        atomic { writes = 1; pens[SLOT(t)]++; LAW(one_pen, pens[SLOT(t)] == 1) };
        trouble();
        data[SLOT(t)] = t * 2 + frame;
        atomic { pens[SLOT(t)]--; writes = 0 };
        trouble();
        atomic {
            if
#ifdef COMMIT_BY_STORE
            :: true ->
#else
            :: word[SLOT(t)] == WORD(LAP(t), me, WRITING) ->
#endif
                word[SLOT(t)] = WORD(LAP(t), me, COMMITTED);
                LAW(void_is_void, !called_void[t]);
                fate[t] = PUBLISHED;
                if
                :: frame == 0 -> first = t
                :: else ->
#if FRAMES > 1
                    begun_at[t] = first;
#endif
                    first = 0
                fi;
                frame++;
                if :: frame == frames -> frame = 0; first = 0; events-- :: else fi;
                t++;
                goto again
#ifndef COMMIT_BY_STORE
            :: else -> skip
#endif
            fi
        };
        /* Stepped over: the whole event again. */
        frame = 0;
        first = 0;
        do
        :: atomic {
                seen = word[SLOT(t)];
                LAW(still_named, PHASE_OF(seen) == STALLED && OWNER_OF(seen) == me)
           };
           trouble();
#ifdef GIVE_BACK_OLD
           word[SLOT(t)] = WORD(LAP(t), me, DEAD); break
#else
           swap(word[SLOT(t)], WITH(seen, DEAD));
           if :: ok -> break :: else fi
#endif
        od;
        t++;
again:  seen = 0; ok = false
    od;
    over++;
    goto done;
gone:
    over++;
    goto done;
stopped:
    over++;
end_stopped:
    (false);
done:
    skip
}

/* The account: a seq walked over adds one to `balance`, one that is delivered, void, in a gap or open takes one off. */
#define WALK balance++; p++
#define COUNT(seqs) balance = balance - (seqs)

/* The open event was never published, or a gap took its rest: its one frame is void, or in a gap. */
inline end_open() {
    if
    :: open != 0 ->
        open = 0;
        balance++;
#ifndef FORGET_OPEN
        COUNT(1)
#endif
    :: else
    fi
}

proctype Reader(bool may_write) {
    byte p = FIRST, seen, copy, resume, open, balance; /* balance: walked, and in no account */
    bool ok;
    do
    :: p >= SEQS -> break
    :: else ->
        atomic {
            LAW(sums_up, balance == 0);
            seen = word[SLOT(p)]
        };
        if
        :: LAP_OF(seen) == LAP(p) && PHASE_OF(seen) == COMMITTED ->
            copy = data[SLOT(p)];
            atomic {
                if
#ifndef ONE_LOOK
                :: word[SLOT(p)] != seen -> /* overwritten while it was copied: a gap */
                    end_open();
                    COUNT(1)
                :: else ->
#else
                :: true ->
#endif
                    LAW(whole_copy, copy / 2 == p && fate[p] == PUBLISHED);
#if FRAMES > 1
                    if
                    :: OWNER_OF(seen) == 1 && copy % 2 == 0 -> end_open(); open = p; COUNT(1)
                    :: OWNER_OF(seen) == 1 && copy % 2 == 1 && open != 0 ->
                        LAW(whole_event, begun_at[p] == open);
                        open = 0;
                        balance++;
                        COUNT(2)
                    :: else -> COUNT(1) /* a whole event, or the rest of one whose beginning is lost */
                    fi
#else
                    COUNT(1)
#endif
                fi;
                copy = 0;
                WALK
            }
        :: LAP_OF(seen) == LAP(p) && (PHASE_OF(seen) == DEAD || PHASE_OF(seen) == STALLED) ->
            atomic { LAW(void_is_void, fate[p] != PUBLISHED); called_void[p] = true; COUNT(1); WALK }
        :: LAP_OF(seen) > LAP(p) ->
            atomic {
                resume = SEQ_NEAR(p, seen) - SLOTS + 1;
#ifdef RESUME_LATE
                resume++;
#endif
#ifndef JOIN_OVER_GAP
                end_open();
#endif
                do
                :: p < resume && p < SEQS -> LAW(lapped_is_gone, LAP_OF(word[SLOT(p)]) > LAP(p)); COUNT(1); WALK
                :: else -> break
                od;
                resume = 0
            }
        :: LAP_OF(seen) == LAP(p) && PHASE_OF(seen) == WRITING && dead[OWNER_OF(seen)] ->
#ifdef LEAVE_DEAD
            over == PUBS -> break
#else
            if
            :: may_write -> swap(word[SLOT(p)], WITH(seen, DEAD))
            :: else ->
                atomic {
                    if
#ifndef VOID_UNPROVEN
                    :: word[SLOT(p)] != seen -> skip
#endif
                    :: else -> LAW(void_is_void, fate[p] != PUBLISHED); called_void[p] = true; COUNT(1); WALK
                    fi
                }
            fi
#endif
        :: LAP_OF(seen) == LAP(p) && PHASE_OF(seen) == WRITING && !dead[OWNER_OF(seen)] ->
            /* A living owner is stepped over when a later seq is claimed. */
            if
            :: word[SLOT(p)] != seen || dead[OWNER_OF(seen)]
            :: may_write && p + 1 < SEQS && LAP_OF(word[SLOT(p + 1)]) >= LAP(p + 1) -> swap(word[SLOT(p)], WITH(seen, STALLED))
            :: over == PUBS && word[SLOT(p)] == seen && (!may_write || p + 1 == SEQS || LAP_OF(word[SLOT(p + 1)]) < LAP(p + 1)) ->
                if :: may_write -> break :: else -> goto held_up fi
            fi
        :: LAP_OF(seen) < LAP(p) ->
            if
            :: word[SLOT(p)] != seen
            :: over == PUBS && word[SLOT(p)] == seen -> break
            fi
        fi;
        seen = 0; ok = false
    od;
    atomic {
        do
        :: p < SEQS -> LAW(walked_all, fate[p] != PUBLISHED); p++
        :: else -> break
        od
    };
held_up:
    skip
}

init {
    byte k;
    atomic {
        do :: k < SLOTS -> word[k] = WORD(0, 0, DEAD); k++ :: else -> break od;
        k = 1;
        run Publisher(1, FRAMES, EVENTS);
        do :: k < PUBS -> k++; run Publisher(k, 1, MORE) :: else -> break od;
#if READERS > 1
        run Reader(true);
        run Reader(false)
#elif READERS == 1
        run Reader(MAY_WRITE)
#endif
    }
}
