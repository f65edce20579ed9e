"""Prints what the sweeps tried, from the lines that they write to the file EVBUS_SWEEP_TABLE names
("role | probe | fault | runs | passed"): one table by probe, one by role. Exit code 1 when a run failed.

usage: sweep_table.py FILE [--short]     --short: the table by role alone, as docs/testing.md keeps it
"""
import collections
import pathlib
import sys

KINDS = ("killed", "stopped, goes on", "stopped for ever", "a call fails", "power lost")


def kind_of(fault: str) -> str:
    if fault.startswith("call fails"):
        return KINDS[3]
    if fault.startswith("power"):
        return KINDS[4]
    if fault.startswith("stopped for ever"):
        return KINDS[2]
    return KINDS[1] if fault.startswith("stopped") else KINDS[0]


def cell(runs: int, passed: int) -> str:
    if runs == 0:
        return ""
    return str(runs) if runs == passed else f"{runs}, {runs - passed} FAILED"


def print_table(heading: str, rows: dict[str, dict[str, list[int]]], extra: dict[str, str] | None = None) -> None:
    columns = [heading, *(["probes"] if extra else []), *KINDS]
    print("| " + " | ".join(columns) + " |")
    print("|" + "---|" * len(columns))
    for name, kinds in rows.items():
        cells = [cell(*kinds.get(kind, [0, 0])) for kind in KINDS]
        print("| " + " | ".join([name, *([extra[name]] if extra else []), *cells]) + " |")


def main() -> int:
    by_probe: dict = collections.defaultdict(lambda: collections.defaultdict(lambda: [0, 0]))
    by_role: dict = collections.defaultdict(lambda: collections.defaultdict(lambda: [0, 0]))
    probes_of: dict = collections.defaultdict(set)
    total = [0, 0]
    for line in pathlib.Path(sys.argv[1]).read_text().splitlines():
        role, probe, fault, runs, passed = (part.strip() for part in line.split("|"))
        for counts in (by_probe[probe][kind_of(fault)], by_role[role][kind_of(fault)], total):
            counts[0] += int(runs)
            counts[1] += int(passed)
        probes_of[role].add(probe)
    if "--short" not in sys.argv:
        print_table("probe", by_probe)
        print()
    print_table("who", by_role, {role: str(len(probes)) for role, probes in probes_of.items()})
    print(f"\n{len(by_probe)} places, {total[0]} runs, {total[1]} passed")
    return 0 if total[0] == total[1] and total[0] > 0 else 1


sys.exit(main())
