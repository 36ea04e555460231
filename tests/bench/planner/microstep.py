"""One micro-batch of a whole job to the end, and one client's check of its plan."""

import json
import os
import subprocess
import tempfile

import rows

SETS = ("portable", "avx2", "best")


def stages(area, routes, nodes, threads, *instructions):
    """{(instructions, stage): [ms]} of the program, which checks every plan before it times anything."""
    program = os.path.join(area.folder, "tests/bench/planner/microstep")
    command = [program, routes, str(nodes), str(threads), "20" if area.quick else "100", *instructions]
    if threads == 1:
        command = ["taskset", "-c", str(max(os.sched_getaffinity(0)))] + command
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = map(json.loads, out.splitlines())
    return {(line["instructions"], line["stage"]): line["ms"] for line in lines}


def measure_whole(area, routes, threads, bar):
    ms = stages(area, routes, 16, threads, "best")
    area.add(
        "microstep_plan",
        f"16 nodes, {threads} core{'s' if threads > 1 else ''}",
        "ms",
        "lower",
        ms["best", "plan"],
        peer=ms["best", "assignment and counts"],
        peer_name="assignment and counts alone",
        bar=rows.Bar("value", bar, below=True),
    )
    if threads > 1:
        return
    area.add(
        "certificate_check",
        "16 nodes, % of planning the whole micro-batch",
        "%",
        "lower",
        [100 * check / plan for check, plan in zip(ms["best", "certificate check"], ms["best", "plan"])],
        bar=rows.Bar("value", 5, below=True),
    )


def measure(area):
    with tempfile.TemporaryDirectory() as folder:
        routes = os.path.join(folder, "routes")
        subprocess.run(
            [os.path.join(area.folder, "tests/bench/planner/assignment"), "make", routes], check=True
        )
        for threads, bar in ((1, 5), (2, 3)):
            measure_whole(area, routes, threads, bar)
        for nodes in (2, 4, 8, 16):
            ms = stages(area, routes, nodes, 1, *SETS)
            for instructions in SETS:
                case = f"{nodes} nodes, 1 core, {instructions}"
                area.add("microstep_plan", case, "ms", "lower", ms[instructions, "plan"])
