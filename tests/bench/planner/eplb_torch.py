"""DeepSeek's expert-parallel load balancer in PyTorch, written from its published description: pack groups to nodes,
replicate the experts with the most load per copy inside each node, pack copies to GPUs; or all of it as one node."""

import torch


def pack(weight, packs):
    """Items of each row to packs of equal size, heaviest first to the lightest pack: (pack, place in it)."""
    rows, items = weight.shape
    size = items // packs
    pack_of = torch.full((rows, items), -1, dtype=torch.int64)
    place_in = torch.full((rows, items), -1, dtype=torch.int64)
    if size == 1:
        pack_of[:] = torch.arange(items)
        place_in[:] = 0
        return pack_of, place_in
    order = weight.float().sort(-1, descending=True).indices
    for row in range(rows):
        weights = [0.0] * packs
        counts = [0] * packs
        for item in order[row].tolist():
            lightest = min((p for p in range(packs) if counts[p] < size), key=weights.__getitem__)
            pack_of[row, item] = lightest
            place_in[row, item] = counts[lightest]
            weights[lightest] += float(weight[row, item])
            counts[lightest] += 1
    return pack_of, place_in


def replicate(weight, copies):
    """Further copies to the item of the greatest weight per copy: (item of each copy, its rank, copies of each item)."""
    rows, items = weight.shape
    item_of = torch.arange(copies).repeat(rows, 1)
    rank = torch.zeros(rows, copies, dtype=torch.int64)
    count = torch.ones(rows, items, dtype=torch.int64)
    every = torch.arange(rows)
    for copy in range(items, copies):
        heaviest = (weight / count).max(dim=-1).indices
        item_of[:, copy] = heaviest
        rank[:, copy] = count[every, heaviest]
        count[every, heaviest] += 1
    return item_of, rank, count


def inverse(permutation):
    out = torch.empty_like(permutation)
    out.scatter_(1, permutation, torch.arange(permutation.shape[1]).expand(permutation.shape))
    return out


def hierarchical(weight, slots, groups, nodes, gpus):
    layers, experts = weight.shape
    group_size, groups_per_node = experts // groups, groups // nodes
    slots_per_gpu = slots // gpus
    # Groups to nodes: experts renumbered so that a node's are one after the other.
    node, place = pack(weight.unflatten(-1, (groups, group_size)).sum(-1), nodes)
    first = (node * groups_per_node + place) * group_size
    near_of_expert = (first.unsqueeze(-1) + torch.arange(group_size)).flatten(-2)
    expert_of_near = inverse(near_of_expert)
    # Copies inside each node.
    near_weight = weight.gather(-1, expert_of_near).view(-1, experts // nodes)
    near_of_copy, rank_of_copy, near_count = replicate(near_weight, slots // nodes)
    # Copies to the node's GPUs.
    copy_weight = (near_weight / near_count).gather(-1, near_of_copy)
    gpu, place = pack(copy_weight, gpus // nodes)
    copy_of_slot = inverse(gpu * slots_per_gpu + place)
    near_of_slot = near_of_copy.gather(-1, copy_of_slot).view(layers, nodes, -1)
    near_of_slot = (near_of_slot + torch.arange(0, experts, experts // nodes).view(1, -1, 1)).flatten(-2)
    phy2log = expert_of_near.gather(-1, near_of_slot)
    rank = rank_of_copy.gather(-1, copy_of_slot).view(layers, -1)
    logcnt = near_count.view(layers, -1).gather(-1, near_of_expert)
    return phy2log, rank, logcnt


def rebalance(weight, slots, groups, nodes, gpus):
    """[layers][experts] loads -> (phy2log, log2phy, logcnt)."""
    weight = weight.float()
    if groups % nodes:
        groups, nodes = 1, 1
    phy2log, rank, logcnt = hierarchical(weight, slots, groups, nodes, gpus)
    layers, experts = weight.shape
    most = int(logcnt.max())
    log2phy = torch.full((layers, experts, most), -1, dtype=torch.int64)
    log2phy.view(layers, -1).scatter_(-1, phy2log * most + rank, torch.arange(slots).expand(layers, -1))
    return phy2log, log2phy, logcnt
