"""One node's experts and samples placed together, against HiGHS on instances that a solver of integer programs can take."""

import json
import os
import subprocess

import highspy
import numpy as np
import rows

REMOTE_COST, BUSY_COST = 1, 4
ITERATIONS = 400_000
SOLVED = {"2 x 16 x 2": (2, 16, 2), "4 x 32 x 4": (4, 32, 4)}
WHOLE = (8, 128, 8)


def instance(samples, experts, seed):
    """Pairs of each sample and expert: a common part by Zipf's law, a part by the sample's topic."""
    random = np.random.default_rng(seed)
    common = random.permutation(1.0 / np.arange(1, experts + 1))
    pairs = np.empty((samples, experts), np.int64)
    for sample in range(samples):
        topic = random.permutation(1.0 / np.arange(1, experts + 1))
        share = common / common.sum() + topic / topic.sum()
        pairs[sample] = random.multinomial(4096 * 8, share / share.sum())
    return pairs


def cost_of(pairs, rank_of_sample, rank_of_expert, ranks):
    """The scorer: remote pairs and the busiest rank's, weighed; capacities checked."""
    rank_of_sample, rank_of_expert = np.array(rank_of_sample), np.array(rank_of_expert)
    assert (np.bincount(rank_of_sample, minlength=ranks) == len(pairs) // ranks).all()
    assert (np.bincount(rank_of_expert, minlength=ranks) == pairs.shape[1] // ranks).all()
    remote = pairs[rank_of_sample[:, None] != rank_of_expert[None, :]].sum()
    busiest = np.bincount(rank_of_expert, weights=pairs.sum(axis=0), minlength=ranks).max()
    return int(REMOTE_COST * remote + BUSY_COST * busiest)


def ours(area, pairs, ranks, rounds):
    command = ["taskset", "-c", str(max(os.sched_getaffinity(0)))]
    command += [os.path.join(area.folder, "tests/bench/planner/joint_node")]
    command += [str(n) for n in (*pairs.shape, ranks, REMOTE_COST, BUSY_COST, ITERATIONS, rounds)]
    text = "\n".join(map(str, pairs.ravel().tolist()))
    answer = json.loads(
        subprocess.run(command, input=text, check=True, capture_output=True, text=True).stdout
    )
    assert answer["cost"] == cost_of(pairs, answer["rank_of_sample"], answer["rank_of_expert"], ranks)
    assert answer["lower_bound"] <= answer["cost"]
    return answer


def highs(pairs, ranks, seconds):
    """(cost of the best found, whether it is proven): x[s,r], y[e,r] binary, z[s,e,r] <= both, T >= every rank's load."""
    samples, experts = pairs.shape
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("time_limit", float(seconds))
    solver.setOptionValue("mip_rel_gap", 0.0)
    solver.setOptionValue("mip_abs_gap", 0.5)
    x = [[solver.addBinary() for _ in range(ranks)] for _ in range(samples)]
    y = [[solver.addBinary() for _ in range(ranks)] for _ in range(experts)]
    busiest = solver.addVariable(lb=0)
    local = []
    for s in range(samples):
        solver.addConstr(sum(x[s]) == 1)
    for e in range(experts):
        solver.addConstr(sum(y[e]) == 1)
    load = pairs.sum(axis=0)
    for r in range(ranks):
        solver.addConstr(sum(x[s][r] for s in range(samples)) == samples // ranks)
        solver.addConstr(sum(y[e][r] for e in range(experts)) == experts // ranks)
        solver.addConstr(sum(int(load[e]) * y[e][r] for e in range(experts)) <= busiest)
        for s in range(samples):
            for e in range(experts):
                if pairs[s, e] == 0:
                    continue
                both = solver.addVariable(lb=0, ub=1)
                solver.addConstr(both <= x[s][r])
                solver.addConstr(both <= y[e][r])
                local.append(int(pairs[s, e]) * both)
    remote = int(pairs.sum()) - sum(local)
    solver.minimize(REMOTE_COST * remote + BUSY_COST * busiest)
    values = solver.getSolution().col_value
    if not values or solver.getInfo().primal_solution_status != 2:
        return None, False
    rank_of_sample = [max(range(ranks), key=lambda r: values[x[s][r].index]) for s in range(samples)]
    rank_of_expert = [max(range(ranks), key=lambda r: values[y[e][r].index]) for e in range(experts)]
    proven = solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return cost_of(pairs, rank_of_sample, rank_of_expert, ranks), proven


def measure(area):
    seconds = 10 if area.quick else 60
    for name, (samples, experts, ranks) in SOLVED.items():
        mine, theirs, optimal = [], [], 0
        # HiGHS takes all its time where it proves nothing: one of those in quick runs.
        for seed in range((2 if ranks == 2 else 1) if area.quick else 5):
            pairs = instance(samples, experts, seed)
            answer = ours(area, pairs, ranks, 1)
            cost, proven = highs(pairs, ranks, seconds)
            if cost is None:
                continue
            # "Never worse" holds for each instance, so the worst of them is the row.
            mine.append(answer["cost"])
            theirs.append(cost)
            optimal += proven
            assert not proven or answer["cost"] >= cost, "less than a proven optimum"
        if not mine:
            area.add(
                "joint_node", name, "cost", "lower", None, peer_name="HiGHS", skipped="no solution in time"
            )
            continue
        worst = max(range(len(mine)), key=lambda i: mine[i] / theirs[i])
        area.add(
            "joint_node",
            f"{name}, worst of {len(mine)}, {optimal} proven",
            "cost",
            "lower",
            mine[worst],
            peer=theirs[worst],
            peer_name=f"HiGHS, {seconds} s",
            bar=rows.Bar("peer", 1.0),
        )
    samples, experts, ranks = WHOLE
    answers = [ours(area, instance(samples, experts, seed), ranks, 5) for seed in range(5)]
    area.add(
        "joint_node",
        "8 x 128 x 8, 1 core",
        "ms",
        "lower",
        [ms for answer in answers for ms in answer["ms"]],
        bar=rows.Bar("value", 5, below=True),
    )
    area.add(
        "joint_node",
        "8 x 128 x 8, cost",
        "cost",
        "lower",
        [answer["cost"] for answer in answers],
        limit=[answer["lower_bound"] for answer in answers],
        limit_name="remote and busy pairs bounded alone",
    )
