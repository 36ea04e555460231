"""Plans asked for at fixed times: from when each should have been asked for to when it is there."""

import rows

# case: streams, ranks, plans a second of each
CASES = {"64 x 20/s": (64, 64, 20), "1000 x 2/s": (1000, 125, 2), "1000 x 5/s": (1000, 125, 5)}
PAYLOAD = 96 << 10


def measure(area, programs):
    seconds = 1 if area.quick else 5
    for case, (streams, ranks, rate) in CASES.items():
        job = programs.make_job(ranks, PAYLOAD, 256)
        with programs.serve(job) as ours, programs.serve_bare(job) as bare:
            programs.warm(ours, job, seconds * rate + 32)
            more = ("--rate", rate, "--window", 1)

            def ask_ours(_):
                return programs.load(ours, job, streams, seconds, *more)["p99_ms"]

            def ask_bare(_):
                return programs.load(bare, job, streams, seconds, *more, planned=False)["p99_ms"]

            our_times, bare_times = rows.interleaved(3 if area.quick else 9, ask_ours, ask_bare)
        area.add(
            "plan_latency_p99",
            case,
            "ms",
            "lower",
            our_times,
            peer=bare_times,
            peer_name="bare gRPC",
            bar=rows.Bar("peer", 1 / 1.2),
        )
