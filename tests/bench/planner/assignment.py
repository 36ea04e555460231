"""The assignment of a micro-batch's samples to nodes, against NumPy and SciPy in the shapes people write it in."""

import json
import os
import subprocess
import tempfile

import numpy as np
import rows
from scipy.optimize import linear_sum_assignment

EXPERTS, TOPK, TOKENS, SAMPLES_PER_NODE = 128, 8, 4096, 8


def node_of_expert(nodes):
    return (np.arange(EXPERTS) // (EXPERTS // nodes)).astype(np.uint8)


def assign(cost):
    """Samples to nodes, SAMPLES_PER_NODE each, at least cost: (node of each sample, its cost)."""
    samples, columns = linear_sum_assignment(np.repeat(cost, SAMPLES_PER_NODE, axis=1))
    return columns // SAMPLES_PER_NODE, int(np.repeat(cost, SAMPLES_PER_NODE, axis=1)[samples, columns].sum())


def every_destination(ids, nodes):
    """For every candidate node the rows to every other: nodes^2 passes over the tokens."""
    home = node_of_expert(nodes)
    cost = np.zeros((len(ids), nodes), np.int64)
    for sample, routes in enumerate(ids):
        for here in range(nodes):
            for there in range(nodes):
                if there != here:
                    cost[sample, here] += np.any(home[routes] == there, axis=1).sum()
    return cost


def one_pass_per_node(ids, nodes):
    """The rows for every node once; a candidate's cost is what the others need."""
    home = node_of_expert(nodes)
    counts = np.zeros((len(ids), nodes), np.int64)
    for sample, routes in enumerate(ids):
        destinations = home[routes]
        for node in range(nodes):
            counts[sample, node] = np.any(destinations == node, axis=1).sum()
    return counts.sum(axis=1, keepdims=True) - counts


def bit_masks(ids, nodes):
    """One pass: a token's nodes are the or of its experts' bits."""
    bits = (1 << node_of_expert(nodes).astype(np.uint32)).astype(np.uint16)
    masks = np.bitwise_or.reduce(bits[ids], axis=2)
    counts = np.stack([(masks >> node & 1).sum(axis=1) for node in range(nodes)], axis=1).astype(np.int64)
    return counts.sum(axis=1, keepdims=True) - counts


# Name, function, bar by number of nodes, rounds of a whole run.
PEERS = (
    ("every destination", every_destination, {2: 150, 4: 700, 16: 5000}, 1),
    ("one pass per node", one_pass_per_node, {}, 3),
    ("bit masks", bit_masks, {2: 50, 4: 50, 8: 50, 16: 50}, 5),
)


class Program:
    """The program on one core, answering a line a round."""

    def __init__(self, area, routes, nodes, instructions):
        program = os.path.join(area.folder, "tests/bench/planner/assignment")
        command = ["taskset", "-c", str(max(os.sched_getaffinity(0))), program, "run", routes, str(nodes)]
        self.process = subprocess.Popen(
            command + [instructions], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, first, count):
        self.process.stdin.write(f"{first} {count}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        assert self.process.wait() == 0


def verify(answer, cost):
    """Equal costs of every sample on every node, the capacities, and the optimum."""
    counts = np.array(answer["rows"])
    assert (counts.sum(axis=1, keepdims=True) - counts == cost).all(), "another cost than the peer's"
    nodes = np.array(answer["node_of"])
    assert (np.bincount(nodes, minlength=cost.shape[1]) == SAMPLES_PER_NODE).all(), "a capacity is not met"
    assert cost[np.arange(len(cost)), nodes].sum() == assign(cost)[1], "not the least cost"


def measure_against(area, routes, nodes, peer, bar, rounds):
    name, cost_of = peer
    ours = Program(area, routes, nodes, "best")
    ids = np.memmap(routes, np.uint8, "r")
    size = nodes * SAMPLES_PER_NODE * TOKENS * TOPK
    batches = ids.size // size

    def batch(number):
        at = number % batches * size
        return np.array(ids[at : at + size]).reshape(nodes * SAMPLES_PER_NODE, TOKENS, TOPK)

    def peer_round(number):
        some = batch(number)
        seconds, cost = rows.timed(lambda: cost_of(some, nodes))
        return 1e3 * (seconds + rows.timed(lambda: assign(cost))[0]), cost

    warm = ours(0, 2 * batches)  # faults its pages in
    assert len(warm["ms"]) == 2 * batches
    answers, theirs = rows.interleaved(rounds, lambda number: ours(number, 50), peer_round)
    for answer, (_, cost) in zip(answers, theirs):
        verify(answer, cost)
    ours.close()
    area.add(
        "microstep_assignment",
        f"{nodes} nodes",
        "ms",
        "lower",
        [rows.median(answer["ms"]) for answer in answers],
        peer=[ms for ms, _ in theirs],
        peer_name=name,
        bar=rows.Bar("peer", bar) if bar else None,
        unjudged=None if rows.cpu_has("avx512vbmi") else "needs AVX-512 with byte permutes",
    )


def measure_alone(area, routes, nodes, instructions):
    """Tokens a second of one core, and the 16-node time."""
    program = Program(area, routes, nodes, instructions)
    program(0, 600)
    answer = program(0, 600)
    ms = answer["ms"]
    program.close()
    tokens = nodes * SAMPLES_PER_NODE * TOKENS
    wide = instructions == "best"
    bound = (1.9 if nodes <= 8 else 0.9) if wide else (0.8 if nodes <= 8 else 0.4)
    unjudged = None if not wide or rows.cpu_has("avx512vbmi") else "needs AVX-512 with byte permutes"
    area.add(
        "assignment_rate",
        f"{nodes} nodes, 1 core, {'AVX-512' if wide else 'AVX2'}",
        "tokens/s",
        "higher",
        [1e3 * tokens / each for each in ms],
        limit=[1e3 * tokens / each for each in answer["read_ms"]],
        limit_name="reading the ids alone",
        bar=rows.Bar("value", bound * 1e9),
        unjudged=unjudged,
    )
    if wide and nodes == 16:
        area.add(
            "microstep_assignment",
            "16 nodes, 1 core",
            "ms",
            "lower",
            ms,
            bar=rows.Bar("value", 0.6, below=True),
            unjudged=unjudged,
        )


def measure(area):
    with tempfile.TemporaryDirectory() as folder:
        routes = os.path.join(folder, "routes")
        subprocess.run(
            [os.path.join(area.folder, "tests/bench/planner/assignment"), "make", routes], check=True
        )
        for nodes in (2, 4, 8, 16):
            for name, cost_of, bars, rounds in PEERS:
                measure_against(
                    area, routes, nodes, (name, cost_of), bars.get(nodes), 1 if area.quick else rounds
                )
            for instructions in ("best", "avx2"):
                measure_alone(area, routes, nodes, instructions)
