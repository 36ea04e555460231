"""Fetches of experts, and write-backs, on the real trace, against LRU, LFU, MIN and everything tried."""

import json
import os
import random
import subprocess
import tempfile

import caches
import numpy as np
import rows
import traces

SHARES, CHUNKS = (25, 50, 75), (8, 32, 128)
EXPERT_BYTES = 3 * 2880 * 2880 * 2  # gpt-oss-20b's three matrices in bf16, weights and gradients alike


def cut(ids, tokens, chunk):
    """[micro-batch][layer][chunk] -> experts used, ascending; a micro-batch of one chunk goes through all layers."""
    return [
        [[np.unique(layer[first : first + chunk]).tolist()] for layer in ids]
        for first in range(0, tokens, chunk)
    ]


def groups_of(used, training):
    """The accesses of one step: every micro-batch forward through its layers and chunks, then the same in reverse."""
    groups = []
    for micro_batch in used:
        forward = [
            [(layer, each) for each in ids] for layer, chunks in enumerate(micro_batch) for ids in chunks
        ]
        groups += [(ids, False) for ids in forward]
        if training:
            groups += [(ids, True) for ids in reversed(forward)]
    return groups


def ours(area, used, capacity, training):
    """(fetches, write-backs) of the program."""
    numbers = [len(used)]
    for micro_batch in used:
        numbers.append(len(micro_batch))
        for layer in micro_batch:
            numbers.append(len(layer))
            for ids in layer:
                numbers += [len(ids), *ids]
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "accesses")
        np.array(numbers, np.uint32).tofile(file)
        command = [os.path.join(area.folder, "tests/bench/planner/prefetch"), file, str(capacity)]
        command.append("training" if training else "read")
        answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return answer["fetched"], answer["written"]


def small_cases(area, training, count):
    """Our total over the least of everything tried, on small random steps."""
    mine = best = 0
    for seed in range(count):
        rng = random.Random(seed)
        layers, experts, chunks = rng.randint(1, 3), rng.randint(2, 3), rng.randint(1, 2)
        used = [
            [
                [sorted(rng.sample(range(experts), rng.randint(1, 2))) for _ in range(chunks)]
                for _ in range(layers)
            ]
            for _ in range(rng.randint(1, 2))
        ]
        capacity = rng.randint(2, 4)
        mine += sum(ours(area, used, capacity, training))
        best += caches.exhaustive(groups_of(used, training), capacity)
    return mine, best


def measure(area):
    ids, reason = traces.load()
    for training in (False, True):
        kind = ", training" if training else ""
        if ids is None:
            for share in SHARES:
                for chunk in CHUNKS:
                    case = f"{share} % of experts, chunk {chunk}{kind}"
                    area.add("prefetch_bytes", case, "B", "lower", None, skipped=reason)
        else:
            measure_trace(area, ids, training, kind)
        mine, best = small_cases(area, training, 20 if area.quick else 60)
        area.add(
            "prefetch_bytes",
            f"small cases{kind}",
            "B",
            "lower",
            EXPERT_BYTES * mine,
            limit=EXPERT_BYTES * best,
            limit_name="everything tried",
            bar=rows.Bar("limit", 1 / 1.05 if training else 1.0),
        )


def measure_trace(area, ids, training, kind):
    stored = ids.shape[0] * (int(ids.max()) + 1)
    tokens = 4096 if area.quick else 16384
    for share in SHARES:
        for chunk in CHUNKS:
            used = cut(ids, tokens, chunk)
            groups = groups_of(used, training)
            capacity = stored * share // 100
            mine = sum(ours(area, used, capacity, training))
            fetches, _ = caches.minimum(groups, capacity)
            # Every expert that backward touches is written back once at least.
            limit = fetches + len({each for some, backward in groups if backward for each in some})
            for name, policy in (("LRU", caches.lru), ("LFU", caches.lfu)):
                area.add(
                    "prefetch_bytes",
                    f"{share} % of experts, chunk {chunk}{kind}",
                    "B",
                    "lower",
                    EXPERT_BYTES * mine,
                    peer=EXPERT_BYTES * sum(policy(groups, capacity)),
                    peer_name=name,
                    limit=EXPERT_BYTES * limit,
                    limit_name="MIN's fetches" + (", each dirty one written once" if training else ""),
                    bar=None if training else rows.Bar("limit", 1.0),
                )
