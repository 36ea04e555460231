"""What a waiting trainer costs the server, and whether the size of the table matters."""

import rows
from processes import tcp_socket_bytes

GIB = 1 << 30
TRAINERS = (64, 1000)


def per_trainer(server, programs, job, trainers, planned):
    """(anonymous, socket) bytes that a trainer adds, waiting with its window full."""
    anonymous, sockets = server.anonymous_bytes(), tcp_socket_bytes()
    with programs.waiting(server, job, trainers, planned):
        return (
            (server.anonymous_bytes() - anonymous) / trainers,
            max(0, tcp_socket_bytes() - sockets) / trainers,
        )


def measure(area, programs):
    ours, bare, empty = {}, {}, {}
    for gib in (1,) if area.quick else (1, 16):
        job = programs.make_job(1, 4 << 10, 4, gib * GIB)
        for trainers in TRAINERS[:1] if area.quick else TRAINERS:
            with programs.serve(job) as server:
                programs.load(server, job, 1, 0.2)  # the job is there, its plans are made
                empty[gib] = server.anonymous_bytes()
                ours[gib, trainers] = per_trainer(server, programs, job, trainers, True)
            with programs.serve_bare(job) as server:
                programs.load(server, job, 1, 0.2, planned=False)
                bare[gib, trainers] = per_trainer(server, programs, job, trainers, False)
        programs.remove(job)
    too_long = "left out by --quick"
    for kind, metric in enumerate(("anonymous_memory_per_trainer", "socket_memory_per_trainer")):
        for gib in (1, 16):
            for trainers in TRAINERS:
                key = gib, trainers
                area.add(
                    metric,
                    f"{trainers} trainers, {gib} GiB",
                    "bytes",
                    "lower",
                    ours[key][kind] if key in ours else None,
                    peer=bare[key][kind] if key in bare else None,
                    peer_name="bare gRPC connection",
                    bar=rows.Bar("peer", 1 / 1.2),
                    skipped=None if key in ours else too_long,
                )
    area.add(
        "anonymous_memory_per_trainer",
        "0 trainers, 16 GiB beside 1 GiB",
        "bytes",
        "lower",
        empty.get(16),
        peer=empty.get(1),
        peer_name="ours with 1 GiB",
        bar=rows.Bar("peer", 1 / 1.2),
        skipped=None if 16 in empty else too_long,
    )
