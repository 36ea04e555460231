"""One micro-batch of a whole job to the end, and one client's check of its plan."""

import json
import os
import subprocess

import rows


def stages(area, nodes, threads, instructions="best"):
    """{stage: [ms]} of the program, which checks every plan before it times anything."""
    program = os.path.join(area.folder, "tests/bench/planner/microstep")
    command = [program, str(nodes), str(threads), "20" if area.quick else "100", instructions]
    if threads == 1:
        command = ["taskset", "-c", str(max(os.sched_getaffinity(0)))] + command
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {line["stage"]: line["ms"] for line in map(json.loads, out.splitlines())}


def measure(area):
    for threads, bar in ((1, 5), (2, 3)):
        ms = stages(area, 16, threads)
        area.add(
            "microstep_plan",
            f"16 nodes, {threads} core{'s' if threads > 1 else ''}",
            "ms",
            "lower",
            ms["plan"],
            peer=ms["assignment and counts"],
            peer_name="assignment and counts alone",
            bar=rows.Bar("value", bar, below=True),
        )
        if threads == 1:
            share = [100 * check / plan for check, plan in zip(ms["certificate check"], ms["plan"])]
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
            ms = stages(area, nodes, 1, instructions)
            area.add("microstep_plan", f"{nodes} nodes, 1 core, {instructions}", "ms", "lower", ms["plan"])
