"""Placements and what they cost, counted from the routes by NumPy alone; our program that makes them."""

import json
import os
import subprocess

import numpy as np
from scipy.optimize import linear_sum_assignment


class Samples:
    """Routes [tokens][k] of samples, one behind the other."""

    def __init__(self, ids, lengths, num_experts):
        self.ids = ids.astype(np.int64)
        self.lengths = np.asarray(lengths, np.int64)
        self.num_experts = num_experts
        self.first = np.concatenate([[0], np.cumsum(self.lengths)])[:-1]
        assert self.lengths.sum() == len(ids) and self.ids.max() < num_experts
        sample = np.repeat(np.arange(len(self.lengths)), self.lengths * ids.shape[1])
        self.counts = np.bincount(
            sample * num_experts + self.ids.ravel(), minlength=len(self.lengths) * num_experts
        ).reshape(-1, num_experts)
        self.load = self.counts.sum(axis=0)

    def write(self, path):
        header = np.array([self.num_experts, self.ids.shape[1], len(self.lengths)], "<u4")
        with open(path, "wb") as out:
            for part in (header, self.lengths.astype("<u4"), self.ids.astype(np.uint8)):
                out.write(part.tobytes())


def read(path):
    content = np.fromfile(path, np.uint8)
    num_experts, k, samples = content[:12].view("<u4")
    lengths = content[12 : 12 + 4 * samples].view("<u4")
    return Samples(content[12 + 4 * samples :].reshape(-1, k), lengths, int(num_experts))


class Placed:
    """Experts at places: held [places][experts], and the home where tokens go whose own place lacks the expert."""

    def __init__(self, held, home):
        self.held, self.home = held, np.asarray(home)
        self.places, self.num_experts = held.shape
        assert held.any(axis=0).all(), "an expert has no slot"
        assert held[self.home, np.arange(self.num_experts)].all(), "a home does not hold its expert"
        place = np.arange(self.places)[:, None]
        self.destination = np.where(held, place, self.home[None])  # [own place][expert]

    @staticmethod
    def of_homes(home, places):
        return Placed(np.asarray(home)[None] == np.arange(places)[:, None], home)

    @staticmethod
    def of_slots(slots, num_experts):
        """From [places][slots] expert ids, EPLB's phy2log; home: the first place."""
        held = np.zeros((len(slots), num_experts), bool)
        for place, experts in enumerate(slots):
            held[place, experts] = True
        return Placed(held, held.argmax(axis=0))

    @staticmethod
    def bits(place, samples):
        """The places of each token's experts, a bit each."""
        of_expert = (1 << place).astype(np.uint8 if place.max() < 8 else np.uint64)
        masks = of_expert[samples.ids[:, 0]]
        for i in range(1, samples.ids.shape[1]):
            masks |= of_expert[samples.ids[:, i]]
        return masks

    def masks(self, samples, own):
        return self.bits(self.destination[own], samples)

    def copies(self, samples):
        """[samples][places]: copies that leave the place if the sample is there."""
        masks = None
        copies = np.empty((len(samples.lengths), self.places), np.int64)
        for own in range(self.places):
            if masks is None or self.held.sum() > self.num_experts:  # with replicas they differ by own place
                masks = self.masks(samples, own)
            copies[:, own] = np.add.reduceat(
                np.bitwise_count(masks & ~masks.dtype.type(1 << own)), samples.first
            )
        return copies

    def visited(self, samples):
        """Distinct places a token's experts sit on, the mean."""
        return float(np.bitwise_count(self.bits(self.home, samples)).mean())

    def busiest(self, samples, own=None):
        """Busiest place / mean; `own`: the place of each sample."""
        load = np.zeros(self.places)
        if own is None:
            np.add.at(load, self.home, samples.load)
        else:
            for place in range(self.places):
                np.add.at(load, self.destination[place], samples.counts[own == place].sum(axis=0))
        return float(load.max() / load.mean())


def capacities(count, places):
    return [count // places + (place < count % places) for place in range(places)]


def assign(cost, batch):
    """The place of each sample: batches in order, each exactly at least cost, capacities even."""
    own = np.zeros(len(cost), np.int64)
    for first in range(0, len(cost), batch):
        part = cost[first : first + batch]
        columns = np.repeat(np.arange(cost.shape[1]), capacities(len(part), cost.shape[1]))
        items, chosen = linear_sum_assignment(part[:, columns])
        own[first + items] = columns[chosen]
    return own


def score(placed, samples, per_place=8):
    """(copies a token, busiest / mean) with samples assigned exactly in batches of `per_place` a place."""
    cost = placed.copies(samples)
    own = assign(cost, per_place * placed.places)
    copies = cost[np.arange(len(cost)), own].sum() / samples.lengths.sum()
    return float(copies), placed.busiest(samples, own)


class Planner:
    """Our program, on one core where it is timed."""

    def __init__(self, area, folder, pinned=True):
        self.pinning = ["taskset", "-c", str(max(os.sched_getaffinity(0)))] if pinned else []
        self.program = os.path.join(area.folder, "tests/bench/planner/place_trace")
        self.folder = folder

    def path(self, name):
        return os.path.join(self.folder, name)

    def __call__(self, *arguments):
        command = [*self.pinning, self.program, *map(str, arguments)]
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout or "null")

    def placed(self, *arguments):
        """(placement, answer)."""
        answer = self(*arguments)
        held = np.zeros((len(answer["experts"]), len(answer["home"])), bool)
        for place, experts in enumerate(answer["experts"]):
            assert len(set(experts)) == len(experts), "an expert has two slots at one place"
            held[place, experts] = True
        return Placed(held, answer["home"]), answer
