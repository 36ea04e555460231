"""Trains on the routes of a rollout: takes a rank's slice of a sealed batch and feeds Megatron-Core's replay.

The rollout workers sealed the batch with grouter_client.ingest. Here one trainer rank asks for what it works
on: the samples of its data-parallel rank and micro-batch, the tokens of its context-parallel rank, the layers
of its pipeline stage. Run: rollout_replay.py SERVER SERIES BATCH
Ranks come from DP_RANK, DP_SIZE, CP_RANK, CP_SIZE, FIRST_LAYER, NUM_LAYERS; all of it without them.
"""

import os
import sys

import numpy as np

import grouter_client
from router_replay import replay


def indices_per_layer(piece):
    """[layers of this stage] of int64 [tokens of the micro-batch, k], samples one after another.

    A token without a route gets expert 0: its loss mask is 0 where the rollout has no route.
    """
    samples = [piece.routed_experts(i) for i in range(len(piece.samples))]
    tokens = np.concatenate(samples).astype(np.int64)
    return [np.maximum(tokens[:, layer], 0) for layer in range(tokens.shape[1])]


def pair(name):
    return int(os.environ.get(f"{name}_RANK", 0)), int(os.environ.get(f"{name}_SIZE", 1))


def main():
    server, series, batch = sys.argv[1], sys.argv[2], int(sys.argv[3])
    stage = int(os.environ.get("FIRST_LAYER", 0)), int(os.environ.get("NUM_LAYERS", 0))
    piece = grouter_client.get_slice(
        server, series, batch, data_parallel=pair("DP"), context_parallel=pair("CP"), layer_groups=stage
    )
    layers = indices_per_layer(piece)
    sizes = f"{len(piece.samples)} samples, {len(layers)} layers, {len(layers[0])} tokens"
    print(f"batch {batch}: {sizes}, {replay(layers)}")


if __name__ == "__main__":
    main()
