"""The worked example of replaying a rollout, against the real server."""

import os
import subprocess
import sys
import unittest

import numpy as np

from tests.client.python import served_plans

client = served_plans.import_client()

EXAMPLE = "client/python/examples/rollout_replay.py"


class RolloutReplayTest(unittest.TestCase):
    def test_a_rank_trains_on_its_slice(self):
        routes = [np.tile(np.arange(2, dtype=np.int32), (tokens, 3, 1)) for tokens in (8, 4)]
        with served_plans.ServedJob() as job:
            client.ingest(job.owner_address, "actor", 12, routes, num_experts=8)
            environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
            environment.update(DP_RANK="0", DP_SIZE="2", CP_RANK="1", CP_SIZE="2", FIRST_LAYER="1")
            done = subprocess.run(
                [sys.executable, EXAMPLE, job.address, "actor", "12"],
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
        self.assertIn("batch 12: 1 samples, 2 layers, 4 tokens", done.stdout)


if __name__ == "__main__":
    unittest.main()
