"""The Python client against the real server."""

import importlib.util
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

import grpc
import numpy as np

CLIENT = pathlib.Path("client/python")


def make_stubs():
    folder = pathlib.Path(tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR")))
    source = (CLIENT / "setup.py").read_text().replace("setup(cmdclass", "if __name__ == '__main__': setup(cmdclass")
    script = folder / "setup_module.py"
    script.write_text(source.replace("pathlib.Path(__file__).resolve().parent", f"pathlib.Path({str(CLIENT.absolute())!r})"))
    spec = importlib.util.spec_from_file_location("setup_module", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.make_stubs(folder)
    return folder


class PythonClientTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        sys.path[:0] = [str(make_stubs()), str(CLIENT)]
        lines = subprocess.run(["tests/testing/serving/make_served_job"], stdout=subprocess.PIPE, check=True, text=True)
        first, *payloads = lines.stdout.splitlines()
        root, cls.digest, request = first.split()
        cls.payloads = [bytes.fromhex(line) for line in payloads]
        cls.server = subprocess.Popen(
            ["server/grouter_server", "--root", root, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True
        )
        cls.address = cls.server.stdout.readline().split()[-1]
        from grouter.v1 import catalog_service_pb2, catalog_service_pb2_grpc

        with grpc.insecure_channel(cls.address) as channel:
            stub = catalog_service_pb2_grpc.CatalogServiceStub(channel)
            registration = catalog_service_pb2.RegisterJobRequest.FromString(bytes.fromhex(request))
            response = stub.RegisterJob(registration, timeout=10)
        assert response.job_digest == cls.digest

    @classmethod
    def tearDownClass(cls):
        cls.server.kill()
        cls.server.wait()
        cls.server.stdout.close()

    def test_a_plan_by_key_is_the_planners(self):
        import grouter_client

        step = grouter_client.get_plan(self.address, self.digest, 1, 0)
        self.assertEqual(step.part, grouter_client.decode_step(self.payloads[3]))
        self.assertEqual(step.part.step, 1)
        self.assertEqual(len(step.micro_batches), 2)
        expected = grouter_client.decode_micro_batch(self.payloads[4])
        self.assertEqual(step.micro_batches[0].samples, expected.samples)
        np.testing.assert_array_equal(step.micro_batches[0].topk_ids(1), expected.topk_ids(1))

    def test_the_stream_gives_every_step_in_order(self):
        import grouter_client

        with grouter_client.PlanStream(["127.0.0.1:1", self.address], self.digest, rank=1) as stream:
            steps = list(stream)
        self.assertEqual([step.part.step for step in steps], list(range(6)))
        for step in steps:
            for plan in step.micro_batches:
                sent = sum(int(chunk.send_splits.sum()) for group in plan.layer_groups for chunk in group.chunks)
                received = sum(int(chunk.recv_counts.sum()) for group in plan.layer_groups for chunk in group.chunks)
                self.assertGreater(sent, 0)
                self.assertEqual(received, plan.num_pairs_received)
                self.assertEqual(plan.topk_ids(0).shape, (plan.num_tokens, 2))

    def test_arrays_are_views_of_the_payload(self):
        import grouter_client

        plan = grouter_client.decode_micro_batch(self.payloads[1])
        ids = plan.layer_groups[0].topk_ids(0)
        self.assertFalse(ids.flags.owndata)
        self.assertFalse(ids.flags.writeable)

    def test_past_the_end_is_an_error(self):
        import grouter_client

        with self.assertRaises(grpc.RpcError) as caught:
            grouter_client.get_plan(self.address, self.digest, 6, 0)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.OUT_OF_RANGE)

    def test_cut_payloads_are_errors(self):
        import grouter_client

        for cut in range(0, len(self.payloads[1]), 97):
            with self.assertRaises((ValueError, struct.error)):
                grouter_client.decode_micro_batch(self.payloads[1][:cut])

    def test_the_example_feeds_a_router_replay(self):
        done = subprocess.run(
            [sys.executable, str(CLIENT / "examples/router_replay.py"), self.address, self.digest, "0"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self.assertEqual(done.returncode, 0)
        self.assertIn("step 5", done.stdout)


if __name__ == "__main__":
    unittest.main()
