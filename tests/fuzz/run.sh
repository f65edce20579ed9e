#!/bin/sh
# Fuzzes one target for EVBUS_FUZZ_SECONDS (10 unless set), starting from its kept corpus, which stays as it is.
#   run.sh PROGRAM CORPUS [LIBFUZZER_OPTION...]
# What it finds is kept beside the program: PROGRAM.crash-..., .timeout-..., and new inputs in PROGRAM.corpus
# when EVBUS_FUZZ_KEEP is set. The time limit of one input ends a hang and judges nothing else.
set -u
program=$1
corpus=$2
shift 2
prefix=fuzz-$$-
new=$program.corpus
[ -n "${EVBUS_FUZZ_KEEP:-}" ] || new=$(mktemp -d)
mkdir -p "$new"
clean() {
    rm -f "/dev/shm/evbus.$prefix"*
    [ -n "${EVBUS_FUZZ_KEEP:-}" ] || rm -rf "$new"
}
trap clean EXIT
trap 'exit 130' INT TERM
EVBUS_FUZZ_NAME=$prefix "$program" -max_total_time="${EVBUS_FUZZ_SECONDS:-10}" -timeout=120 -error_exitcode=1 -timeout_exitcode=1 -max_len=2048 -rss_limit_mb=4096 \
    -verbosity=0 -print_final_stats=1 -artifact_prefix="$program." "$@" "$new" "$corpus"
