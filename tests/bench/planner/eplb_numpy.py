"""eplb_torch.py in NumPy: the same steps and ties, for machines whose PyTorch has no Python part."""

import numpy as np


def pack(weight, packs):
    rows, items = weight.shape
    size = items // packs
    if size == 1:
        return np.tile(np.arange(items), (rows, 1)), np.zeros((rows, items), np.int64)
    pack_of = np.empty((rows, items), np.int64)
    place_in = np.empty((rows, items), np.int64)
    order = np.argsort(-weight, axis=1, kind="stable")
    for row in range(rows):
        weights = [0.0] * packs
        counts = [0] * packs
        of_item = weight[row].tolist()
        for item in order[row].tolist():
            lightest = min((p for p in range(packs) if counts[p] < size), key=weights.__getitem__)
            pack_of[row, item] = lightest
            place_in[row, item] = counts[lightest]
            weights[lightest] += of_item[item]
            counts[lightest] += 1
    return pack_of, place_in


def replicate(weight, copies):
    rows, items = weight.shape
    item_of = np.tile(np.arange(copies), (rows, 1))
    count = np.ones((rows, items), np.int64)
    every = np.arange(rows)
    for copy in range(items, copies):
        heaviest = (weight / count).argmax(axis=1)
        item_of[:, copy] = heaviest
        count[every, heaviest] += 1
    return item_of, count


def inverse(permutation):
    return np.argsort(permutation, axis=1)


def rebalance(weight, slots, groups, nodes, gpus):
    """[layers][experts] loads -> phy2log."""
    weight = weight.astype(np.float32)
    if groups % nodes:
        groups, nodes = 1, 1
    layers, experts = weight.shape
    group_size, groups_per_node = experts // groups, groups // nodes
    slots_per_gpu = slots // gpus
    node, place = pack(weight.reshape(layers, groups, group_size).sum(axis=2), nodes)
    first = (node * groups_per_node + place) * group_size
    expert_of_near = inverse((first[:, :, None] + np.arange(group_size)).reshape(layers, experts))
    near_weight = np.take_along_axis(weight, expert_of_near, axis=1).reshape(-1, experts // nodes)
    near_of_copy, near_count = replicate(near_weight, slots // nodes)
    copy_weight = np.take_along_axis(near_weight / near_count, near_of_copy, axis=1)
    gpu, place = pack(copy_weight, gpus // nodes)
    near_of_slot = np.take_along_axis(near_of_copy, inverse(gpu * slots_per_gpu + place), axis=1)
    near_of_slot = near_of_slot.reshape(layers, nodes, -1) + np.arange(0, experts, experts // nodes)[:, None]
    return np.take_along_axis(expert_of_near, near_of_slot.reshape(layers, slots), axis=1)
