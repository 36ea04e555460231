"""How long a trainer waits for plans, with a window of 2 and on demand; a restart in the middle."""

import threading

import rows
from processes import run

WINDOW = 2
# case: milliseconds of a step, steps of a round, steps of a quick one
CASES = {"50 ms": (50, 60, 20), "200 ms": (200, 20, 6)}


def wait_for_plans(programs, address, job, step_ms, steps, depth):
    return run(programs.path("plan_stall"), address, job["request"], step_ms, steps, depth)


def measure(area, programs):
    rounds = 3 if area.quick else 9
    job = programs.make_job(1, 1 << 20, 4000)
    with programs.serve(job) as server:
        programs.load(server, job, 1, 0.2)
        for case, (step_ms, full, quick) in CASES.items():
            steps = quick if area.quick else full

            def ahead(_):
                result = wait_for_plans(programs, server.address, job, step_ms, steps, WINDOW)
                return 100 * result["stall_ms"] / step_ms

            def on_demand(_):
                result = wait_for_plans(programs, server.address, job, step_ms, steps, 0)
                return 100 * result["stall_ms"] / step_ms

            ours, peer = rows.interleaved(rounds, ahead, on_demand)
            area.add(
                "plan_stall",
                case,
                "% of the step",
                "lower",
                ours,
                peer=peer,
                peer_name="on demand",
                bar=rows.Bar("value", 0.1, below=True),
            )
    # The server is killed and started again at its port while the trainer runs; a step is lost when the trainer
    # waited longer than one for a plan.
    lost = []
    steps = 8 if area.quick else 20
    for _ in range(rounds):
        server = programs.serve(job)
        restarted = []

        def restart():
            server.kill()
            restarted.append(programs.serve(job, server.address))

        timer = threading.Timer(0.2 * steps / 2, restart)
        timer.start()
        try:
            result = wait_for_plans(programs, server.address, job, 200, steps, WINDOW)
        finally:
            timer.join()
            for process in [server, *restarted]:
                process.kill()
        lost.append(int(result["worst_ms"] // 200))
    area.add("plan_stall", "restart", "steps lost", "lower", lost, bar=rows.Bar("value", 0, below=True))
    programs.remove(job)
