/* An exclusive bus: one publisher, plain stores, nobody steps over the living; and how it is closed.
 *
 * code      include/evbus/ring/claimer.hpp (claim_alone, close_alone), repair.hpp (remains_of, sweep), retire.hpp
 * models    the publisher's stores go through a buffer in order (x86; other orders: tests/weak); a retirer's
 *           membarrier empties it; a dying process's buffer is emptied before its lock is free
 * left out  pacing, names, bells; a stopped publisher holds its readers up, which an exclusive bus says of itself
 * faults    the first life dies anywhere, a second life takes its number (LIVES=2); of two retirers the first dies;
 *           TOLD=0: membarrier is refused; MAY_WRITE=false: the first reader repairs and chooses nothing
 *
 * law told_is_below  what was told published lies below every seq at which a reader ended or a retirer closed
 * law end_is_final   no seq at or above such an end is ever walked over as a void: the next ring may begin there
 * law one_end        all who ended, ended at the same seq
 * law void_is_void   what some reader called void is never told published
 * law whole_copy     a copy that passed the second look is what was committed there
 *
 * small -DSEQS=5 -DEVENTS=1 -DMORE=1 -DREADERS=1 -DRETIRERS=1
 * small -DSEQS=5 -DEVENTS=1 -DMORE=1 -DREADERS=1 -DRETIRERS=1 -DMAY_WRITE=false
 * small -DSEQS=5 -DEVENTS=1 -DMORE=1 -DREADERS=1 -DRETIRERS=1 -DTOLD=0
 * small -DSEQS=6 -DEVENTS=2 -DMORE=1 -DREADERS=1 -DRETIRERS=0
 * small -DSEQS=4 -DEVENTS=1 -DLIVES=1 -DREADERS=1 -DRETIRERS=2
 * large -DSEQS=4 -DEVENTS=1 -DMORE=0 -DREADERS=1 -DRETIRERS=2
 * large -DSEQS=4 -DEVENTS=1 -DMORE=0 -DREADERS=1 -DRETIRERS=2 -DMAY_WRITE=false
 * large -DSEQS=5 -DEVENTS=1 -DMORE=1 -DREADERS=2 -DRETIRERS=1
 * large -DSEQS=5 -DEVENTS=1 -DMORE=1 -DREADERS=2 -DRETIRERS=1 -DMAY_WRITE=false
 *
 * mutation NO_BARRIER   breaks told_is_below  the retirer looks without a membarrier
 * mutation NO_WISH      breaks told_is_below  the retirer swaps the head's word without having said so before
 * mutation LOOK_FIRST   breaks told_is_below  the publisher looks for the wish before its store only
 * mutation STALE_PROOF  breaks told_is_below  without membarrier: head first, then the proof that the publisher is dead
 *     with -DSEQS=5 -DEVENTS=1 -DMORE=0 -DREADERS=1 -DRETIRERS=1 -DTOLD=0
 * mutation CHOOSE_STALE breaks told_is_below  who proved a death chooses the end without a second look at that word
 * mutation ALWAYS_DEAD  breaks end_is_final   who proves a death makes that word a void also when it is the end
 * mutation END_BY_GUESS breaks end_is_final   who proves a death takes that word for the end, and chooses none
 *     with -DSEQS=5 -DEVENTS=1 -DMORE=0 -DREADERS=1 -DRETIRERS=1 -DMAY_WRITE=false
 * mutation SECOND_RETIRER breaks end_is_final two retirers, and no word of ctl in which the first says where the end is
 *     with -DSEQS=4 -DEVENTS=1 -DMORE=0 -DREADERS=1 -DRETIRERS=2
 * mutation OWN_END      breaks one_end        the publisher, told, ends at its claim, though that was seen and the next seq chosen
 *     with -DSEQS=4 -DEVENTS=1 -DLIVES=1 -DREADERS=1 -DRETIRERS=1
 * mutation REDO         breaks void_is_void   a new life publishes at the seq that the old one left unfinished
 *     with -DSEQS=6 -DEVENTS=1 -DMORE=1 -DREADERS=1 -DRETIRERS=0
 * mutation STALL        breaks void_is_void   a reader steps over the living publisher
 * mutation ONE_LOOK     breaks whole_copy     a reader does not look a second time
 *     with -DSEQS=6 -DEVENTS=3 -DMORE=0 -DREADERS=1 -DRETIRERS=0
 */
#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef LIVES /* of the publisher */
#define LIVES 2
#endif
#ifndef TOLD /* false: membarrier is refused */
#define TOLD 1
#endif
#ifndef MAY_WRITE /* the first reader */
#define MAY_WRITE true
#endif
#include "word.inc"
#ifdef STALL
#define STALLS true
#else
#define STALLS false
#endif

hidden byte told_is_below, end_is_final, one_end, void_is_void, whole_copy;

byte cell[2 * SLOTS];   /* the words, then the payloads */
#define word cell
#define DATA(seq) (SLOTS + SLOT(seq))
chan buffer = [4] of { byte, byte };
byte holder;            /* which life holds number 1; 0: none */
byte lives_over;
bool wish;              /* ctl's `closing` */
byte closed_at;         /* ctl's: the seq chosen as the end; 0: none yet */

byte last_told, last_void;
byte the_end = 255;     /* the lowest */
bool told[SEQS], called_void[SEQS];

active proctype Store_buffer() {
    byte where, what;
end_idle:
    do
    :: atomic { buffer ? where, what -> cell[where] = what }
    od
}

inline ended_at(seq) {
    LAW(told_is_below, last_told < seq);
    LAW(end_is_final, last_void < seq);
    LAW(one_end, the_end == 255 || the_end == seq);
    if :: seq < the_end -> the_end = seq :: else fi
}
inline walk_void(seq) {
    LAW(void_is_void, !told[seq]);
    LAW(end_is_final, seq < the_end);
    called_void[seq] = true;
    if :: seq > last_void -> last_void = seq :: else fi
}

/* remains_of: what the unfinished word of who was proven dead becomes; 0: others have to say, or it changed. */
inline remains(seq, old, may_choose) {
    asked = wish;
    becomes = 0;
#ifdef ALWAYS_DEAD
    becomes = WITH(old, DEAD);
#elif defined(SECOND_RETIRER)
    becomes = word[SLOT((seq) + 1)];
    becomes = (!asked || becomes == WORD(LAP((seq) + 1), 0, CLOSED) -> WITH(old, DEAD) : WITH(old, CLOSED));
#elif defined(END_BY_GUESS)
    becomes = (!asked || closed_at != 0 && closed_at != (seq) -> WITH(old, DEAD) : WITH(old, CLOSED));
#else
    if
    :: !asked -> becomes = WITH(old, DEAD)
#ifndef CHOOSE_STALE
    :: asked && word[SLOT(seq)] != old
#endif
    :: else ->
        atomic { if :: closed_at == 0 && may_choose -> closed_at = (seq) + 1 :: else fi };
        becomes = (closed_at == 0 -> 0 : (closed_at == (seq) -> WITH(old, CLOSED) : WITH(old, DEAD)))
    fi;
#endif
    asked = false
}

/* close_alone: an end chosen right behind the claim was chosen by who saw the claim. */
inline close_alone() {
#if defined(OWN_END) || defined(SECOND_RETIRER)
    buffer ! SLOT(t), WORD(LAP(t), 0, CLOSED)
#else
    empty(buffer); /* a swap drains it */
    atomic { if :: closed_at == 0 -> closed_at = t :: else fi };
    maybe_die();
    if
    :: closed_at == t + 1 ->
        buffer ! SLOT(t), WORD(LAP(t), 1, DEAD);
        maybe_die();
        if :: t + 1 < SEQS -> buffer ! SLOT(t + 1), WORD(LAP(t + 1), 0, CLOSED) :: else fi
    :: else -> buffer ! SLOT(t), WORD(LAP(t), 0, CLOSED)
    fi
#endif
}

inline maybe_die() {
    if :: life == 1 -> goto leave :: skip fi
}

proctype Publisher(byte life; byte events) {
    byte t = FIRST, seen, becomes, k;
    bool ok, asked;
    atomic { holder == 0 && lives_over + 1 == life -> holder = life };
    do
    :: k < SLOTS ->
        seen = word[k];
        if
        :: PHASE_OF(seen) == WRITING ->
            atomic { t = LAP_OF(seen) * SLOTS + k };
            remains(t, seen, true);
#ifdef REDO
            break
#else
            swap(word[k], becomes)
#endif
        :: else -> k++
        fi
    :: else -> t = FIRST; break
    od;
    do
    :: t >= SEQS -> goto leave
    :: else ->
        atomic {
            seen = word[SLOT(t)];
            if
            :: PHASE_OF(seen) == CLOSED -> goto leave
            :: LAP_OF(seen) >= LAP(t) && PHASE_OF(seen) != CLOSED && PHASE_OF(seen) != WRITING -> t++
            :: else -> break
            fi
        }
    od;
    do
    :: events == 0 || t >= SEQS -> break
    :: else ->
        if :: wish -> close_alone(); break :: else fi;
        maybe_die();
        buffer ! SLOT(t), WORD(LAP(t), 1, WRITING);
        maybe_die();
#ifndef LOOK_FIRST
        if :: wish -> maybe_die(); close_alone(); break :: else fi;
#endif
        maybe_die();
        buffer ! DATA(t), t;
        maybe_die();
        buffer ! SLOT(t), WORD(LAP(t), 1, COMMITTED);
        atomic {
            LAW(void_is_void, !called_void[t]);
            LAW(told_is_below, t < the_end);
            told[t] = true;
            last_told = t;
            events--;
            t++
        }
    od;
leave:
    empty(buffer);
    atomic { holder = 0; lives_over++ }
}

proctype Reader(bool may_write) {
    byte p = FIRST, seen, copy, becomes;
    bool ok, proven, asked;
    do
    :: p >= SEQS -> break
    :: else ->
        atomic { /* blocks while there is nothing to do */
            (LAP_OF(word[SLOT(p)]) >= LAP(p) &&
                 !(word[SLOT(p)] == WORD(LAP(p), 1, WRITING) && holder != 0 && closed_at != p && !STALLS) ||
             (lives_over == LIVES && LAP_OF(word[SLOT(p)]) < LAP(p))) -> seen = word[SLOT(p)]
        };
        if
        :: LAP_OF(seen) < LAP(p) -> break
        :: LAP_OF(seen) > LAP(p) -> p++
        :: LAP_OF(seen) == LAP(p) && PHASE_OF(seen) == COMMITTED ->
            copy = cell[DATA(p)];
            atomic {
                if
#ifndef ONE_LOOK
                :: word[SLOT(p)] != seen
#endif
                :: else -> LAW(whole_copy, copy == p)
                fi;
                copy = 0;
                p++
            }
        :: LAP_OF(seen) == LAP(p) && (PHASE_OF(seen) == DEAD || PHASE_OF(seen) == STALLED) -> atomic { walk_void(p); p++ }
        :: LAP_OF(seen) == LAP(p) && PHASE_OF(seen) == CLOSED -> atomic { ended_at(p) }; break
        :: LAP_OF(seen) == LAP(p) && PHASE_OF(seen) == WRITING ->
#ifndef SECOND_RETIRER
            if :: closed_at == p -> atomic { ended_at(p) }; break :: else fi;
#endif
            proven = (holder == 0);
            if
            :: proven && may_write ->
                remains(p, seen, true);
                if :: becomes != 0 -> swap(word[SLOT(p)], becomes) :: else fi
            :: proven && !may_write && word[SLOT(p)] == seen ->
                remains(p, seen, false);
                if
                :: becomes == 0 -> /* waits for who may choose, if anybody comes */
                    atomic {
                        (word[SLOT(p)] != seen || closed_at != 0 || lives_over == LIVES);
                        if :: lives_over == LIVES && closed_at == 0 && word[SLOT(p)] == seen -> break :: else fi
                    }
                :: PHASE_OF(becomes) == CLOSED -> atomic { ended_at(p) }; break
                :: PHASE_OF(becomes) == DEAD -> atomic { walk_void(p); p++ }
                fi
#ifdef STALL
            :: !proven -> swap(word[SLOT(p)], WITH(seen, STALLED))
#endif
            :: else
            fi
        fi;
        atomic { seen = 0; becomes = 0; ok = false; proven = false }
    od
}

proctype Retirer(bool may_die) {
    byte t, seen, becomes, chosen, where, what;
    bool ok, over, asked;
#ifndef NO_WISH
    wish = true;
#endif
    if :: may_die -> goto gives_up :: skip fi;
#if !defined(NO_BARRIER) && TOLD
    d_step { do :: nempty(buffer) -> buffer ? where, what; cell[where] = what :: empty(buffer) -> break od };
#endif
look:
    atomic { seen = 0; becomes = 0; ok = false; chosen = 0; over = false };
    if :: may_die -> goto gives_up :: skip fi;
#if !TOLD && !defined(STALE_PROOF)
    over = (holder == 0);
#endif
#ifndef SECOND_RETIRER
    chosen = closed_at;
#endif
    t = (chosen != 0 -> chosen : FIRST);
    do
    :: t >= SEQS -> goto gives_up
    :: t < SEQS && chosen != 0 -> seen = word[SLOT(t)]; break
    :: else ->
        atomic {
            seen = word[SLOT(t)];
            if
            :: LAP_OF(seen) < LAP(t) -> break
            :: LAP_OF(seen) >= LAP(t) && PHASE_OF(seen) == CLOSED -> t = SEQ_NEAR(t, seen); goto closed
            :: else -> t = SEQ_NEAR(t, seen) + 1
            fi
        }
    od;
    if :: LAP_OF(seen) >= LAP(t) -> goto closed :: else fi; /* its publisher closes it, or who proves it dead */
    /* The last claim's owner may have died in it. */
    if
    :: t > FIRST ->
        atomic { becomes = word[SLOT(t - 1)]; ok = (becomes == WORD(LAP(t - 1), 1, WRITING)) };
        if
        :: ok && holder == 0 ->
            seen = becomes;
            remains(t - 1, seen, true);
            if :: becomes != 0 -> swap(word[SLOT(t - 1)], becomes) :: else fi;
            goto look
        :: else
        fi
    :: else
    fi;
#if !TOLD
#ifdef STALE_PROOF
    over = (holder == 0);
#endif
    if :: !over -> (holder == 0 || lives_over == LIVES || word[SLOT(t)] != seen); goto look :: else fi;
#endif
#ifndef SECOND_RETIRER
    atomic { if :: closed_at == 0 -> closed_at = t :: closed_at != 0 && closed_at != t -> goto look :: else fi };
    if :: may_die -> goto gives_up :: skip fi;
#endif
    swap(word[SLOT(t)], WORD(LAP(t), 0, CLOSED));
    if :: ok :: else -> goto look fi;
closed:
    atomic { ended_at(t) };
gives_up:
    skip
}

init {
    byte k;
    atomic {
        do :: k < SLOTS -> word[k] = WORD(0, 0, DEAD); k++ :: else -> break od;
        run Publisher(1, EVENTS);
#if LIVES > 1
        run Publisher(2, MORE);
#endif
        run Reader(MAY_WRITE);
#if READERS > 1
        run Reader(true);
#endif
#if RETIRERS > 1
        run Retirer(true);
#endif
#if RETIRERS > 0
        run Retirer(false)
#endif
    }
}
