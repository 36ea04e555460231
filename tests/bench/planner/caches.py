"""Residency policies over groups of accesses, to compare with: LRU, LFU, MIN, and everything tried on small cases.

A group is (ids, backward). A group's experts are used one after another, residents first, then the missing by id.
Backward makes an expert dirty; a dirty one that leaves is written back, as is what is dirty at the end. Each returns
(fetches, write-backs)."""

import bisect
import heapq


def walk(groups, capacity, choose, note):
    """Runs a policy: choose(resident) -> victim, note(id, group's number) at each use."""
    resident, dirty = set(), set()
    fetched = written = 0
    for number, (ids, backward) in enumerate(groups):
        missing = [each for each in ids if each not in resident]
        for each in [each for each in ids if each in resident] + missing:
            if each not in resident:
                if len(resident) >= capacity:
                    victim = choose(resident)
                    resident.discard(victim)
                    if victim in dirty:
                        dirty.discard(victim)
                        written += 1
                resident.add(each)
                fetched += 1
            note(each, number)
            if backward:
                dirty.add(each)
    return fetched, written + len(dirty)


def lru(groups, capacity):
    order = {}  # the one used longest ago is first

    def note(each, number):
        order.pop(each, None)
        order[each] = number

    def choose(resident):
        victim = next(iter(order))
        del order[victim]
        return victim

    return walk(groups, capacity, choose, note)


def lfu(groups, capacity):
    """Fewest uses so far leave, among equals the one used longest ago."""
    uses, last, heap, clock = {}, {}, [], 0

    def note(each, number):
        nonlocal clock
        clock += 1
        uses[each] = uses.get(each, 0) + 1
        last[each] = clock
        heapq.heappush(heap, (uses[each], clock, each))

    def choose(resident):
        while True:
            count, when, each = heapq.heappop(heap)
            if each in resident and uses[each] == count and last[each] == when:
                return each

    return walk(groups, capacity, choose, note)


def minimum(groups, capacity):
    """MIN: the one whose next group of use is farthest leaves, ties by id."""
    positions = {}
    for number, (ids, _) in enumerate(groups):
        for each in ids:
            positions.setdefault(each, []).append(number)
    never = len(groups)
    next_use, heap = {}, []

    def note(each, number):
        after = bisect.bisect_right(positions[each], number)
        next_use[each] = positions[each][after] if after < len(positions[each]) else never
        heapq.heappush(heap, (-next_use[each], each))

    def choose(resident):
        while True:
            use, each = heapq.heappop(heap)
            if each in resident and next_use[each] == -use:
                return each

    return walk(groups, capacity, choose, note)


def exhaustive(groups, capacity):
    """Fewest fetches + write-backs over all choices of whom to evict."""
    states = {(frozenset(), frozenset()): 0}
    for ids, backward in groups:
        after = {}
        for (resident, dirty), cost in states.items():
            if backward:
                dirty = dirty | (resident & frozenset(ids))
            now = {(resident, dirty): cost}
            for each in [each for each in ids if each not in resident]:
                later = {}
                for (held, marked), sofar in now.items():
                    for victim in [None] if len(held) < capacity else held:
                        state = (
                            held - {victim} | {each},
                            marked - {victim} | ({each} if backward else set()),
                        )
                        total = sofar + 1 + (victim in marked)
                        later[state] = min(later.get(state, total), total)
                now = later
            for state, total in now.items():
                after[state] = min(after.get(state, total), total)
        states = after
    return min(cost + len(dirty) for (_, dirty), cost in states.items())
