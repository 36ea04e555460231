"""Rows of measurements: one configuration each, ours beside a peer and the machine's limit, judged with medians.

An area's run.py builds a list of rows and hands it to finish(). See tests/bench/README.md.
"""

import argparse
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FREE = 0.95  # share of a core that a spinning process must get for the core to count as free


@dataclasses.dataclass(frozen=True)
class Bar:
    """What a row must reach. `of`: "peer" (ratio), "limit" (of_limit) or "value" (ours itself)."""

    of: str
    bound: float
    below: bool = False  # the value must stay at or below the bound, else at or above
    timed: bool = True  # False: a count, the same on a busy machine

    def __str__(self):
        sign = "<=" if self.below else ">="
        return f"{sign} {self.bound:g}" + {"peer": "x peer", "limit": " of limit", "value": ""}[self.of]

    def holds(self, value):
        return bool(value <= self.bound if self.below else value >= self.bound)


def median(values):
    return statistics.median(values) if values else None


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown processor"


def cpu_has(flag):
    """Whether the processor has a feature of /proc/cpuinfo, "avx512vbmi" for one."""
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        return any(line.startswith("flags") and flag in line.split() for line in lines)


def machine():
    """One line that says where a row was measured."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    return f"{cpu_model()}, {cores} cores, {memory:.0f} GiB, Linux {os.uname().release}"


_SPIN = """
import os, sys, time
os.sched_setaffinity(0, {int(sys.argv[1])})
begin, cpu, loops = time.perf_counter(), time.process_time(), 0
while time.perf_counter() - begin < 0.3:
    for _ in range(2000):
        loops += 1
wall = time.perf_counter() - begin
print((time.process_time() - cpu) / wall, loops / wall)
"""


def calibrate():
    """Spins on every core at once, pinned. Returns {core: share of it that was ours}; prints shares and speeds."""
    cores = sorted(os.sched_getaffinity(0))
    spins = [
        subprocess.Popen([sys.executable, "-c", _SPIN, str(core)], stdout=subprocess.PIPE) for core in cores
    ]
    shares = {}
    for core, spin in zip(cores, spins):
        share, speed = map(float, spin.communicate()[0].split())
        shares[core] = share
        print(f"core {core}: {100 * share:.0f} % ours, {speed / 1e6:.1f} M loops/s", file=sys.stderr)
    return shares


def pin(core=None):
    """Keeps this process and what it starts on one core (the last one it may use)."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1] if core is None else core})


def interleaved(rounds, *sides):
    """Calls each side once a round, in turn: [[side 0's results], [side 1's], ...]. A side takes the round's number."""
    results = [[] for _ in sides]
    for number in range(rounds):
        for side, into in zip(sides, results):
            into.append(side(number))
    return results


def timed(work):
    """Seconds that work() takes, and what it returned."""
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result


class Area:
    """The measurements of one area: collects rows, prints and writes them."""

    def __init__(self, area, description):
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument(
            "--quick", action="store_true", help="smaller inputs, fewer rounds, at most 3 minutes"
        )
        parser.add_argument("--json", metavar="FILE", help="append one JSON object a row")
        self.arguments = parser.parse_args()
        self.quick = self.arguments.quick
        self.area = area
        self.machine = machine()
        self.rows = []
        print(self.machine, file=sys.stderr)
        self.shares = calibrate()

    def free_cores(self):
        return sum(share >= FREE for share in self.shares.values())

    def unjudged(self, bar):
        """Why an absolute bar cannot be judged here, or None."""
        if bar.of == "peer" or not bar.timed or self.free_cores() >= 2:
            return None
        return f"an absolute bar needs 2 free cores, {self.free_cores()} were"

    def add(
        self,
        metric,
        case,
        unit,
        better,
        ours,
        *,
        peer=None,
        peer_name=None,
        limit=None,
        limit_name=None,
        bar=None,
        unjudged=None,
        skipped=None,
    ):
        """One row. ours, peer and limit are lists with one value a round (or numbers); medians are compared.

        `skipped` says why there is no number (of ours, or of the peer that is named); `unjudged` why the bar is not
        judged (no AVX-512, say).
        """
        assert better in ("higher", "lower")
        series = [
            value if isinstance(value, list) else [value]
            for value in (ours, peer, limit)
            if value is not None
        ]
        assert skipped or ours is not None, "a row has a number or the reason why not"
        own = ours if isinstance(ours, list) or ours is None else [ours]
        ours, peer, limit = (
            median(value) if isinstance(value, list) else value for value in (ours, peer, limit)
        )
        ratio = of_limit = holds = None
        if ours and peer:
            ratio = ours / peer if better == "higher" else peer / ours
        if ours and limit:
            of_limit = ours / limit if better == "higher" else limit / ours
        if bar is not None:
            value = {"peer": ratio, "limit": of_limit, "value": ours}[bar.of]
            unjudged = unjudged or self.unjudged(bar) or ("skipped" if value is None else None)
            holds = None if unjudged else bar.holds(value)
        self.rows.append(
            {
                "area": self.area,
                "metric": metric,
                "case": case,
                "unit": unit,
                "better": better,
                "ours": ours,
                "peer": peer,
                "peer_name": peer_name,
                "limit": limit,
                "limit_name": limit_name,
                "ratio": ratio,
                "of_limit": of_limit,
                "bar": None if bar is None else str(bar),
                "holds": holds,
                "unjudged": unjudged,
                "skipped": skipped,
                "rounds": max((len(values) for values in series), default=0),
                "min": min(own) if own else None,
                "max": max(own) if own else None,
                "machine": self.machine,
            }
        )

    def finish(self):
        """Writes the rows; returns the exit status: 1 when a bar does not hold."""
        if self.arguments.json:
            with open(self.arguments.json, "a", encoding="utf-8") as out:
                for row in self.rows:
                    out.write(json.dumps(row) + "\n")
        print_table(self.rows)
        return 1 if any(row["holds"] is False for row in self.rows) else 0


def number(value):
    if value is None:
        return "-"
    magnitude = abs(value)
    for factor, suffix in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if magnitude >= factor:
            scale = 1e3 if suffix == " k" else factor
            return f"{value / scale:.3g}{suffix}"
    return f"{value:.4g}"


def print_table(rows, out=sys.stdout):
    heads = ("metric", "case", "unit", "ours", "peer", "ratio", "limit", "of limit", "bar", "holds")
    lines = [heads]
    for row in rows:
        peer = number(row["peer"]) + (f" ({row['peer_name']})" if row["peer_name"] else "")
        limit = number(row["limit"]) + (f" ({row['limit_name']})" if row["limit_name"] else "")
        holds = {True: "yes", False: "NO", None: "-"}[row["holds"]]
        note = row["skipped"] or (row["bar"] and row["unjudged"])
        lines.append(
            (
                row["metric"],
                row["case"],
                row["unit"],
                number(row["ours"]),
                peer,
                number(row["ratio"]),
                limit,
                number(row["of_limit"]),
                row["bar"] or "-",
                holds + (f" ({note})" if note else ""),
            )
        )
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip(), file=out)


def environment():
    """The folder that set-up made: bin/python with the peers, share/ with data files."""
    return os.environ.get("GROUTER_DEPS") or os.path.join(ROOT, ".deps", "env")


def build(*targets):
    """Builds Bazel targets; returns the folder of their outputs. GROUTER_BENCH_OUTPUT_BASE: another output base."""
    base = os.environ.get("GROUTER_BENCH_OUTPUT_BASE")
    bazel = f'bazel --output_base="{base}"' if base else "grouter_bazel main"
    script = f'. third_party/setup/env.sh; {bazel} build --noshow_progress "$@" 1>&2; {bazel} info bazel-bin 2>/dev/null'
    done = subprocess.run(
        ["bash", "-euc", script, "build", *targets], cwd=ROOT, check=True, stdout=subprocess.PIPE
    )
    return done.stdout.decode().strip()
