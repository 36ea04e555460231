"""Holds the arrows between the rooms: reads a dependency graph and names each edge that no rule allows.

    bazel cquery --output=graph --nograph:factored ... | layering.py ROOT

The graph comes from `bazel cquery`, which follows the branch of each select that the configuration takes.
ROOT is the workspace: headers of trainer/ and client/ are read for generated protobuf, directly or through ours.
"""

import collections
import os
import re
import sys

# Each room and the rooms it may use directly. A longer name wins: routing/table before routing.
ROOMS = {
    "io": [],
    "data": ["io"],
    "routing": ["io"],
    "routing/table": ["io", "data", "routing"],
    "routing/planning": ["io", "data", "routing", "routing/table"],
    "routing/network": ["io", "data", "routing", "routing/table", "kernels"],
    "kernels": ["io"],
    "proto": ["io", "data", "routing", "routing/table", "routing/planning"],
    "server": ["io", "data", "routing", "routing/table", "routing/planning", "proto"],
    "client": ["io", "data", "routing", "routing/table", "routing/planning", "proto"],
    "trainer": ["io", "data", "routing", "routing/table", "routing/planning", "routing/network", "kernels", "client"],
    "tools": ["io", "data", "routing", "routing/table", "routing/planning", "routing/network", "kernels", "proto",
              "server", "client", "trainer"],
}  # fmt: skip

TORCH = "//third_party/libtorch"
GRPC = "//third_party/grpc"
PROTOBUF = "//third_party/protobuf"

# What a room may not reach, by any path.
UNREACHABLE = {
    "io": [TORCH, GRPC, PROTOBUF],
    "data": [TORCH, GRPC, PROTOBUF],
    "routing": [TORCH, GRPC, PROTOBUF],
    "routing/table": [TORCH, GRPC, PROTOBUF],
    "routing/planning": [TORCH, GRPC, PROTOBUF],
    "routing/network": [GRPC, PROTOBUF],
    "kernels": [TORCH, GRPC, PROTOBUF],
    "proto": [TORCH],
    "server": [TORCH],
    "client": [TORCH],
    "trainer": [GRPC, PROTOBUF],
}

# Where LibTorch and gRPC meet: the trainer's program and the unit by which it chooses where plans come from.
JOINING = re.compile(r"^//trainer:(grouter_trainer|plan_source_factory)$")

# One unit of a room, where another room may not see the whole of it.
ONLY = {("routing/planning", "data"): re.compile(r"^//data:(sample_index|split)")}

PLAIN_HEADERS = ["trainer", "client"]
# A room's own side of the wire: its packages are visible to that room and its tests alone.
WIRE_SIDES = ["client/stream"]
PROTOBUF_INCLUDE = re.compile(r"google/protobuf/|grpcpp/|\.pb\.h$")
INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]', re.MULTILINE)


def parse_graph(text):
    """Edges of cquery's unfactored graph: {label: set of labels}, configurations dropped."""
    edges = collections.defaultdict(set)
    for source, target in re.findall(r'^\s*"([^"]+)" -> "([^"]+)"', text, re.MULTILINE):
        edges[source.split(" ")[0]].add(target.split(" ")[0])
    for node in re.findall(r'^\s*"([^"]+)"\s*$', text, re.MULTILINE):
        edges.setdefault(node.split(" ")[0], set())
    return dict(edges)


def room_of(label):
    """The room of a label, or None for tests, third parties and build tools."""
    if not label.startswith("//"):
        return None
    package = label[2:].split(":")[0]
    for room in sorted(ROOMS, key=len, reverse=True):
        if package == room or package.startswith(room + "/"):
            return room
    return None


def reachable(edges, start):
    """Every label reachable from start, with the label it was reached from."""
    came_from = {start: None}
    waiting = [start]
    while waiting:
        label = waiting.pop()
        for target in sorted(edges.get(label, ())):
            if target not in came_from:
                came_from[target] = label
                waiting.append(target)
    return came_from


def path_to(came_from, label):
    path = []
    while label is not None:
        path.append(label)
        label = came_from[label]
    return " -> ".join(reversed(path))


def package_of(label):
    return label.split(":")[0]


def violations(edges):
    found = []
    for label in sorted(edges):
        room = room_of(label)
        if room is None:
            continue
        for target in sorted(edges[label]):
            other = room_of(target)
            if other is not None and other != room and other not in ROOMS[room]:
                found.append(
                    f"{label} may not depend on {target}: {room} uses only {', '.join(ROOMS[room]) or 'no room'}"
                )
            only = ONLY.get((room, other))
            if only is not None and not only.match(target):
                found.append(
                    f"{label} may not depend on {target}: of {other} it may see the sample index alone"
                )
            if package_of(target).startswith("//tests"):
                found.append(f"{label} may not depend on {target}: production code knows no test")
        if JOINING.match(label):
            continue
        came_from = reachable(edges, label)
        for forbidden in UNREACHABLE.get(room, []):
            hits = sorted(target for target in came_from if package_of(target) == forbidden)
            if hits:
                found.append(f"{label} may not reach {forbidden[2:]}: {path_to(came_from, hits[0])}")
    return found


def header_violations(root):
    """Headers of trainer/ and client/ through which a protobuf or gRPC header is seen."""
    found = []

    def includes(path):
        with open(os.path.join(root, path), encoding="utf-8") as file:
            return INCLUDE.findall(file.read())

    def first_protobuf(path, trail, seen):
        for name in includes(path):
            if PROTOBUF_INCLUDE.search(name):
                return trail + [name]
            if name not in seen and os.path.isfile(os.path.join(root, name)):
                seen.add(name)
                hit = first_protobuf(name, trail + [name], seen)
                if hit:
                    return hit
        return None

    for room in PLAIN_HEADERS:
        for folder, _, names in os.walk(os.path.join(root, room)):
            if os.path.relpath(folder, root) in WIRE_SIDES:
                continue
            for name in sorted(names):
                if not name.endswith(".h"):
                    continue
                path = os.path.relpath(os.path.join(folder, name), root)
                hit = first_protobuf(path, [path], {path})
                if hit:
                    found.append(
                        f"{path} may not show protobuf or gRPC to who includes it: {' -> '.join(hit)}"
                    )
    return found


def main():
    edges = parse_graph(sys.stdin.read())
    if not any(room_of(label) for label in edges):
        sys.exit("layering: the graph names no room; did cquery fail?")
    found = violations(edges) + header_violations(sys.argv[1])
    for line in found:
        print(f"layering: {line}")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
