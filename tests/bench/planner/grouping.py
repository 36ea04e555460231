"""Expert grouping for a run of many samples: seconds, and copies on samples that it has not seen."""

import subprocess
import tempfile

import numpy as np
import placement_peers
import rows
from placements import Placed, Planner, Samples, capacities, read, score

PLACES, CAP, TOPICS, SEEN, FRESH, ITERATIONS = 8, 1100, 64, 256, 64, 40_000


def split(samples):
    """What is planned from, and the fresh ones."""
    tokens = int(samples.lengths[:SEEN].sum())
    return (
        Samples(samples.ids[:tokens], samples.lengths[:SEEN], samples.num_experts),
        Samples(samples.ids[tokens:], samples.lengths[SEEN:], samples.num_experts),
    )


def write_counts(path, seen, num_samples):
    """Expert counts u16 [samples][experts] of as many samples as a run has: by topic, each drawn anew (normal
    approximation of the multinomial)."""
    mean = np.stack([seen.counts[topic::TOPICS].mean(axis=0) for topic in range(TOPICS)])
    random = np.random.default_rng(7)
    with open(path, "wb") as out:
        for first in range(0, num_samples, 8192):
            topic = np.arange(first, min(first + 8192, num_samples)) % TOPICS
            drawn = mean[topic] + np.sqrt(mean[topic]) * random.standard_normal(mean[topic].shape, np.float32)
            out.write(np.clip(np.rint(drawn), 0, 65535).astype("<u2").tobytes())


def measure_one(area, plan, num_samples, experts, peer_rounds):
    name = f"{num_samples // 1000} k" if num_samples < 1_000_000 else f"{num_samples // 1_000_000} M"
    case = f"{name} samples, E {experts}"
    subprocess.run(
        [plan.program, "stand_in", str(experts), str(SEEN + FRESH), "11", plan.path("all")], check=True
    )
    seen, fresh = split(read(plan.path("all")))
    seen.write(plan.path("seen"))
    write_counts(plan.path("counts"), seen, num_samples)
    counts = np.memmap(plan.path("counts"), "<u2", "r").reshape(num_samples, experts)
    load = counts.sum(axis=0, dtype=np.int64)

    def ours(_):
        placed, answer = plan.placed(
            "counted", plan.path("seen"), plan.path("counts"), PLACES, CAP, ITERATIONS
        )
        return placed, answer["seconds"]

    results = [ours(number) for number in range(3)]
    placed = results[0][0]
    assert placed.held.sum(axis=1).tolist() == capacities(experts, PLACES)
    cap = placement_peers.busiest(placed.home, load, PLACES)
    assert cap <= CAP / 1000 + 1e-9, f"the cap is not held: {cap}"
    copies = score(placed, fresh)[0]
    seconds = [each[1] for each in results]
    if peer_rounds == 0:
        bar = rows.Bar("value", 10, below=True)
        area.add("grouping", case, "s", "lower", seconds, bar=bar)
        area.add("grouping", f"{case}, copies on fresh samples", "copies/token", "lower", copies)
        return
    peer_name = "scikit-learn k-means, agglomerative, SciPy matching"
    peers = [
        rows.timed(lambda: placement_peers.pipeline(counts.astype(np.float32), PLACES, seed))
        for seed in range(peer_rounds)
    ]
    theirs = [score(Placed.of_homes(home, PLACES), fresh)[0] for _, home in peers]
    area.add(
        "grouping",
        case,
        "s",
        "lower",
        seconds,
        peer=[each[0] for each in peers],
        peer_name=peer_name,
        bar=rows.Bar("peer", 50),
    )
    area.add(
        "grouping",
        f"{case}, copies on fresh samples",
        "copies/token",
        "lower",
        copies,
        peer=theirs,
        peer_name=peer_name,
        bar=rows.Bar("peer", 1),
    )


def measure(area):
    sizes = ((20_000, 1), (1_000_000, 0)) if area.quick else ((20_000, 3), (100_000, 1), (1_000_000, 0))
    with tempfile.TemporaryDirectory() as folder:
        for num_samples, peer_rounds in sizes:
            for experts in (128, 256):
                measure_one(area, Planner(area, folder), num_samples, experts, peer_rounds)
