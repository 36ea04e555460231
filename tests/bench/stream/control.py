"""A statistics call each millisecond beside a stream that takes all it can get."""

import rows
from processes import run


def measure(area, programs):
    seconds = 1 if area.quick else 3
    job = programs.make_job(1, 1 << 20, 64)
    with programs.serve(job) as ours, programs.serve_raw(job) as raw:
        programs.load(ours, job, 1, 1)
        ping = programs.path("stats_ping")

        def alone(_):
            result = programs.load(ours, job, 1, seconds)
            return result["bytes"] / result["seconds"]

        def beside(_):
            with programs.loading(ours, job, 1, seconds + 1) as bulk:
                stats = run(ping, ours.address, seconds)
                result = bulk()
            return result["bytes"] / result["seconds"], stats["p99_ms"]

        def raw_ping(_):
            return run(programs.path("raw_load"), "ping", raw.address, seconds)["p99_ms"]

        bulk_alone, both, pings = rows.interleaved(3 if area.quick else 9, alone, beside, raw_ping)
    bulk_beside, stats = map(list, zip(*both))
    bound = max(1.0, 2 * rows.median(pings))
    area.add(
        "stats_under_bulk_p99",
        "stats each ms",
        "ms",
        "lower",
        stats,
        peer=pings,
        peer_name="raw TCP ping beside raw bulk",
        bar=rows.Bar("value", bound, below=True),
    )
    lost = [100 * max(0.0, 1 - with_ / without) for with_, without in zip(bulk_beside, bulk_alone)]
    area.add("bulk_lost_to_stats", "stats each ms", "%", "lower", lost, bar=rows.Bar("value", 5, below=True))
