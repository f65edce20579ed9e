#!/bin/sh
# The ring's figures of one commit against those of a later one, alternating: median ratios with their range.
#   bench/compare.sh COMMIT [ROUNDS [LATER]]        LATER: HEAD, another commit, or . for this tree as it lies
# Two programs are built from COMMIT's own benchmark, once with its headers and once with LATER's, so that
# nothing but the headers differs. Needs a core for each side, and SCHED_FIFO if others work on the machine.
set -eu
commit=${1:?usage: bench/compare.sh COMMIT [ROUNDS [LATER]]}
rounds=${2:-9}
later=${3:-HEAD}
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
work=$(mktemp -d /tmp/evbus-compare.XXXXXX)
tidy() {
    git -C "$root" worktree remove --force "$work/before" 2>/dev/null || true
    rm -rf "$work"
    git -C "$root" worktree prune
}
trap tidy EXIT
trap 'exit 1' INT TERM

git -C "$root" worktree add --quiet --detach "$work/before" "$commit"
cp -r "$work/before" "$work/after"
rm -rf "$work/after/.git" "$work/after/include"
if [ "$later" = . ]; then
    cp -r "$root/include" "$work/after/include"
else
    git -C "$root" archive "$later" include | tar -x -C "$work/after"
fi
for side in before after; do
    meson setup "$work/$side/build" "$work/$side" -Dbuildtype=release -Dtests=false -Dtools=false >"$work/$side.log" 2>&1 &&
        ninja -C "$work/$side/build" ${JOBS:+-j "$JOBS"} --quiet bench/ring_bench >>"$work/$side.log" 2>&1 || {
        cat "$work/$side.log" >&2
        exit 1
    }
done

name_of() { if [ "$1" = . ]; then echo 'this tree'; else git -C "$root" rev-parse --short "$1"; fi; }
printf 'before  %s\nafter   %s\n' "$(name_of "$commit")" "$(name_of "$later")"
round=0
while [ "$round" -lt "$rounds" ]; do
    round=$((round + 1))
    order='before after'
    [ $((round % 2)) = 0 ] || order='after before'
    for side in $order; do
        "$work/$side/build/bench/ring_bench" --rounds 1 --precedence --json="$work/$side.$round.json" >/dev/null ||
            printf 'round %d, %s: events were lost, or the machine was not quiet enough\n' "$round" "$side" >&2
    done
done
python3 "$root/bench/compare.py" "$work" "$rounds"
