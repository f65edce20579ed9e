#!/bin/sh
# One command for every chore of a developer: tools/dev.sh help. Works from any directory.
# Build trees: build/debug (tests), build/release (demo, bench), build/clang, build/asan, build/tsan.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
trees=${EVBUS_BUILD_ROOT:-$root/build}
case $trees in /*) ;; *) trees=$root/$trees ;; esac

say() { printf 'dev.sh: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}

usage() {
    cat <<'EOF'
tools/dev.sh install    what Debian lacks for building and testing (needs root or sudo)
tools/dev.sh build      debug build with tests, in build/debug
tools/dev.sh demo       release build of the tools, and a tour of them
tools/dev.sh test       install, build and run all tests, sanitizer builds included
tools/dev.sh clang      build with clang++ (warnings are errors) and run its tests
tools/dev.sh asan       address and undefined-behaviour sanitizers, all tests that allow them
tools/dev.sh tsan       thread sanitizer, the tests made for it
tools/dev.sh fuzz [TARGET] [SECONDS]  libFuzzer on one target (default: all) for 60 s each, or as said
tools/dev.sh sweep      kills and stops real processes at every probe, at length; prints one table
tools/dev.sh models     the large instances of the models: minutes, and up to 6 GB
tools/dev.sh bench      release build and the benchmarks; with --peers (first), those of others too
tools/dev.sh format     clang-format over all sources
tools/dev.sh tidy       clang-tidy over all compiled sources
JOBS=n bounds the compiler's jobs (default: one a core); EVBUS_BUILD_ROOT=dir puts the build trees there.
EOF
}

# --- install ---------------------------------------------------------------------------------

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# 1.74 and 1.81 of Debian cannot stand side by side, so any Boost that is new enough is left alone.
boost_is_there() {
    printf '#include <boost/version.hpp>\n#if BOOST_VERSION < 107400\n#error old\n#endif\n' |
        "${CXX:-c++}" -E -x c++ - >/dev/null 2>&1
}

install_missing() {
    missing=''
    want_tools
    install_packages
}

# What only `bench --peers` needs: the peers of ring and log, and gnuplot for bench/plot.sh. RUNLEVEL=1 keeps
# Debian from starting the servers: each run of the benchmark has its own.
install_peers() {
    missing=''
    RUNLEVEL=1
    export RUNLEVEL
    for package in libiceoryx-posh-dev iceoryx libzmq3-dev libnng-dev libsqlite3-dev librocksdb-dev libhiredis-dev redis-server libnats-dev \
        nats-server gnuplot-nox; do
        installed "$package" || missing="$missing $package"
    done
    install_packages
}

want_tools() {
    command -v g++ >/dev/null || missing="$missing g++"
    command -v meson >/dev/null || missing="$missing meson"
    command -v ninja >/dev/null || missing="$missing ninja-build"
    command -v pkg-config >/dev/null || missing="$missing pkg-config"
    command -v clang++ >/dev/null || missing="$missing clang"
    boost_is_there || missing="$missing libboost-dev"
    if command -v dpkg-query >/dev/null; then
        for package in libxxhash-dev libzstd-dev doctest-dev libcli11-dev nlohmann-json3-dev libfmt-dev libspdlog-dev \
            libre2-dev libclang-rt-14-dev spin relacy-dev; do
            installed "$package" || missing="$missing $package"
        done
    fi
}

install_packages() {
    [ -n "$missing" ] || return 0
    command -v apt-get >/dev/null || die "missing, and there is no apt-get to bring it:$missing"
    as_root=''
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || die "missing, and neither root nor sudo is at hand to install it:$missing"
        as_root='sudo'
    fi
    say "installing:$missing"
    log=$(mktemp)
    # shellcheck disable=SC2086 # both are lists of words
    if ! { $as_root apt-get update -qq && $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        die "apt-get failed; install by hand:$missing"
    fi
    rm -f "$log"
}

# --- build -----------------------------------------------------------------------------------

# configure DIR OPTION...: sets a build tree up once, and again only when its options changed.
configure() {
    dir=$trees/$1
    shift
    wanted="$* CXX=${CXX:-}"
    if [ ! -f "$dir/build.ninja" ] || [ "$(cat "$dir/.options" 2>/dev/null)" != "$wanted" ]; then
        rm -rf "$dir"
        mkdir -p "$trees"
        meson setup "$dir" "$@" >"$dir.setup.log" 2>&1 || {
            cat "$dir.setup.log" >&2
            die "meson setup failed for $dir (tools/dev.sh install brings what is missing)"
        }
        printf '%s\n' "$wanted" >"$dir/.options"
    elif [ -n "$(find include lib tools tests bench \( -name meson.build -o -path 'include*' -type d \) \
        -newer "$dir/build.ninja" | head -n 1)" ]; then
        # ninja knows the meson.build files of the last setup; a new one, or a new header, it cannot know.
        meson setup --reconfigure "$dir" >"$dir.setup.log" 2>&1 || {
            cat "$dir.setup.log" >&2
            die "meson setup failed for $dir"
        }
    fi
}

# compile DIR [TARGET]
compile() { ninja -C "$trees/$1" -k 0 ${JOBS:+-j "$JOBS"} --quiet "${2:-all}"; }

# The debug and asan trees are what a test run mostly waits for. -g1 has all that a backtrace needs and compiles in two
# thirds of the time, -Og in two thirds of what -O1 takes; the sanitizers' tree without optimization in a third, which its
# slower tests do not eat up.
configure_debug() {
    configure debug -Dbuildtype=debug -Doptimization=g -Dcpp_args=-g1 -Dheader_check=true -Dwerror=true
}
configure_release() { configure release -Dbuildtype=release -Dtests=false; }
configure_clang() (
    export CXX=clang++
    configure clang -Dbuildtype=debug -Doptimization=1 -Dwerror=true
)
configure_asan() (
    export CXX=clang++
    configure asan -Dbuildtype=debug -Dcpp_args=-g1 -Dwerror=true -Db_sanitize=address,undefined -Db_lundef=false \
        -Dbench=false
)
configure_tsan() (
    export CXX=clang++
    configure tsan -Dbuildtype=debug -Doptimization=1 -Dwerror=true -Db_sanitize=thread -Db_lundef=false \
        -Dtools=false -Dbench=false
)

# --- test ------------------------------------------------------------------------------------

passed=0
failed=0

# stage TREE: builds it and runs its tests, adds to passed and failed; a build that fails counts as one failure.
stage() {
    tree=$1
    what=all
    [ "$tree" != tsan ] || what=meson-test-prereq # few tests, and none of them runs a program or needs a library
    say "$tree: building"
    if ! { "configure_$tree" && compile "$tree" "$what"; } >&2; then
        say "$tree: the build failed"
        failed=$((failed + 1))
        return 0
    fi
    say "$tree: testing"
    rm -f "$trees/$tree/meson-logs/testlog.json"
    meson test -C "$trees/$tree" --no-rebuild --print-errorlogs >&2 || true
    counts=$(python3 tools/dev/count_tests.py "$trees/$tree") || counts='0 1'
    passed=$((passed + ${counts% *}))
    failed=$((failed + ${counts#* }))
}

finish() {
    printf '%s passed, %s failed\n' "$passed" "$failed"
    [ "$failed" = 0 ]
}

run_stages() {
    for tree in "$@"; do stage "$tree"; done
    finish
}

# Every sweep in its long form, each in turn, and one table of all that was tried.
run_sweeps() {
    configure_debug
    targets=$(ninja -C "$trees/debug" -t targets all | sed -n 's/^\(tests\/sweep_[a-z_]*\):.*/\1/p')
    targets="$targets tests/log_fault tests/log_power tests/log_cursor_sweep tests/link_power tests/recorder_fault_sweep
        tests/recorder_power tests/worker_property"
    # shellcheck disable=SC2086 # a list of words
    ninja -C "$trees/debug" ${JOBS:+-j "$JOBS"} --quiet $targets
    table=$trees/debug/sweep-table.txt
    rm -f "$table"
    status=0
    for target in $targets; do
        say "$target"
        EVBUS_SWEEP_TABLE=$table EVBUS_ROUNDS=${EVBUS_ROUNDS:-1000} "$trees/debug/$target" -m >&2 || status=1
    done
    python3 tools/dev/sweep_table.py "$table" "$@" || status=1
    return $status
}

sources() { git ls-files -co --exclude-standard -- '*.cpp' '*.hpp' | while read -r f; do [ ! -f "$f" ] || echo "$f"; done; }

command=${1:-help}
[ $# -eq 0 ] || shift
case $command in
install) install_missing ;;
build)
    configure_debug
    compile debug
    ;;
demo)
    install_missing
    configure_release
    compile release
    if [ -x tools/demo.sh ]; then
        EVBUS_TOOLS_DIR="$trees/release/tools/bin" exec tools/demo.sh "$@"
    fi
    say "built the tools in $trees/release/tools/bin"
    ;;
test)
    install_missing
    # What a plain meson test may skip for want of a tool must run here.
    EVBUS_TEST_COMPLETE=1
    export EVBUS_TEST_COMPLETE
    stage debug
    # Longer runs and sweeps look at this; the sanitizers make everything several times slower.
    EVBUS_TEST_SHORT=1
    export EVBUS_TEST_SHORT
    stage asan
    stage tsan
    finish
    ;;
models)
    install_missing
    exec nice python3 tests/model/run_models.py --large "$@"
    ;;
clang) run_stages clang ;;
asan) run_stages asan ;;
tsan) run_stages tsan ;;
fuzz)
    configure_asan
    targets=${1:-$(ls tests/fuzz/corpus)}
    EVBUS_FUZZ_SECONDS=${2:-60} EVBUS_FUZZ_KEEP=1
    export EVBUS_FUZZ_SECONDS EVBUS_FUZZ_KEEP
    for target in $targets; do
        [ -d "tests/fuzz/corpus/$target" ] || die "no fuzz target '$target'; there are: $(ls tests/fuzz/corpus | tr '\n' ' ')"
        program=$trees/asan/tests/fuzz/fuzz_$target
        ninja -C "$trees/asan" ${JOBS:+-j "$JOBS"} --quiet "tests/fuzz/fuzz_$target"
        say "$target for $EVBUS_FUZZ_SECONDS s; what it finds is kept as $program.*"
        tests/fuzz/run.sh "$program" "tests/fuzz/corpus/$target"
    done
    ;;
sweep) run_sweeps "$@" ;;
bench)
    if [ "${1:-}" = --peers ]; then
        shift
        install_peers
        EVBUS_BENCH_PEERS=1
        export EVBUS_BENCH_PEERS
    fi
    configure_release
    # Libraries that came after the setup are not looked for again by itself.
    if [ -n "${EVBUS_BENCH_PEERS:-}" ] &&
        ! { [ -x "$trees/release/bench/peers_bench" ] && [ -x "$trees/release/bench/log_peers_bench" ]; }; then
        { meson configure --clearcache "$trees/release" && meson setup --reconfigure "$trees/release"; } \
            >"$trees/release.setup.log" 2>&1 || die "meson setup failed, see $trees/release.setup.log"
    fi
    compile release
    if [ -x bench/run.sh ]; then
        EVBUS_BENCH_DIR="$trees/release/bench" exec bench/run.sh "$@"
    fi
    for program in "$trees"/release/bench/bench_*; do
        [ -x "$program" ] && [ -f "$program" ] || continue
        say "$program"
        "$program" "$@"
    done
    ;;
format) sources | xargs clang-format -i ;;
tidy)
    configure_clang
    compile clang
    git ls-files -- 'lib/*.cpp' 'tools/*.cpp' 'tests/*.cpp' 'bench/*.cpp' |
        xargs -P "${JOBS:-2}" -n 1 clang-tidy --quiet -p "$trees/clang"
    ;;
help | -h | --help) usage ;;
*)
    usage >&2
    say "no subcommand '$command'"
    exit 2
    ;;
esac
