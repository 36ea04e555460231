"""Distinct ranks that a token's experts sit on: planned on the first half of the real trace, scored on the second."""

import tempfile

import numpy as np
import placement_peers
import rows
import traces
from placements import Placed, Planner, Samples

RANKS, EXPERTS, LAYERS, ITERATIONS = 8, 32, (0, 12, 23), 400_000
# One rule for all layers, (cap, weight of load that sways) in thousandths, is chosen among these on the planning half
# alone: planned on one part of it and judged on the other, both ways.
RULES = tuple((cap, evenness) for cap in (1050, 1100, 1150, 1200, 1250) for evenness in (0, 350, 700, 1400))
RULE_ITERATIONS = 60_000
CAPS = (1050, 1100, 1150, 1200, 1250, 1300)
PLANNED = {0: 2.90, 12: 3.04, 23: 3.32}
# (ranks a token, busiest / mean), held out: what plain swaps once measured, and the bar at the last layer.
HELD_OUT = {0: (2.898, 1.28), 12: (3.055, 1.68), 23: (3.41, 1.63)}


def below(bound):
    return rows.Bar("value", bound, below=True, timed=False)


def halves(trace, layer):
    ids, lengths = trace
    half = len(lengths) // 2
    tokens = int(lengths[:half].sum())
    return (
        Samples(ids[layer, :tokens], lengths[:half], EXPERTS),
        Samples(ids[layer, tokens:], lengths[half:], EXPERTS),
    )


def parts(samples):
    """The two halves of a half."""
    half = len(samples.lengths) // 2
    tokens = int(samples.lengths[:half].sum())
    return (
        Samples(samples.ids[:tokens], samples.lengths[:half], EXPERTS),
        Samples(samples.ids[tokens:], samples.lengths[half:], EXPERTS),
    )


def choose_rule(plan, planned_on):
    """The rule whose worst number, over layers, folds and (ranks a token, busiest / mean), compares best with plain
    swaps judged in the same way. `planned_on`: the planning half of each layer."""
    worst = dict.fromkeys(RULES, 0.0)
    for half in planned_on:
        for here, there in (parts(half), parts(half)[::-1]):
            swaps = [
                numbers(Placed.of_homes(placement_peers.plain_swaps(here, RANKS, seed), RANKS), there)
                for seed in range(5)
            ]
            theirs = np.median(np.array(swaps), axis=0)
            here.write(plan.path("part"))
            for cap, evenness in RULES:
                placed, _ = plan.placed("search", plan.path("part"), RANKS, 0, cap, RULE_ITERATIONS, evenness)
                ratio = max(np.array(numbers(placed, there)) / theirs)
                worst[cap, evenness] = max(worst[cap, evenness], ratio)
    return min(RULES, key=lambda rule: (worst[rule], rule))


def numbers(placed, samples):
    return placed.visited(samples), placed.busiest(samples)


def measure_layer(area, plan, layer, rule, planned_on, scored_on):
    def search(cap, evenness):
        placed, _ = plan.placed("search", plan.path("routes"), RANKS, 0, cap, ITERATIONS, evenness)
        assert (placed.held.sum(axis=1) == EXPERTS // RANKS).all(), "a rank holds too many experts"
        return placed

    def add(case, ours, bar=None, **peer):
        area.add("ranks_per_token", f"layer {layer}, {case}", "", "lower", ours, bar=bar, **peer)

    planned_on.write(plan.path("routes"))
    ranks, load = numbers(search(1100, 0), planned_on)
    add("planning half at cap 1.10", ranks, below(PLANNED[layer]))
    add("planning half at cap 1.10, busiest/mean", load, below(1.10))
    swaps = [
        numbers(Placed.of_homes(placement_peers.plain_swaps(planned_on, RANKS, seed), RANKS), scored_on)
        for seed in range(5 if area.quick else 20)
    ]
    ours = numbers(search(*rule), scored_on)
    for i, what in enumerate(("held out", "held out, busiest/mean")):
        add(
            what,
            ours[i],
            below(HELD_OUT[layer][i]),
            peer=[each[i] for each in swaps],
            peer_name=f"plain swaps, median of {len(swaps)}",
        )
    for cap in CAPS:
        ranks, load = numbers(search(cap, 0), scored_on)
        add(f"held out, planned at cap {cap / 1000:.2f}", ranks)
        add(f"held out, planned at cap {cap / 1000:.2f}, busiest/mean", load)


def measure(area):
    trace = traces.load()
    if trace[0] is None:
        for layer in LAYERS:
            area.add("ranks_per_token", f"layer {layer}", "", "lower", None, skipped=trace[1])
        return
    assert np.asarray(trace[0]).max() < EXPERTS
    with tempfile.TemporaryDirectory() as folder:
        plan = Planner(area, folder)
        layers = {layer: halves(trace, layer) for layer in LAYERS}
        rule = choose_rule(plan, [planned_on for planned_on, _ in layers.values()])
        area.add("ranks_per_token", "the rule: cap, in thousandths", "", "lower", rule[0])
        area.add(
            "ranks_per_token", "the rule: weight of load that sways, in thousandths", "", "lower", rule[1]
        )
        for layer, both in layers.items():
            measure_layer(area, plan, layer, rule, *both)
