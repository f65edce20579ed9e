"""Turns the CSV of ring_bench and peers_bench into data and scripts for gnuplot: see plot.sh."""
import csv
import os
import statistics
import sys

results, work = sys.argv[1], sys.argv[2]
rows = []
for name in ("ring_bench.csv", "peers_bench.csv"):
    path = os.path.join(results, name)
    if os.path.exists(path):
        with open(path, encoding="utf-8", newline="") as file:
            rows += list(csv.DictReader(file))

HEAD = """set terminal svg size {width},{height} dynamic font 'sans-serif,13' background 'white'
set grid ytics lc rgb '#dddddd'
set border 3
set tics nomirror
set title "{title}"
"""
PERCENTILES = (("p50", 0), ("p90", 1), ("p99", 2), ("p99.9", 3))


def figure(experiment, cores, candidate, metric):
    values = [
        float(r["value"])
        for r in rows
        if (r["experiment"], r["cores"], r["candidate"], r["metric"]) == (experiment, cores, candidate, metric)
    ]
    return statistics.median(values) if values else None


def candidates(experiment, cores):
    return list(dict.fromkeys(r["candidate"] for r in rows if r["experiment"] == experiment and r["cores"] == cores))


def short(candidate):
    return candidate.split(", ")[0] if candidate[0].isupper() or " message_queue" in candidate or "iceoryx" in candidate else candidate


def write(name, text):
    with open(os.path.join(work, name), "w", encoding="utf-8") as file:
        file.write(text)


def by_percentile(name, title, experiment, cores):
    found = candidates(experiment, cores)
    if not found:
        return
    text = HEAD.format(width=860, height=460, title=title)
    text += "set ylabel 'ns'\nset xlabel 'percentile'\nset key outside right\n"
    text += "set logscale y\n" if experiment.startswith("peers") else "set yrange [0:*]\n"
    text += "set xrange [-0.2:3.2]\nset xtics (" + ", ".join(f"'{p}' {x}" for p, x in PERCENTILES) + ")\n"
    parts = []
    for i, c in enumerate(found):
        write(f"{name}.{i}.dat", "".join(f"{x} {figure(experiment, cores, c, p)}\n" for p, x in PERCENTILES))
        dash = 1 if c.startswith("evbus") else 2
        width = 3 if c.startswith("evbus") else 1.5
        parts.append(f"'{name}.{i}.dat' with linespoints lw {width} dt {dash} pt {i + 4} title \"{short(c)}\" noenhanced")
    write(f"{name}.gp", text + "plot " + ", \\\n ".join(parts) + "\n")


def bars(name, title, unit, groups, log=False):
    """groups: (label, value), drawn from left to right."""
    groups = [g for g in groups if g[1] is not None]
    if not groups:
        return
    write(f"{name}.dat", "".join(f'"{label}" {value:.4g}\n' for label, value in groups))
    text = HEAD.format(width=max(460, 110 * len(groups)), height=460, title=title)
    text += f"set ylabel '{unit}'\nset style fill solid 0.7\nset boxwidth 0.6\nset xtics rotate by -35 noenhanced\nset bmargin 9\nset rmargin 16\n"
    text += "set logscale y\n" if log else "set yrange [0:*]\n"
    text += f"plot '{name}.dat' using 0:2:xtic(1) with boxes lc rgb '#3b6ea5' notitle, '' using 0:2:(sprintf('%.3g', $2)) with labels offset 0,0.7 notitle\n"
    write(f"{name}.gp", text)


for state in ("near", "far"):
    by_percentile(f"round-trip-{state}", f"Round trip of 64 B, polling, {state} cores", "round_trip", state)
    by_percentile(f"peers-round-trip-{state}", f"Round trip of 64 B against peers, {state} cores", "peers_round_trip", state)
    bars(f"throughput-{state}", f"Events of one publisher to one reader, {state} cores", "M events/s",
         [(f"{c}, {size} B", figure(f"throughput_{size}", state, c, "events"))
          for size in (64, 192) for c in candidates(f"throughput_{size}", state)])
    bars(f"peers-throughput-{state}", f"64 B events of one publisher to one subscriber, {state} cores", "M events/s",
         [(short(c), figure("peers_throughput", state, c, "events")) for c in candidates("peers_throughput", state)], log=True)
bars("near-and-far", "Round trip p50 in the machine's two states", "ns",
     [(f"{c}, {state}", figure("round_trip", state, c, "p50"))
      for c in ("bare cache line", "bare protocol", "evbus", "evbus, exclusive") for state in ("near", "far")])
