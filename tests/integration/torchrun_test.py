"""The README's workers started by torchrun, whose `import torch` needs the libraries of the CUDA toolkit."""

import sys
import unittest

sys.path.insert(0, "tests/integration")

from readme import ReadmeWorld  # noqa: E402


class TorchrunTest(unittest.TestCase):
    def test_torchrun_starts_the_workers_that_plain_shells_start(self):
        with ReadmeWorld() as world:
            world.shell("start workers: two plain shells")
            world.shell("start workers: torchrun")
            runs = [
                [line["train_loss"] for line in world.metrics(folder) if "train_loss" in line]
                for folder in ("run", "run_torchrun")
            ]
            self.assertEqual(len(runs[1]), world.steps)
            self.assertEqual(runs[1], runs[0])


if __name__ == "__main__":
    unittest.main()
