"""Replicas by load, against DeepSeek's EPLB algorithm: time, and the busiest rank of every layer."""

import json
import os
import subprocess
import tempfile

import eplb_numpy
import numpy as np
import rows
import traces

try:
    import eplb_torch
    import torch

    torch.set_num_threads(1)
    NO_TORCH = None
except ImportError as reason:
    NO_TORCH = f"PyTorch cannot be imported ({reason}); its Python part needs the CUDA wheels"

# Name: (layers, experts, slots, ranks, nodes, groups, bar on time).
CASES = {
    "hierarchical 58x256": (58, 256, 288, 32, 4, 8, 100),
    "hierarchical 94x128": (94, 128, 192, 64, 8, 8, 100),
    "global 58x256": (58, 256, 288, 144, 1, 1, 400),
}
SEEDS = range(5)


def zipf(layers, experts, seed):
    """Loads by Zipf's law with s = 1.0, shuffled in every layer."""
    random = np.random.default_rng(seed)
    load = (1e6 / np.arange(1, experts + 1)).astype(np.uint64)
    return np.stack([random.permutation(load) for _ in range(layers)])


def ours(area, load, shape, rounds):
    """(ms of every round, phy2log, log2phy, logcnt) of the program, on one core."""
    experts, slots, ranks, nodes, groups = shape
    with tempfile.TemporaryDirectory() as folder:
        loads, out = os.path.join(folder, "loads"), os.path.join(folder, "out")
        load.astype(np.uint64).tofile(loads)
        command = ["taskset", "-c", str(max(os.sched_getaffinity(0)))]
        command += [os.path.join(area.folder, "tests/bench/planner/replicas"), loads]
        command += [str(each) for each in (experts, slots, ranks, nodes, groups, rounds)] + [out]
        answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        arrays = np.fromfile(out, np.int32)
    layers, most = len(load), answer["most_copies"]
    phy2log, log2phy, logcnt = np.split(arrays, np.cumsum([layers * slots, layers * experts * most]))
    return (
        answer["ms"],
        phy2log.reshape(layers, slots),
        log2phy.reshape(layers, experts, most),
        logcnt.reshape(layers, experts),
    )


def imbalance(load, phy2log, ranks):
    """Busiest rank over the mean in every layer, the copies of an expert sharing equally."""
    result = []
    for layer_load, layer in zip(load.astype(np.float64), phy2log):
        count = np.bincount(layer, minlength=len(layer_load))
        per_rank = (layer_load[layer] / count[layer]).reshape(ranks, -1).sum(axis=1)
        result.append(per_rank.max() / per_rank.mean())
    return np.array(result)


def verify(phy2log, log2phy, logcnt, ranks, group_size, nodes):
    """Every expert placed, no two copies on a rank, groups on one node, and arrays that agree."""
    layers, slots = phy2log.shape
    for layer in range(layers):
        assert (np.bincount(phy2log[layer], minlength=logcnt.shape[1]) == logcnt[layer]).all()
        assert logcnt[layer].min() >= 1, "an expert without a slot"
        for rank in phy2log[layer].reshape(ranks, -1):
            assert len(set(rank.tolist())) == len(rank), "two copies on one rank"
        for expert in range(logcnt.shape[1]):
            named = log2phy[layer, expert, : logcnt[layer, expert]]
            assert (phy2log[layer, named] == expert).all() and (np.diff(named) > 0).all()
            if nodes > 1:
                group = phy2log[layer].reshape(nodes, -1) // group_size == expert // group_size
                assert group.any(axis=1).sum() == 1, "a group on two nodes"


def quality(area, case, worst):
    """One row: the layer where our busiest rank compares worst with EPLB's."""
    area.add(
        "replicas_balance",
        f"{case}, busiest/mean over EPLB's, the worst layer",
        "ratio",
        "lower",
        float(worst),
        bar=rows.Bar("value", 1.0 + 1e-6, below=True),
    )


def in_torch(load, slots, groups, nodes, ranks):
    weight = torch.from_numpy(load.astype(np.float32))
    seconds, arrays = rows.timed(lambda: eplb_torch.rebalance(weight, slots, groups, nodes, ranks))
    return seconds, arrays[0].numpy()


def in_numpy(load, slots, groups, nodes, ranks):
    return rows.timed(lambda: eplb_numpy.rebalance(load, slots, groups, nodes, ranks))


def measure_case(area, case):
    layers, experts, slots, ranks, nodes, groups, bar = CASES[case]
    shape = (experts, slots, ranks, nodes, groups)
    peers = {"EPLB in PyTorch": in_torch, "EPLB in NumPy": in_numpy}
    if NO_TORCH:
        area.add("replicas", case, "ms", "lower", None, peer_name="EPLB in PyTorch", skipped=NO_TORCH)
        del peers["EPLB in PyTorch"]
    our_ms, worst = [], 0.0
    peer_ms = {name: [] for name in peers}
    for seed in SEEDS:
        load = zipf(layers, experts, seed)
        ms, phy2log, log2phy, logcnt = ours(area, load, shape, 20 if area.quick else 100)
        verify(phy2log, log2phy, logcnt, ranks, experts // groups, nodes)
        our_ms.append(rows.median(ms))
        mine = imbalance(load, phy2log, ranks)
        for name, peer in peers.items():
            seconds, theirs = peer(load, slots, groups, nodes, ranks)
            peer_ms[name].append(1e3 * seconds)
            worst = max(worst, (mine / imbalance(load, theirs, ranks)).max())
    for name in peers:
        area.add(
            "replicas",
            case,
            "ms",
            "lower",
            our_ms,
            peer=peer_ms[name],
            peer_name=name,
            bar=rows.Bar("peer", bar) if name == "EPLB in PyTorch" else None,
        )
    quality(area, case, worst)


def measure_trace(area):
    ids, lengths = traces.load()
    if ids is None:
        area.add("replicas", "trace", "ratio", "lower", None, peer_name="EPLB in NumPy", skipped=lengths)
        return
    load = np.stack([np.bincount(layer.ravel(), minlength=32) for layer in ids]).astype(np.uint64)
    _, phy2log, log2phy, logcnt = ours(area, load, (32, 40, 8, 1, 1), 1)
    verify(phy2log, log2phy, logcnt, 8, 32, 1)
    mine, peer = imbalance(load, phy2log, 8), imbalance(load, eplb_numpy.rebalance(load, 40, 1, 1, 8), 8)
    area.add(
        "replicas",
        "trace",
        "busiest/mean",
        "lower",
        float(mine.mean()),
        peer=float(peer.mean()),
        peer_name="EPLB in NumPy",
        bar=rows.Bar("peer", 1.0),
    )
    quality(area, "trace", (mine / peer).max())


def measure(area):
    for case in CASES:
        measure_case(area, case)
    measure_trace(area)
