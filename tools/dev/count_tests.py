"""Prints "PASSED FAILED" for one meson test run: the doctest cases of its binaries, and one for
each binary that is no doctest. A binary that ended without a summary (a crash, a timeout) and one
that never ran count as one failure each.

usage: count_tests.py BUILD
"""
import json
import pathlib
import re
import sys

SUMMARY = re.compile(r"\[doctest\] test cases:\s*\d+\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
FINE = {"OK", "EXPECTEDFAIL"}


def count(result: str, output: str) -> tuple[int, int]:
    if result == "SKIP":
        return 0, 0
    found = SUMMARY.findall(COLOUR.sub("", output))
    passed, failed = (int(n) for n in found[-1]) if found else (0, 0)
    if result not in FINE:
        return passed, max(failed, 1)
    return (passed, failed) if found else (1, 0)


def main() -> None:
    build = pathlib.Path(sys.argv[1])
    expected = len(json.loads((build / "meson-info/intro-tests.json").read_text()))
    log = build / "meson-logs/testlog.json"
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    total_passed, total_failed = 0, max(0, expected - len(lines))
    for line in lines:
        test = json.loads(line)
        passed, failed = count(test["result"], test.get("stdout", ""))
        total_passed += passed
        total_failed += failed
    print(total_passed, total_failed)


main()
