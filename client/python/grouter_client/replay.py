"""Rollout routing replay: captured routes to a routing server, and a trainer rank's slice of them back.

ingest(server, "actor", batch, routed_experts)      # after a rollout: one array a sample, as vLLM returns them
piece = get_slice(server, "actor", batch, data_parallel=(rank, size), layer_groups=(first, count))
piece.routed_experts(0)                             # [local tokens, layers, k] int32, -1: no route
"""

import dataclasses
import time

import grpc
import numpy as np

from grouter.v1 import plan_pb2, replay_pb2, replay_service_pb2, replay_service_pb2_grpc
from grouter_client.credentials import open_channel

MESSAGE_BYTES = 1 << 20
WEIGHT_DTYPE = np.dtype("<f4")


def ingest(
    server,
    series,
    batch,
    routed_experts,
    num_experts,
    weights=None,
    lengths=None,
    per_token_k=False,
    autoregressive=True,
    timeout_s=120.0,
    channel=None,
):
    """Seals one batch; returns the server's ReplayBatch. Raises grpc.RpcError.

    routed_experts: [samples] of integer arrays [tokens, layers, k], negative ids: no route. lengths: tokens of
    each sample where that is more than its array has (the last token of a rollout was never fed).
    """
    arrays = [np.ascontiguousarray(array, dtype="<i4") for array in routed_experts]
    _, layers, k = arrays[0].shape
    shape = replay_pb2.ReplayShape(
        num_experts=num_experts,
        k=k,
        num_layer_groups=layers,
        per_token_k=per_token_k,
        has_weights=weights is not None,
        ids=replay_pb2.CAPTURED_IDS_INT32,
        lengths=lengths if lengths is not None else [len(array) for array in arrays],
        autoregressive=autoregressive,
    )

    def messages():
        opening = replay_service_pb2.IngestOpen(series=series, batch=batch, shape=shape)
        yield replay_service_pb2.IngestBatchRequest(open=opening)
        rows = max(1, MESSAGE_BYTES // (layers * k * (8 if weights is not None else 4)))
        for sample, ids in enumerate(arrays):
            for first in range(0, max(len(ids), 1), rows):
                routes = replay_pb2.CapturedRoutes(sample=sample, first_token=first)
                routes.num_tokens = len(ids[first : first + rows])
                routes.ids = ids[first : first + rows].tobytes()
                if weights is not None:
                    part = np.asarray(weights[sample], WEIGHT_DTYPE)[first : first + rows]
                    routes.weights = part.tobytes()
                yield replay_service_pb2.IngestBatchRequest(routes=[routes])
        yield replay_service_pb2.IngestBatchRequest(seal=True)

    with channel or open_channel(server) as opened:
        stub = replay_service_pb2_grpc.ReplayServiceStub(opened)
        return stub.IngestBatch(messages(), timeout=timeout_s).batch


@dataclasses.dataclass
class Slice:
    """One rank's part of a batch. Planes are views of the messages they came in."""

    table_digest: str
    num_experts: int
    k: int
    id_dtype: np.dtype
    samples: list  # their numbers in the batch, in order
    local_tokens: list  # of each sample, padding included
    layer_groups: range
    pieces: list  # ReplayPiece messages

    def routed_experts(self, i):
        """[local tokens, layer groups, k] int32 of the i-th sample; -1 where there is no route."""
        first, layers = self.layer_groups.start, len(self.layer_groups)
        ids = np.full((self.local_tokens[i], layers, self.k), -1, np.int32)
        for piece in self.pieces_of(i):
            local = slice(piece.first_local_token, piece.first_local_token + piece.num_tokens)
            ids[local, piece.layer_group - first] = self.ids(piece)
        return ids

    def ids(self, piece):
        """[tokens, k] int32 of one piece; -1 where there is no route."""
        ids = np.frombuffer(piece.ids, self.id_dtype).reshape(-1, self.k).astype(np.int32)
        if piece.num_topk:
            counts = np.frombuffer(piece.num_topk, np.uint8)
            ids[np.arange(self.k) >= counts[:, None]] = -1
        if piece.missing:
            bits = np.unpackbits(np.frombuffer(piece.missing, np.uint8), bitorder="little")
            ids[bits[: piece.num_tokens].astype(bool)] = -1
        return ids

    def pieces_of(self, i):
        per_sample = {}
        for piece in self.pieces:
            per_sample.setdefault(piece.sample, []).append(piece)
        return per_sample.get(self.samples[i], [])


def get_slice(
    server,
    series,
    batch,
    samples=None,
    data_parallel=(0, 1),
    micro_batch=(0, 1),
    context_parallel=(0, 1),
    sequence_parallel=(0, 1),
    pad_multiple=0,
    layer_groups=(0, 0),
    table_digest="",
    wait_s=60.0,
    timeout_s=60.0,
    channel=None,
):
    """The slice of one rank: pairs are (rank, size), layer_groups (first, count; 0: all).

    samples: their numbers in the batch, instead of the even split. Waits up to wait_s for the batch to be
    sealed. Raises grpc.RpcError.
    """
    request = replay_service_pb2.GetSliceRequest(series=series, batch=batch, table_digest=table_digest)
    if samples is not None:
        request.sample_list.samples.extend(samples)
    else:
        request.even_split.data_parallel_rank, request.even_split.data_parallel_size = data_parallel
        request.even_split.micro_batch, request.even_split.num_micro_batches = micro_batch
    split = request.token_split
    split.context_parallel_rank, split.context_parallel_size = context_parallel
    split.sequence_parallel_rank, split.sequence_parallel_size = sequence_parallel
    split.pad_multiple = pad_multiple
    request.layer_groups.CopyFrom(plan_pb2.LayerGroupRange(first=layer_groups[0], count=layer_groups[1]))
    deadline = time.monotonic() + wait_s
    with channel or open_channel(server) as opened:
        stub = replay_service_pb2_grpc.ReplayServiceStub(opened)
        while True:
            try:
                return _read(stub.GetSlice(request, timeout=timeout_s))
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.NOT_FOUND or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)


def _read(responses):
    head, pieces = None, []
    for response in responses:
        if response.HasField("head"):
            head = response.head
        pieces.extend(response.pieces)
    first, count = head.layer_groups.first, head.layer_groups.count
    return Slice(
        head.table_digest,
        head.num_experts,
        head.k,
        np.dtype("<u2" if head.id_bytes == 2 else "u1"),
        list(head.samples),
        list(head.local_tokens),
        range(first, first + count),
        pieces,
    )
