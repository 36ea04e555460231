"""The Python client with stubs of its own, and a real server that knows one job."""

import functools
import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile
from unittest import mock

import grpc

CLIENT = pathlib.Path("client/python")


@functools.cache
def import_client():
    """Puts the client and its stubs, made as its set-up makes them, on sys.path; returns the package."""
    folder = pathlib.Path(tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR")))
    spec = importlib.util.spec_from_file_location("client_setup", CLIENT / "setup.py")
    module = importlib.util.module_from_spec(spec)
    with mock.patch("setuptools.setup"):
        spec.loader.exec_module(module)
    module.PROTO = pathlib.Path("proto").absolute()
    module.make_stubs(folder)
    sys.path[:0] = [str(folder), str(CLIENT.absolute())]
    return importlib.import_module("grouter_client")


class ServedJob:
    """A server with a registered job: its `address`, the job's `digest`, and the planner's own `payloads`.

    The payloads are those of rank 0's steps 0 and 1: a step part and its two micro-batches, twice.
    """

    def __enter__(self):
        import_client()
        from grouter.v1 import catalog_service_pb2, catalog_service_pb2_grpc

        made = subprocess.run(
            ["tests/testing/serving/make_served_job"], stdout=subprocess.PIPE, check=True, text=True
        )
        first, *payloads = made.stdout.splitlines()
        root, self.digest, request = first.split()
        self.payloads = [bytes.fromhex(line) for line in payloads]
        self._server = subprocess.Popen(
            ["server/grouter_server", "--root", root, "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            self.address = self._server.stdout.readline().split()[-1]
            with grpc.insecure_channel(self.address) as channel:
                stub = catalog_service_pb2_grpc.CatalogServiceStub(channel)
                registration = catalog_service_pb2.RegisterJobRequest.FromString(bytes.fromhex(request))
                registered = stub.RegisterJob(registration, timeout=10).job_digest
            if registered != self.digest:
                raise RuntimeError(f"the server knows the job as {registered}, the planner as {self.digest}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *unused):
        self._server.kill()
        self._server.wait()
        self._server.stdout.close()
