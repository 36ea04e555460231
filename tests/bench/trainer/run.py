"""Training: tokens a second of whole steps, two ranks over Gloo with a thread each, by plans and with a learned router.

The peer is the same trainer with a learned router and an exchange of counts per layer, on the same samples.
"""

import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import rows  # noqa: E402


def main():
    area = rows.Area("trainer", __doc__)
    program = os.path.join(rows.build("//tests/bench/trainer:train_rate"), "tests/bench/trainer/train_rate")
    ours, learned = [], []
    for _ in range(1 if area.quick else 3):
        with tempfile.TemporaryDirectory() as folder:
            output = subprocess.run(
                [program, "--steps", "6" if area.quick else "20", "--folder", os.path.join(folder, "run")],
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            ).stdout
        for line in output.splitlines():
            row = json.loads(line)
            (ours if row["mode"] == "plan" else learned).append(row["tokens_per_s"])
    area.add(
        "train_rate",
        "2 ranks, hidden 128, 4 layers, 16 experts k 4, vocabulary 8192",
        "tokens/s",
        "higher",
        ours,
        peer=learned,
        peer_name="learned router, counts exchanged",
    )
    return area.finish()


if __name__ == "__main__":
    sys.exit(main())
