"""The planner: one micro-batch of a whole job to the end, and one client's check of its plan."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import rows

area = rows.Area("planner", __doc__)
folder = rows.build("//tests/bench/planner:all")
program = os.path.join(folder, "tests/bench/planner/microstep")
rounds = 20 if area.quick else 100


def measure(nodes, threads, instructions="best"):
    """{stage: [ms]} of the program, which checks every plan before it times anything."""
    command = [program, str(nodes), str(threads), str(rounds), instructions]
    if threads == 1:
        command = ["taskset", "-c", str(max(os.sched_getaffinity(0)))] + command
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {line["stage"]: line["ms"] for line in map(json.loads, out.splitlines())}


for threads, bar in ((1, 5), (2, 3)):
    stages = measure(16, threads)
    area.add(
        "microstep_plan",
        f"16 nodes, {threads} core{'s' if threads > 1 else ''}",
        "ms",
        "lower",
        stages["plan"],
        peer=stages["assignment and counts"],
        peer_name="assignment and counts alone",
        bar=rows.Bar("value", bar, below=True),
    )
    if threads == 1:
        share = [100 * check / plan for check, plan in zip(stages["certificate check"], stages["plan"])]
        area.add(
            "certificate_check",
            "16 nodes, % of planning the whole micro-batch",
            "%",
            "lower",
            share,
            bar=rows.Bar("value", 5, below=True),
        )
for nodes in (2, 4, 8, 16):
    for instructions in ("portable", "avx2", "best"):
        stages = measure(nodes, 1, instructions)
        area.add("microstep_plan", f"{nodes} nodes, 1 core, {instructions}", "ms", "lower", stages["plan"])
sys.exit(area.finish())
