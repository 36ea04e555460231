"""The README's three uses, run as they stand there: launch the server, start workers, query statistics."""

import sys
import unittest

sys.path.insert(0, "tests/integration")

from readme import ReadmeWorld  # noqa: E402
from world import free_port  # noqa: E402


class ThreeUsesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = ReadmeWorld()
        cls.addClassCleanup(cls.world.__exit__)
        cls.world.make()

    def test_1_two_plain_shells_train_by_the_servers_plans(self):
        self.world.shell("start workers: two plain shells")
        steps = [line for line in self.world.metrics("run") if "train_loss" in line]
        self.assertEqual([line["step"] for line in steps], list(range(self.world.steps)))

    def test_2_statistics_are_asked_for_with_grpcurl(self):
        out = self.world.shell(
            "query statistics with grpcurl"
            ' (with a token instead: -H "authorization: Bearer $(cat certs/client.token)")'
        )
        for expected in (
            "grouter.v1.CatalogService",
            "grouter.v1.StatsService",
            "rpc GetStats",
            "num_tokens",
            "rows_between_ranks",
            "expert_load",
        ):
            self.assertIn(expected, out)

    def test_3_slurms_variables_name_a_rank(self):
        port = free_port()
        ranks = []
        for rank in range(2):
            environment = {
                "SLURM_PROCID": str(rank),
                "SLURM_NTASKS": "2",
                "SLURM_LOCALID": str(rank),
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
                "OMP_NUM_THREADS": "1",
                "GROUTER_TLS_CA": "certs/ca.pem",
                "GROUTER_TOKEN_FILE": "certs/client.token",
            }
            ranks.append(
                self.world.start(
                    "grouter_trainer",
                    "--config",
                    "config/table.json",
                    "--server",
                    f"127.0.0.1:{self.world.server_port}",
                    "--out",
                    "run_slurm",
                    environment=environment,
                    name=f"slurm{rank}",
                )
            )
        for process in ranks:
            self.assertEqual(process.wait(timeout=120), 0, process.log.read_text())
        self.assertEqual(self.world.metrics("run_slurm")[-1]["step"] // self.world.steps, 1)


if __name__ == "__main__":
    unittest.main()
