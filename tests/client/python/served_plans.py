"""The Python client with stubs of its own, and a real server that knows one job."""

import functools
import importlib.util
import os
import pathlib
import queue
import subprocess
import sys
import tempfile
from unittest import mock

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


class OpenRequests:
    """Requests of a stream that stays open until it is cancelled."""

    def __init__(self):
        self._queue = queue.SimpleQueue()
        self.put = self._queue.put

    def __iter__(self):
        return iter(self._queue.get, None)


class ServedJob:
    """A server with a registered job: its `address`, `owner_address` (a unix socket, where this user may
    do everything), the job's `digest`, and the planner's own `payloads`.

    `arguments` go to the server, `credentials` are the client's, `shape` is make_served_job's. The payloads are those of rank 0's steps 0
    and 1: a step part and its two micro-batches, twice.
    """

    def __init__(self, arguments=(), credentials=None, shape=()):
        self._shape = list(shape)
        self._arguments = list(arguments)
        self._credentials = credentials

    def __enter__(self):
        client = import_client()
        from grouter.v1 import catalog_service_pb2, catalog_service_pb2_grpc

        made = subprocess.run(
            ["tests/testing/serving/make_served_job", *self._shape],
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        first, *payloads = made.stdout.splitlines()
        root, self.digest, request = first.split()
        self.payloads = [bytes.fromhex(line) for line in payloads]
        self._folder = tempfile.TemporaryDirectory(dir="/tmp")  # a socket's path is short
        owner = f"unix:{self._folder.name}/socket"
        self._server = subprocess.Popen(
            ["server/grouter_server", "--root", root, "--listen", "127.0.0.1:0", "--listen", owner]
            + self._arguments,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            self.address = self._server.stdout.readline().split()[-1]
            self.owner_address = self._server.stdout.readline().split()[-1]
            self.http_address = (
                self._server.stdout.readline().split()[-1] if "--http" in self._arguments else ""
            )
            with client.open_channel(self.address, self._credentials) as channel:
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
        self._folder.cleanup()
