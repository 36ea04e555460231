"""CPU kernels: GB/s on one core, beside LibTorch's operation for the same result; limit: a memcpy of as many bytes."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import rows  # noqa: E402


def main():
    area = rows.Area("kernels", __doc__)
    program = os.path.join(rows.build("//tests/bench/kernels:kernel_rate"), "tests/bench/kernels/kernel_rate")
    rows.pin()
    rounds, tokens = ("3", "1024") if area.quick else ("9", "4096")
    output = subprocess.run(
        [program, "--rounds", rounds, "--tokens", tokens], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    measured = {}
    for line in output.splitlines():
        row = json.loads(line)
        sides = measured.setdefault((row["kernel"], row["case"]), ([], [], []))
        for side, name in zip(sides, ("ours", "torch", "memcpy")):
            side.append(row[name])
    for (kernel, case), (ours, torch, memcpy) in measured.items():
        area.add(
            kernel,
            case,
            "GB/s",
            "higher",
            ours,
            peer=torch,
            peer_name="LibTorch",
            limit=memcpy,
            limit_name="memcpy",
        )
    return area.finish()


if __name__ == "__main__":
    sys.exit(main())
