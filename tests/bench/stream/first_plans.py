"""From starting the server to the first checked plan, without what starting any such program takes."""

import rows
from processes import run

GIB = 1 << 30
# case: GiB of the table, state, bar in ms
CASES = {
    "1 GiB warm": (1, "warm", 30),
    "16 GiB warm": (16, "warm", 30),
    "16 GiB cold": (16, "cold", 100),
    "after kill -9": (1, "killed", 30),
}


def measure(area, programs):
    medians = {}
    jobs = {gib: programs.make_job(1, 1 << 20, 64, gib * GIB) for gib in (1, 16)}
    for case, (gib, state, bar) in CASES.items():
        times = []
        for _ in range(3 if area.quick else 9):
            result = run(
                programs.path("first_plan"),
                "server/grouter_server",
                jobs[gib]["root"],
                jobs[gib]["request"],
                state,
                cwd=programs.runfiles("first_plan"),
            )
            times.append(result["first_plan_ms"] - result["version_ms"])
        medians[case] = rows.median(times)
        area.add("first_plan", case, "ms", "lower", times, bar=rows.Bar("value", bar, below=True))
    area.add(
        "first_plan",
        "16 GiB beside 1 GiB, warm",
        "ms",
        "lower",
        medians["16 GiB warm"],
        peer=medians["1 GiB warm"],
        peer_name="ours with 1 GiB",
        bar=rows.Bar("value", 1.2 * medians["1 GiB warm"] + 2, below=True),
    )
    for job in jobs.values():
        programs.remove(job)
