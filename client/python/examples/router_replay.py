"""Feeds planned routes to Megatron-Core's router replay.

Megatron-Core keeps one RouterReplay per MoE layer; in REPLAY_FORWARD its router takes the top-k indices that
were set for the micro-batch instead of choosing. The indices of all layers come from the plan, so every layer
of a layer group gets the same array. Run: router_replay.py SERVER JOB_DIGEST RANK
"""

import sys

import numpy as np

import grouter_client


def indices_per_layer(plan, layer_group_of_layer):
    """[MoE layers] of int64 [tokens, k], as RouterReplay.set_replay_data takes them."""
    by_group = {group.layer_group: plan.topk_ids(i) for i, group in enumerate(plan.layer_groups)}
    return [np.asarray(by_group[group], dtype=np.int64) for group in layer_group_of_layer]


def replay(indices):
    """Hands the indices to Megatron-Core when it is installed; says so when it is not."""
    try:
        import torch
        from megatron.core.transformer.moe.router_replay import RouterReplay
    except ImportError:
        return "Megatron-Core is not installed"
    RouterReplay.set_replay_data([torch.from_numpy(layer) for layer in indices])
    return "replayed"


def main():
    server, job_digest, rank = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with grouter_client.PlanStream(server.split(","), job_digest, rank) as stream:
        for step in stream:
            for plan in step.micro_batches:
                groups = [group.layer_group for group in plan.layer_groups]
                outcome = replay(indices_per_layer(plan, groups))
            print(f"step {step.part.step}: {len(step.micro_batches)} micro-batches, {outcome}")


if __name__ == "__main__":
    main()
