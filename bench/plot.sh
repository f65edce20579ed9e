#!/bin/sh
# Plots of the figures that ring_bench and peers_bench left as CSV, as SVG.
#   bench/plot.sh RESULTS [DIR]      RESULTS: directory of ring_bench.csv (and peers_bench.csv); DIR: default docs/plots
# Runs that met the machine in its two states may be put together: the lines of one CSV below those of another.
set -eu
results=${1:?usage: bench/plot.sh RESULTS [DIR]}
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
plots=${2:-$root/docs/plots}
command -v gnuplot >/dev/null || {
    echo 'plot.sh: there is no gnuplot; tools/dev.sh bench --peers installs it (Debian: gnuplot-nox)' >&2
    exit 1
}
mkdir -p "$plots"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 "$root/bench/plot.py" "$results" "$work"
for script in "$work"/*.gp; do
    [ -f "$script" ] || continue
    name=$(basename "$script" .gp)
    (cd "$work" && gnuplot "$script" 2>/dev/null >"$plots/$name.svg")
    echo "$plots/$name.svg"
done
