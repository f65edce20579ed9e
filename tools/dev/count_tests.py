"""Prints "PASSED FAILED" for one meson test run: the doctest cases of its binaries, and one for
each binary that is no doctest or ended without a summary (a crash, a timeout).

usage: count_tests.py BUILD/meson-logs/testlog.json
"""
import json
import re
import sys

SUMMARY = re.compile(r"\[doctest\] test cases:\s*\d+\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed")
FINE = {"OK", "EXPECTEDFAIL"}


def count(result: str, output: str) -> tuple[int, int]:
    if result == "SKIP":
        return 0, 0
    found = SUMMARY.findall(re.sub(r"\x1b\[[0-9;]*m", "", output))
    passed, failed = (int(n) for n in found[-1]) if found else (0, 0)
    if result not in FINE:
        return passed, max(failed, 1)
    return (passed, failed) if found else (1, 0)


def main() -> None:
    total_passed = total_failed = 0
    with open(sys.argv[1], encoding="utf-8", errors="replace") as log:
        for line in log:
            test = json.loads(line)
            passed, failed = count(test["result"], test.get("stdout", ""))
            total_passed += passed
            total_failed += failed
    print(total_passed, total_failed)


main()
