"""Many trainers in a closed loop: plans a second, and the server's processor time for each plan."""

import rows

# case: streams, ranks, plan bytes, steps, steps made beforehand (in full, quick), bars of the rate and of the time
# (of epoll). No stream ends in a round; the peers plan nothing, so the plans of a round are there before it.
CASES = {
    "64 x 768 KiB": (64, 64, 768 << 10, 512, (320, 100), 0.85, 1.3),
    "64 x 96 KiB": (64, 64, 96 << 10, 1536, (1280, 426), 0.75, 1.5),
    "1000 x 4 KiB": (1000, 125, 4 << 10, 1536, (704, 448), 0.25, 4.0),
}
RATE_OF_BARE, TIME_OF_BARE = 0.95, 1.1


def measured(result):
    """(plans a second, seconds of the server's processor time for each plan)."""
    return result["plans"] / result["seconds"], result["server_seconds"] / result["plans"]


def measure(area, programs):
    seconds = 0.6 if area.quick else 3
    rounds = 3 if area.quick else 9
    for case, (streams, ranks, plan_bytes, steps, made, rate_bar, time_bar) in CASES.items():
        job = programs.make_job(ranks, plan_bytes, steps)
        with programs.serve(job) as ours, programs.serve_bare(job) as bare, programs.serve_raw(job) as raw:
            programs.warm(ours, job, made[area.quick])

            def load_ours(_):
                return measured(programs.load(ours, job, streams, seconds))

            def load_bare(_):
                return measured(programs.load(bare, job, streams, seconds, planned=False))

            def load_raw(_):
                return measured(programs.load_raw(raw, job, streams, seconds))

            sides = rows.interleaved(rounds, load_ours, load_raw, load_bare)
        (our_rates, our_times), (raw_rates, raw_times), (bare_rates, bare_times) = (
            map(list, zip(*side)) for side in sides
        )
        for name, rates, times, rate_floor, time_cap in (
            ("epoll server", raw_rates, raw_times, rate_bar, time_bar),
            ("bare gRPC", bare_rates, bare_times, RATE_OF_BARE, TIME_OF_BARE),
        ):
            area.add(
                "fanout_rate",
                case,
                "plans/s",
                "higher",
                our_rates,
                peer=rates,
                peer_name=name,
                bar=rows.Bar("peer", rate_floor),
            )
            area.add(
                "server_cpu_per_plan",
                case,
                "s",
                "lower",
                our_times,
                peer=times,
                peer_name=name,
                bar=rows.Bar("peer", 1 / time_cap),
            )
