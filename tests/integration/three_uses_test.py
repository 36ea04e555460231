"""The README's three uses, run as they stand there: launch the server, start workers, query statistics."""

import json
import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, "tests/integration")

from world import DEPS, PROGRAMS, World, free_port  # noqa: E402


def blocks(readme):
    """The shell blocks of the README by the comment line they begin with."""
    found = {}
    for block in re.findall(r"```sh\n(.*?)```", readme, re.DOTALL):
        first, _, rest = block.partition("\n")
        found[first.lstrip("# ").strip()] = rest
    return found


class ThreeUsesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.addClassCleanup(cls.world.__exit__)
        cls.world.make()
        programs = cls.world.folder / "bin"
        programs.mkdir()
        for name, path in PROGRAMS.items():
            (programs / name).symlink_to(path)
        cls.path = {"PATH": f"{programs}:{DEPS / 'bin'}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
        cls.blocks = blocks(Path("README.md").read_text())
        cls.server_port, cls.http_port = free_port(), free_port()
        cls.shell(cls, "make certificates and tokens once, naming the machines that servers run on")
        cls.server = cls.world.start(
            "sh",
            "-c",
            cls.here("launch the server on a head node", prefix="exec "),
            environment=cls.path,
            name="server",
        )
        cls.world.wait_for_address(cls.server)

    @classmethod
    def here(cls, title, prefix=""):
        """The README's block with the ports of this test."""
        text = cls.blocks[title]
        for wrong, right in (("50051", cls.server_port), ("9464", cls.http_port), ("29500", free_port())):
            text = text.replace(wrong, str(right))
        return prefix + text

    def shell(self, title):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.here(title)],
            cwd=self.world.folder,
            text=True,
            env=dict(os.environ, **self.path),
            timeout=120,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        log = self.world.folder / "server.log"
        if done.returncode != 0:
            raise AssertionError(done.stdout + (log.read_text() if log.exists() else ""))
        return done.stdout

    def run_of(self, folder):
        lines = (self.world.folder / folder / "metrics.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def test_1_two_plain_shells_train_by_the_servers_plans(self):
        self.shell("start workers: two plain shells")
        steps = [line for line in self.run_of("run") if "train_loss" in line]
        self.assertEqual([line["step"] for line in steps], list(range(self.world.steps)))

    def test_2_torchrun_starts_the_same_workers(self):
        self.shell("start workers: torchrun")
        steps = [line for line in self.run_of("run_torchrun") if "train_loss" in line]
        self.assertEqual(len(steps), self.world.steps)
        plain = [line for line in self.run_of("run") if "train_loss" in line]
        self.assertEqual([line["train_loss"] for line in steps], [line["train_loss"] for line in plain])

    def test_3_statistics_are_asked_for_with_grpcurl(self):
        out = self.shell(
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

    def test_4_slurms_variables_name_a_rank(self):
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
                    f"127.0.0.1:{self.server_port}",
                    "--out",
                    "run_slurm",
                    environment=environment,
                    name=f"slurm{rank}",
                )
            )
        for process in ranks:
            self.assertEqual(process.wait(timeout=120), 0, process.log.read_text())
        self.assertEqual(self.run_of("run_slurm")[-1]["step"] // self.world.steps, 1)


if __name__ == "__main__":
    unittest.main()
