"""The router-replay example: its arrays, what it hands to Megatron-Core, and a run against the real server."""

import os
import subprocess
import sys
import types
import unittest
from unittest import mock

import numpy as np

from tests.client.python import made_plans, served_plans

client = served_plans.import_client()
EXAMPLES = served_plans.CLIENT / "examples"
sys.path.insert(0, str(EXAMPLES))

import router_replay  # noqa: E402


def plan_of_two_groups():
    groups = [made_plans.group_bytes(g, [made_plans.view_bytes(k=2)]) for g in (0, 3)]
    planes = bytes([1, 2, 3, 4]) + bytes([5, 6, 7, 8])
    return client.decode_micro_batch(
        made_plans.micro_batch_bytes([made_plans.sample_bytes(1, 0, 2)], groups, planes)
    )


def fake_megatron():
    """The modules that the example imports, as stand-ins, and the calls they got."""
    calls = []
    replay = types.SimpleNamespace(set_replay_data=calls.append)
    names = ["megatron", "megatron.core", "megatron.core.transformer", "megatron.core.transformer.moe"]
    modules = {name: types.ModuleType(name) for name in names}
    modules[names[-1] + ".router_replay"] = types.SimpleNamespace(RouterReplay=replay)
    modules["torch"] = types.SimpleNamespace(from_numpy=lambda array: ("tensor", array))
    return modules, calls


class RouterReplayTest(unittest.TestCase):
    def test_layers_of_one_group_get_the_same_indices(self):
        layers = router_replay.indices_per_layer(plan_of_two_groups(), [3, 0, 3])
        self.assertEqual(
            [layer.tolist() for layer in layers], [[[5, 6], [7, 8]], [[1, 2], [3, 4]], [[5, 6], [7, 8]]]
        )
        self.assertEqual({layer.dtype for layer in layers}, {np.dtype(np.int64)})

    def test_a_layer_of_a_group_that_is_not_planned_is_an_error(self):
        with self.assertRaises(KeyError):
            router_replay.indices_per_layer(plan_of_two_groups(), [1])

    def test_megatron_gets_one_tensor_for_each_layer(self):
        modules, calls = fake_megatron()
        layers = router_replay.indices_per_layer(plan_of_two_groups(), [0, 3])
        with mock.patch.dict(sys.modules, modules):
            self.assertEqual(router_replay.replay(layers), "replayed")
        (tensors,) = calls
        self.assertEqual([kind for kind, _ in tensors], ["tensor", "tensor"])
        for (_, array), layer in zip(tensors, layers):
            self.assertIs(array, layer)

    def test_without_megatron_it_says_so(self):
        with mock.patch.dict(sys.modules, {"megatron": None}):
            self.assertEqual(router_replay.replay([]), "Megatron-Core is not installed")

    def test_the_example_reads_every_step_from_a_server(self):
        with served_plans.ServedJob() as job:
            done = subprocess.run(
                [sys.executable, str(EXAMPLES / "router_replay.py"), job.address, job.digest, "0"],
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                check=True,
            )
        lines = done.stdout.splitlines()
        self.assertEqual(len(lines), 6)
        for step, line in enumerate(lines):
            self.assertRegex(line, f"^step {step}: 2 micro-batches, ")


if __name__ == "__main__":
    unittest.main()
