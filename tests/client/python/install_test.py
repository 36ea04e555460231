"""The Python client as pip installs it from a checkout, in a process that has nothing else of the project."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from tests.client.python import served_plans

PROGRAM = """
import sys
import grouter_client
address, digest = sys.argv[1:]
with grouter_client.PlanStream(address, digest, rank=0) as stream:
    step = next(iter(stream))
    print(grouter_client.__file__, len(step.micro_batches), step.micro_batches[0].layer_groups[0].topk_ids(0).shape[1])
"""


class InstallTest(unittest.TestCase):
    def test_pip_installs_it_from_a_checkout_and_it_reads_plans(self):
        folder = pathlib.Path(tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR")))
        for name in ("client/python", "proto"):
            shutil.copytree(name, folder / "checkout" / name)
        environment = dict(os.environ, PIP_NO_INDEX="1", PIP_DISABLE_PIP_VERSION_CHECK="1")
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
            + ["--target", folder / "installed", folder / "checkout/client/python"],
            check=True,
            env=environment,
        )
        with served_plans.ServedJob() as job:
            done = subprocess.run(
                [sys.executable, "-c", PROGRAM, job.address, job.digest],
                check=True,
                stdout=subprocess.PIPE,
                text=True,
                cwd=folder,
                env=dict(environment, PYTHONPATH=str(folder / "installed")),
            )
        where, micro_batches, k = done.stdout.split()
        self.assertEqual(pathlib.Path(where).parent, folder / "installed/grouter_client")
        self.assertEqual((micro_batches, k), ("2", "2"))


if __name__ == "__main__":
    unittest.main()
