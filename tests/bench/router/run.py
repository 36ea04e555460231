"""Routing: tokens a second of the router network on two threads, for the demo's router and a larger one."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import rows

# hidden, blocks, mlp, experts, k, length
SHAPES = {
    "demo: hidden 64, 1 block, 32 experts": (64, 1, 176, 32, 4, 256),
    "hidden 128, 2 blocks, 32 experts": (128, 2, 352, 32, 4, 512),
}
SAMPLES = {True: 400, False: 2000}  # by --quick


def tokens_per_second(binary, shape, samples):
    command = [binary, *map(str, shape), str(samples), "2"]
    result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return result["tokens"] / result["seconds"]


def main():
    area = rows.Area("router", __doc__)
    binary = os.path.join(rows.build("//tests/bench/router:route_rate"), "tests/bench/router/route_rate")
    for case, shape in SHAPES.items():
        ours = [tokens_per_second(binary, shape, SAMPLES[area.quick]) for _ in range(3)]
        bar = rows.Bar("value", 100_000) if case.startswith("demo") else None
        area.add("route_rate", f"{case}, 2 threads", "tokens/s", "higher", ours, bar=bar)
    return area.finish()


if __name__ == "__main__":
    sys.exit(main())
