#!/bin/sh
# Runs the benchmarks at full size: tables on stdout, and as text, JSON and CSV in a directory of results.
#   tools/dev.sh bench [--peers] [flags of the benchmarks, such as --rounds 15 or --precedence]
# EVBUS_BENCH_DIR: where the programs are (tools/dev.sh sets it); EVBUS_BENCH_RESULTS: where the results go
# (default: results beside the programs). Logs are written there too, unless --dir says otherwise.
set -eu
programs=${EVBUS_BENCH_DIR:?run it by tools/dev.sh bench}
results=${EVBUS_BENCH_RESULTS:-$programs/results}
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
mkdir -p "$results"

{
    printf 'commit  %s%s\n' "$(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo unknown)" \
        "$(git -C "$root" diff --quiet HEAD -- include lib bench 2>/dev/null || echo ', with changes')"
    printf 'date    %s\nkernel  %s\nload    %s\n' "$(date -u +%FT%TZ)" "$(uname -r)" "$(cut -d' ' -f1-3 /proc/loadavg)"
    lscpu | grep -E '^(Model name|CPU\(s\)|Thread|Hypervisor|L1d|L2|L3)' || true
} | tee "$results/machine.txt"

code=0
for name in ring_bench log_bench log_query ${EVBUS_BENCH_PEERS:+peers_bench log_peers_bench}; do
    "$programs/$name" --dir "$results" --json="$results/$name.json" --csv="$results/$name.csv" "$@" >"$results/$name.txt" || code=$?
    cat "$results/$name.txt"
done
printf '\nresults in %s\n' "$results"
exit "$code"
