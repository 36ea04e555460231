"""Plans over gRPC: a credit-controlled stream, resumed where it broke, and single plans by key."""

import dataclasses
import queue
import time

import grpc

from grouter.v1 import plan_pb2, plan_service_pb2
from grouter_client.credentials import open_channel
from grouter_client.decode import decode_micro_batch, decode_step
from grouter_client.frames import PartReader, read_frames

MIN_GRANT_BYTES = 1 << 20
FINAL_CODES = (
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
)


@dataclasses.dataclass
class Step:
    """One step of one rank: its step part and its micro-batches in order."""

    part: object
    micro_batches: list


def get_plan(server, job_digest, step, rank, timeout_s=10.0, credentials=None):
    """One step's plan by key. Raises grpc.RpcError."""
    with open_channel(server, credentials) as channel:
        # Without a deserializer a response is its bytes, whose frames are read where they lie.
        call = channel.unary_stream(
            "/grouter.v1.PlanService/GetPlan",
            request_serializer=plan_service_pb2.GetPlanRequest.SerializeToString,
        )
        request = plan_service_pb2.GetPlanRequest(job_digest=job_digest, step=step, rank=rank)
        part, micro_batches, parts = None, [], PartReader()
        for message in call(request, timeout=timeout_s):
            for frame in read_frames(message):
                payload = parts.add(frame)
                if payload is None:
                    continue
                if frame.micro_batch is None:
                    part = decode_step(payload)
                else:
                    micro_batches.append(decode_micro_batch(payload))
    return Step(part, micro_batches)


class PlanStream:
    """Iterates over Steps. Not thread-safe. Servers are tried in turn when a stream breaks."""

    def __init__(
        self,
        servers,
        job_digest,
        rank,
        first_step=0,
        window_bytes=32 << 20,
        server_timeout_s=60.0,
        credentials=None,
    ):
        self._servers = [servers] if isinstance(servers, str) else list(servers)
        self._job_digest = job_digest
        self._rank = rank
        self._step = first_step
        self._window = max(window_bytes, MIN_GRANT_BYTES)
        self._server_timeout_s = server_timeout_s
        self._credentials = credentials
        self._server = 0
        self._channel = None
        self._call = None

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        if self._call is not None:
            self._call.cancel()
        if self._channel is not None:
            self._channel.close()
        self._call = self._channel = None

    def _open(self):
        self.close()
        self._channel = open_channel(self._servers[self._server], self._credentials)
        stream_plans = self._channel.stream_stream(
            "/grouter.v1.PlanService/StreamPlans",
            request_serializer=plan_service_pb2.StreamPlansRequest.SerializeToString,
        )
        requests = queue.SimpleQueue()
        first = plan_pb2.PlanPosition(step=self._step)
        opening = plan_service_pb2.OpenPlanStream(job_digest=self._job_digest, rank=self._rank, first=first)
        requests.put(plan_service_pb2.StreamPlansRequest(open=opening, granted_payload_bytes=self._window))
        self._requests = requests
        self._received = 0
        self._granted = self._window
        self._call = stream_plans(iter(requests.get, None))

    def __iter__(self):
        deadline = time.monotonic() + self._server_timeout_s
        wait_s = 0.01
        while True:
            try:
                if self._call is None:
                    self._open()
                for step in self._steps():
                    yield step
                    self._step += 1
                    self._requests.put(self._progress())
                    deadline, wait_s = time.monotonic() + self._server_timeout_s, 0.01
                return
            except grpc.RpcError as error:
                if error.code() in FINAL_CODES or time.monotonic() > deadline:
                    raise
                self._server = (self._server + 1) % len(self._servers)
                self.close()
                time.sleep(wait_s)
                wait_s = min(2 * wait_s, 0.5)

    def _progress(self):
        progress = plan_service_pb2.WorkerProgress(finished_step=self._step - 1)
        return plan_service_pb2.StreamPlansRequest(progress=progress)

    def _steps(self):
        part, micro_batches, parts = None, [], PartReader()
        for message in self._call:
            for frame in read_frames(message):
                if frame.micro_batch is None and frame.payload_offset_bytes == 0 and part is not None:
                    yield Step(part, micro_batches)
                    part, micro_batches = None, []
                self._received += len(frame.data)
                payload = parts.add(frame)
                if payload is None:
                    continue
                if frame.micro_batch is None:
                    part = decode_step(payload)
                else:
                    micro_batches.append(decode_micro_batch(payload))
            if self._received + self._window >= self._granted + self._window // 8:
                self._granted = self._received + self._window
                self._requests.put(plan_service_pb2.StreamPlansRequest(granted_payload_bytes=self._granted))
        if part is not None:
            yield Step(part, micro_batches)
