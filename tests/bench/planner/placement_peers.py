"""Other ways to place experts, written from the Grouter paper's text and from common practice."""

import numpy as np
from placements import Placed, assign, capacities, score
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import AgglomerativeClustering, KMeans

MAX_ENTROPY = 6.85 / 7  # of the most: the paper's 6.85 bits of log2(128)


def pipeline(counts, places, seed, clusters=100):
    """The paper's: samples' affinities, the even ones left out, k-means++ to 100 clusters, agglomerative (cosine,
    complete linkage) to one a place, experts matched to them. [experts] -> place."""
    affinity = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    entropy = -(affinity * np.log2(np.maximum(affinity, 1e-30))).sum(axis=1)
    kept = affinity[entropy <= MAX_ENTROPY * np.log2(counts.shape[1])]
    kept = kept if len(kept) >= places else affinity
    means = KMeans(min(clusters, len(kept)), n_init=10, random_state=seed).fit(kept)
    unit = means.cluster_centers_ / np.linalg.norm(means.cluster_centers_, axis=1, keepdims=True)
    merging = AgglomerativeClustering(places, linkage="complete", metric="precomputed")
    group = merging.fit_predict(np.clip(1 - unit @ unit.T, 0, 2))[means.labels_]
    centers = np.stack([kept[group == g].mean(axis=0) for g in range(places)])
    place = np.repeat(np.arange(places), capacities(counts.shape[1], places))
    slots, experts = linear_sum_assignment(-centers[place])
    home = np.empty(counts.shape[1], np.int64)
    home[experts] = place[slots]
    return home


def busiest(home, load, places):
    by_place = np.bincount(home, weights=load, minlength=places)
    return by_place.max() / by_place.mean()


class Visits:
    """Tokens of each sample that visit each place, [samples][places], of placements that differ by a swap. An expert's
    tokens are a row of bits, each sample's beginning with a word; a place's are the or of its experts' rows."""

    def __init__(self, samples, places):
        self.places = places
        words = -(-samples.lengths // 64)
        self.first = np.concatenate([[0], np.cumsum(words)])[:-1]
        bits = np.zeros((samples.num_experts, words.sum() * 64), bool)
        at = np.arange(len(samples.ids)) + np.repeat(self.first * 64 - samples.first, samples.lengths)
        bits[samples.ids.T, at] = True
        self.rows = np.packbits(bits, axis=1).view(np.uint64)

    def of_place(self, home, place):
        met = np.bitwise_or.reduce(self.rows[home == place], axis=0)
        return np.add.reduceat(np.bitwise_count(met), self.first, dtype=np.int64)

    def of(self, home):
        return np.stack([self.of_place(home, place) for place in range(self.places)], axis=1)


def fewest(visits, per_place=8):
    """Copies that leave their place, the samples assigned exactly."""
    cost = visits.sum(axis=1, keepdims=True) - visits
    return cost[np.arange(len(cost)), assign(cost, per_place * visits.shape[1])].sum()


def swapped_down(home, samples, places, cap):
    """Swaps until busiest / mean is at most `cap`: each time the swap that lowers it most per copy added."""
    home = home.copy()
    now = busiest(home, samples.load, places)
    if now <= cap:
        return home
    counter = Visits(samples, places)
    tokens = samples.lengths.sum()
    copies = fewest(counter.of(home)) / tokens
    assert abs(copies - score(Placed.of_homes(home, places), samples)[0]) < 1e-9
    while now > cap:
        visits = counter.of(home)
        best = None
        for a in range(len(home)):
            for b in range(a + 1, len(home)):
                if home[a] == home[b]:
                    continue
                other = home.copy()
                other[a], other[b] = home[b], home[a]
                after = busiest(other, samples.load, places)
                if after >= now - 1e-12:
                    continue
                changed = visits.copy()
                for place in (home[a], home[b]):
                    changed[:, place] = counter.of_place(other, place)
                added = fewest(changed) / tokens
                worth = (now - after) / max(added - copies, 1e-9)
                if best is None or worth > best[0]:
                    best = (worth, other, after, added)
        if best is None:
            break
        _, home, now, copies = best
    return home


def random_home(num_experts, places, seed):
    return np.random.default_rng(seed).permutation(
        np.repeat(np.arange(places), capacities(num_experts, places))
    )


def plain_swaps(samples, places, seed):
    """From a random balanced start the best swap on (share of co-activation within places) - (busiest / mean - 1)^2
    until none helps."""
    experts = samples.num_experts
    active = np.zeros((len(samples.ids), experts), np.float32)
    np.put_along_axis(active, samples.ids, 1, axis=1)
    together = (active.T @ active).astype(np.float64)
    np.fill_diagonal(together, 0)
    together /= together.sum()
    home = random_home(experts, places, seed)

    def value():
        within = together[home[:, None] == home[None]].sum()
        return within - (busiest(home, samples.load, places) - 1) ** 2

    now = value()
    while True:
        best = None
        for a in range(experts):
            for b in range(a + 1, experts):
                if home[a] == home[b]:
                    continue
                home[a], home[b] = home[b], home[a]
                after = value()
                home[a], home[b] = home[b], home[a]
                if after > now + 1e-12 and (best is None or after > best[0]):
                    best = (after, a, b)
        if best is None:
            return home
        now, a, b = best
        home[a], home[b] = home[b], home[a]
