#!/usr/bin/env python3
"""Searches the Promela models of this directory with spin, and prints a table.

Each model says in its first comment what it is to be run with:
    law NAME TEXT                        what must hold; 'invalid end state' in the text: pan's own check for it
    small|large OPTION...                an instance that must be without error
    mutation NAME breaks LAW TEXT        with -DNAME this law, and it alone is looked at, must break ...
        with OPTION...                   ... in this instance (otherwise in the first small one)

run_models.py [--large] [--jobs N] [MODEL...]     exit: 0 as it should be, 1 not, 77 no spin or no C compiler
"""
import argparse
import concurrent.futures
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SKIPPED = 77


class Model:
    def __init__(self, path):
        self.path = path
        self.name = path.stem
        self.text = path.read_text()
        self.laws, self.small, self.large, self.mutations = {}, [], [], []
        for line in self.text[: self.text.index("*/")].splitlines():
            words = line.strip(" */").split()
            if not words:
                continue
            if words[0] == "law":
                self.laws[words[1]] = " ".join(words[2:])
            elif words[0] in ("small", "large"):
                getattr(self, words[0]).append(words[1:])
            elif words[0] == "mutation":
                assert words[2] == "breaks", line
                self.mutations.append([words[1], words[3], self.small[0]])
            elif words[0] == "with" and words[1].startswith("-D"):
                self.mutations[-1][2] = words[1:]

    def is_pans_own(self, law):
        return "invalid end state" in self.laws[law]

    def faults(self):
        """What is wrong with the model's own list."""
        used = set(re.findall(r"LAW\((\w+),", self.text))
        own = {law for law in self.laws if self.is_pans_own(law)}
        if used != set(self.laws) - own:
            yield f"{self.name}: laws that are named and laws that are looked at differ: {sorted(used ^ (set(self.laws) - own))}"
        for law in sorted(set(self.laws) - {m[1] for m in self.mutations}):
            yield f"{self.name}: no mutation breaks the law {law}"
        for name, law, _ in self.mutations:
            if law not in self.laws:
                yield f"{self.name}: mutation {name} breaks {law}, which is no law"
            if not re.search(rf"\b{name}\b", self.text[self.text.index("*/"):]):
                yield f"{self.name}: mutation {name} changes nothing"


class Run:
    """One search: of the model as it is (law is None), or of a mutation that has to break `law`."""

    def __init__(self, model, options, memory_mb, mutation=None, law=None):
        self.model, self.options, self.memory_mb, self.mutation, self.law = model, options, memory_mb, mutation, law

    def search(self):
        with tempfile.TemporaryDirectory(prefix="evbus-model-") as where:
            return self.search_in(Path(where))

    def search_in(self, where):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        heeded = [f"-DHEED_{law}={int(self.law in (None, law))}" for law in self.model.laws]
        defines = self.options + heeded + ([f"-D{self.mutation}"] if self.mutation else [])
        shutil.copy(HERE / "word.inc", where)
        shutil.copy(self.model.path, where)
        self.states, self.verdict = 0, ""
        made = subprocess.run(["spin", *defines, "-a", self.model.path.name], cwd=where, capture_output=True, text=True)
        if made.returncode != 0 or not (where / "pan.c").exists():
            self.ok, self.verdict = False, "spin: " + made.stdout.strip() + made.stderr.strip()
            return self
        # A short search for most; optimising pays for the long ones only.
        level = "-O2" if self.mutation is None else "-O1"
        subprocess.run(["gcc", level, "-w", "-DSAFETY", "-DCOLLAPSE", "-DNOFAIR", f"-DMEMLIM={self.memory_mb}", "-o", "pan", "pan.c"],
                       cwd=where, check=True)
        end_states_count = self.law is None or self.model.is_pans_own(self.law)
        pan = subprocess.run(["./pan", "-m2000000", *([] if end_states_count else ["-E"])], cwd=where,
                             capture_output=True, text=True)
        self.judge(pan.stdout)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return self

    def judge(self, out):
        def found(pattern):
            match = re.search(pattern, out)
            return match.group(1) if match else ""

        self.states = int(found(r"(\d+) states, stored") or 0)
        self.memory = found(r"([\d.]+)\s+total actual memory") or "?"
        broken = found(r"assertion violated \(?(\w+)") or ("invalid end state" if "invalid end state (at" in out else "")
        whole = re.search(r"errors: 0\b", out) and not re.search(r"max search depth too small|reached -DMEMLIM|out of memory", out)
        if self.law is None:
            self.ok, self.verdict = bool(whole), broken or ("holds" if whole else "was not searched to the end: " + out[:300])
        else:
            wanted = "invalid end state" if self.model.is_pans_own(self.law) else self.law
            self.ok = broken == wanted
            self.verdict = f"breaks {self.law}" if self.ok else (f"breaks {broken}, not {self.law}" if broken else f"does not break {self.law}")

    def line(self):
        what = self.mutation or ""
        return (f"{'ok  ' if self.ok else 'FAIL'} {self.model.name:<10} {what:<18} {' '.join(self.options):<66} "
                f"{self.states:>10} states {self.seconds:6.1f} s  {self.verdict}")


def runs_of(models, large):
    for model in models:
        for options in model.large if large else model.small:
            yield Run(model, options, 6000 if large else 1500)
        if large:
            continue
        for name, law, options in model.mutations:
            yield Run(model, options, 1500, name, law)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="names without .pml; default: all")
    parser.add_argument("--large", action="store_true", help="the instances that take minutes and gigabytes")
    parser.add_argument("--jobs", type=int, default=1)
    how = parser.parse_args()
    for tool in ("spin", "gcc"):
        if shutil.which(tool) is None:
            print(f"{tool} is not installed: the models are not searched (tools/dev.sh install brings it)")
            return 1 if os.environ.get("EVBUS_TEST_COMPLETE") else SKIPPED
    models = [Model(p) for p in sorted(HERE.glob("*.pml")) if not how.models or p.stem in how.models]
    faults = [fault for model in models for fault in model.faults()]
    print("\n".join(faults), end="\n" if faults else "")
    bad, spent, started = len(faults), 0.0, time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(how.jobs) as pool:
        for run in pool.map(Run.search, runs_of(models, how.large)):
            print(run.line(), flush=True)
            bad += not run.ok
            spent += run.seconds
    print(f"{len(models)} models, {bad} not as they should be, {spent:.0f} s of processor, {time.monotonic() - started:.0f} s")
    return 1 if bad or not models else 0


if __name__ == "__main__":
    sys.exit(main())
