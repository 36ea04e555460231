"""Node copies per token that leave the node: planned on the first half of the real trace, scored on the second, samples
assigned exactly in batches of 8 a node; and how far that assignment is from a lower bound."""

import concurrent.futures
import multiprocessing
import tempfile

import numpy as np
import placement_peers
import rows
import traces
from eplb_numpy import rebalance
from placements import Placed, Planner, assign, capacities, score
from ranks_per_token import EXPERTS, LAYERS, halves
from scipy.optimize import linprog

NODES, ITERATIONS = (2, 4, 8), 400_000
SPARE = {2: 2, 4: 2, 8: 4}
CAP = 1.10
LEAST_SAVING = 0.01  # a peer that saves less counts as this, so that a ratio exists


def below(bound):
    return rows.Bar("value", bound, below=True, timed=False)


class Cell:
    """One number of nodes and one layer."""

    def __init__(self, area, plan, nodes, layer, planned_on, scored_on):
        self.area, self.plan, self.nodes, self.layer = area, plan, nodes, layer
        self.planned_on, self.scored_on = planned_on, scored_on
        planned_on.write(plan.path("routes"))
        homes = [placement_peers.random_home(EXPERTS, nodes, seed) for seed in range(20)]
        self.random = np.mean([self.copies(Placed.of_homes(home, nodes)) for home in homes])

    def copies(self, placed):
        return score(placed, self.scored_on)[0]

    def saving(self, placed):
        return 1 - self.copies(placed) / self.random

    def pipelines(self):
        """Mean savings of the paper's pipeline as it is, and swapped down to the cap."""
        as_it_is, capped = [], []
        for seed in range(5):
            home = placement_peers.pipeline(self.planned_on.counts, self.nodes, seed)
            as_it_is.append(self.saving(Placed.of_homes(home, self.nodes)))
            home = placement_peers.swapped_down(home, self.planned_on, self.nodes, CAP)
            capped.append(self.saving(Placed.of_homes(home, self.nodes)))
        return np.mean(as_it_is), np.mean(capped)

    def ours(self, spare):
        """With replicas load moves with the samples, so the search runs with samples assigned all at once and in the
        batches they come in, and with lower caps: of what holds the cap on the planning half, the fewest copies there."""
        slots = EXPERTS // self.nodes + spare
        batch = ("batch", 8 * self.nodes)
        tries = ((1100, ()), (1100, batch), (1070, batch), (1040, batch)) if spare else ((1100, ()),)
        found = []
        for cap, extra in tries:
            placed, answer = self.plan.placed(
                "search", self.plan.path("routes"), self.nodes, slots, cap, ITERATIONS, *extra
            )
            assert (placed.held.sum(axis=1) == slots).all(), "a node holds too many experts"
            copies, load = score(placed, self.planned_on)
            found.append((load > CAP and load, copies, len(found), placed))
        return min(found)[3]

    def eplb(self, spare):
        slots = self.nodes * (EXPERTS // self.nodes + spare)
        phy2log = rebalance(self.planned_on.load[None].astype(np.float64), slots, 1, 1, self.nodes)
        return Placed.of_slots(phy2log.reshape(self.nodes, -1), EXPERTS)

    def add(self, spare, placed, peers):
        case = f"{self.nodes} nodes, layer {self.layer}, {'replicas' if spare else 'no replicas'}"
        ours = self.saving(placed)
        for name, saving, bar in peers:
            self.area.add(
                "remote_copies",
                case,
                "saved share",
                "higher",
                ours,
                peer=max(saving, LEAST_SAVING),
                peer_name=name
                if saving >= LEAST_SAVING
                else f"{name}: {saving:.3f}, counted as {LEAST_SAVING}",
                bar=rows.Bar("peer", bar) if bar else None,
            )
        self.area.add(
            "remote_copies", f"{case}, copies", "copies/token", "lower", self.copies(placed), peer=self.random,
            peer_name="random",
        )  # fmt: skip
        planned = score(placed, self.planned_on)[1]
        self.area.add("remote_copies", f"{case}, busiest/mean planned", "", "lower", planned, bar=below(CAP))
        held_out = score(placed, self.scored_on)[1]
        self.area.add("remote_copies", f"{case}, busiest/mean held out", "", "lower", held_out)
        return ours


def relaxed_bound(cost):
    """Least cost of fractional assignments, by prices for the capacities (linear programming)."""
    samples, places = cost.shape
    each = np.kron(np.eye(samples), np.ones(places))
    room = np.kron(np.ones(samples), np.eye(places))
    solved = linprog(
        cost.ravel(), A_ub=room, b_ub=capacities(samples, places), A_eq=each, b_eq=np.ones(samples)
    )
    assert solved.status == 0
    return solved.fun


def measure_gap(area, plan, nodes, layer, placed, samples):
    cost = placed.copies(samples)
    with open(plan.path("costs"), "wb") as out:
        out.write(np.array(cost.shape, "<u4").tobytes() + cost.astype("<i8").tobytes())
    own = np.array(plan("assign", plan.path("costs"), 8 * nodes))
    bound = 0
    for first in range(0, len(cost), 8 * nodes):
        part = cost[first : first + 8 * nodes]
        mine = np.bincount(own[first : first + 8 * nodes], minlength=nodes)
        assert mine.tolist() == capacities(len(part), nodes), "a capacity is not met"
        bound += relaxed_bound(part)
    copies = cost[np.arange(len(cost)), own].sum()
    assert copies == cost[np.arange(len(cost)), assign(cost, 8 * nodes)].sum(), (
        "SciPy's assignment costs less"
    )
    area.add(
        "assignment_gap",
        f"{nodes} nodes, layer {layer}",
        "%",
        "lower",
        float(100 * (copies / bound - 1)),
        limit=float(100 * (copies / cost.min(axis=1).sum() - 1)),
        limit_name="gap to no capacities at all, %",
        bar=below(0.5),
    )


class Recorder:
    """Stands for the area in another process: keeps the rows."""

    def __init__(self, folder):
        self.folder, self.rows = folder, []

    def add(self, metric, case, unit, better, ours, **how):
        self.rows.append((metric, case, unit, better, ours, how))


def measure_cell(cell):
    """(rows, our saving over the capped pipeline's)."""
    program_folder, trace, nodes, layer = cell
    area = Recorder(program_folder)
    with tempfile.TemporaryDirectory() as folder:
        plan = Planner(area, folder, pinned=False)
        cell = Cell(area, plan, nodes, layer, *halves(trace, layer))
        as_it_is, capped = cell.pipelines()
        alone = cell.ours(0)
        even = Placed.of_homes(np.arange(EXPERTS) * nodes // EXPERTS, nodes)
        peers = (
            ("capped pipeline", capped, 0.98),
            ("pipeline", as_it_is, None),
            ("EPLB", cell.saving(cell.eplb(0)), None),
            ("in order", cell.saving(even), None),
        )
        ratio = cell.add(0, alone, peers) / max(capped, LEAST_SAVING)
        peers = (
            ("pipeline", as_it_is, 1.3),
            ("EPLB", cell.saving(cell.eplb(SPARE[nodes])), None),
        )
        cell.add(SPARE[nodes], cell.ours(SPARE[nodes]), peers)
        measure_gap(area, plan, nodes, layer, alone, cell.scored_on)
    return area.rows, ratio


def measure(area):
    trace = traces.load()
    if trace[0] is None:
        for metric, unit in (("remote_copies", "saved share"), ("assignment_gap", "%")):
            for nodes in NODES:
                for layer in LAYERS:
                    case = f"{nodes} nodes, layer {layer}"
                    area.add(metric, case, unit, "lower", None, skipped=trace[1])
        return
    # Nothing here is timed, so the cells share the cores.
    cells = [(area.folder, trace, nodes, layer) for nodes in NODES for layer in LAYERS]
    pool = concurrent.futures.ProcessPoolExecutor(
        max_workers=len(area.shares), mp_context=multiprocessing.get_context("fork")
    )
    ratios = []
    with pool:
        for added, ratio in pool.map(measure_cell, cells):
            ratios.append(ratio)
            for metric, case, unit, better, ours, how in added:
                area.add(metric, case, unit, better, ours, **how)
    area.add(
        "remote_copies",
        "geometric mean, no replicas",
        "our saving / peer's",
        "higher",
        float(np.exp(np.mean(np.log(ratios)))),
        peer=1.0,
        peer_name="capped pipeline",
        bar=rows.Bar("peer", 1.4),
    )
