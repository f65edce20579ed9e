"""Reads the runs that compare.sh left and prints for each figure how the rate changed: above 1 is better.

A round counts for an experiment when both runs saw the bare cache line alike.
"""
import json
import statistics
import sys

work, rounds = sys.argv[1], int(sys.argv[2])
rates = ("M/s", "MB/s")
GOAL = 0.95
found = {}
left_out = 0


def figures(side, round_number):
    try:
        with open(f"{work}/{side}.{round_number}.json", encoding="utf-8") as file:
            experiments = json.load(file)["experiments"]
    except (OSError, ValueError):
        return {}
    return {
        (e["name"], f["candidate"], f["metric"]): (f["value"]["median"], f["unit"], e["line_ns"]["median"])
        for e in experiments
        for f in e["figures"]
    }


for r in range(1, rounds + 1):
    before, after = figures("before", r), figures("after", r)
    for row in before.keys() & after.keys():
        if not row[1].startswith("evbus") or row[2] in ("p90", "p99", "p99.9"):
            continue
        (old, unit, old_line), (new, _, new_line) = before[row], after[row]
        if max(old_line, new_line) > 1.25 * min(old_line, new_line):
            left_out += 1
            continue
        found.setdefault(row, []).append((new / old if unit in rates else old / new, old, new, unit))

print(f"{'figure':60} {'before':>9} {'after':>9}        rate: median (min .. max), rounds")
for row in sorted(found):
    values = found[row]
    ratios = [v[0] for v in values]
    old, new = (statistics.median(v[i] for v in values) for i in (1, 2))
    print(
        f"{' / '.join(row):60} {old:9.4g} {new:9.4g} {values[0][3]:5}  "
        f"{statistics.median(ratios):5.2f} ({min(ratios):.2f} .. {max(ratios):.2f}), {len(ratios)}"
    )
# Row by row: what became faster must not hide what became slower.
slower = [" / ".join(row) for row in sorted(found) if statistics.median(v[0] for v in found[row]) < GOAL]
print(f"{left_out} pairs left out because the bare line had moved")
print(f"rows below {GOAL}: {', '.join(slower) if slower else 'none' if found else 'nothing was compared'}")
sys.exit(1 if slower or not found else 0)
