"""Prints the figures of all benchmarks, from their JSON, as the tables of docs/benchmarks.md.

python3 bench/table.py RESULTS
"""
import json
import os
import sys


def experiments(name):
    path = os.path.join(sys.argv[1], name)
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return json.load(file)["experiments"]


def spread(s, digits=3):
    return f"{s['median']:.{digits}g} ({s['min']:.{digits}g} .. {s['max']:.{digits}g})"


ours = experiments("ring_bench.json") + experiments("log_bench.json")
peers = experiments("peers_bench.json") + experiments("log_peers_bench.json")

print("| experiment | cores | figure | found: median (range) | goal | windows, discarded |\n|---|---|---|---|---|---|")
for e in ours + experiments("log_peers_bench.json"):
    for g in e["goals"]:
        verdict = f"{g['goal']}: {'met' if g['met'] else '**missed**'}" if "goal" in g else ""
        discarded = e["discarded_moved"] + e["discarded_shared_core"]
        print(f"| {e['name']} | {e['cores']} | {g['of']} | {spread(g['found'])} | {verdict} | {e['windows']}, {discarded} |")

print("\n| experiment | cores | candidate | median (range) | lost |\n|---|---|---|---|---|")
shown = {"mean", "p50", "p99.9", "events", "each", "the first", "bytes of events", "bytes of the log", "append", "read back", "rate",
         "sync p50", "sync p99", "longest write"}
for e in ours + peers:
    for c in dict.fromkeys(f["candidate"] for f in e["figures"]):
        figures = [f for f in e["figures"] if f["candidate"] == c and f["metric"] in shown]
        if not figures:
            continue
        text = "; ".join(f"{f['metric']} {spread(f['value'])} {f['unit']}" for f in figures)
        print(f"| {e['name']} | {e['cores']} | {c} | {text} | {figures[0]['lost']} |")
