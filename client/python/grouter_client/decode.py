"""Decodes plan payloads (docs/plan_format.md) into dataclasses whose arrays are views of the payload."""

import dataclasses
import functools
import struct

import numpy as np

STEP_MAGIC = 0x50535247
MICRO_BATCH_MAGIC = 0x504D5247
VERSION = 1
WEIGHT_DTYPES = {0: None, 1: np.dtype("<f4"), 2: np.dtype("<u2"), 3: np.dtype("<f2")}  # bfloat16 as its bits


class Checksum:
    """CRC-32C over many lanes at once, as NumPy is quick at: every lane takes a byte at a time, then they are joined.

    A register after n zero bytes is a linear map of the register before, so that a lane is moved to its place by one.
    """

    TABLE = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        TABLE = np.where(TABLE & 1, (TABLE >> 1) ^ np.uint32(0x82F63B78), TABLE >> 1).astype(np.uint32)

    @staticmethod
    def apply(images, registers):
        """The linear map with these images of the 32 bits."""
        moved = np.zeros_like(registers)
        for bit in range(32):
            moved ^= images[bit] * ((registers >> np.uint32(bit)) & np.uint32(1))
        return moved

    @classmethod
    @functools.lru_cache(maxsize=256)
    def over_zeros(cls, num_bytes):
        images = np.uint32(1) << np.arange(32, dtype=np.uint32)
        power = cls.TABLE[images & 255] ^ (images >> 8)  # one byte
        while num_bytes:
            if num_bytes & 1:
                images = cls.apply(power, images)
            power = cls.apply(power, power)
            num_bytes >>= 1
        return images

    @classmethod
    def of(cls, data):
        data = np.frombuffer(data, np.uint8)
        lanes = 1
        while lanes < 4096 and lanes * 128 < data.size:
            lanes *= 2
        span = max(1, -(-data.size // lanes))
        padded = np.zeros(lanes * span, np.uint8)  # zeros before the data leave an empty register empty
        padded[padded.size - data.size :] = data
        registers = np.zeros(lanes, np.uint32)
        for column in np.ascontiguousarray(padded.reshape(lanes, span).T):
            registers = cls.TABLE[(registers ^ column) & 255] ^ (registers >> 8)
        while registers.size > 1:
            registers = cls.apply(cls.over_zeros(span), registers[0::2]) ^ registers[1::2]
            span *= 2
        start = cls.apply(cls.over_zeros(data.size), np.array([0xFFFFFFFF], np.uint32))
        return int(registers[0] ^ start[0]) ^ 0xFFFFFFFF


class Reader:
    def __init__(self, payload):
        self._payload = payload
        self.offset = 0

    def take(self, layout):
        values = struct.unpack_from("<" + layout, self._payload, self.offset)
        self.offset += struct.calcsize("<" + layout)
        return values if len(values) > 1 else values[0]

    def array(self, dtype, count):
        values = np.frombuffer(self._payload, dtype, count, self.offset)
        self.offset += values.nbytes
        return values

    def counted(self, dtype="<u4"):
        return self.array(dtype, self.take("Q"))


@dataclasses.dataclass
class StepPart:
    step: int
    num_steps: int
    placement_epoch: int
    first_sample_position: int
    num_samples: int
    sample_list_digest: str
    num_loss_tokens: int
    num_tokens: int


@dataclasses.dataclass
class PlannedSample:
    table: int
    sample: int
    first_token: int
    length: int
    num_loss_tokens: int
    token_crc32c: int


@dataclasses.dataclass
class RouteView:
    """Routes of one sample in one layer group; arrays are views of the payload."""

    topk_ids: np.ndarray = None  # [tokens, k] u8 or u16
    topk_weights: np.ndarray = None  # [tokens, k] f4, f2 or bfloat16's bits as u2; None: live gates
    num_topk: np.ndarray = None  # [tokens] u8; None: k for every token
    missing: np.ndarray = None  # bitmap, bit first_bit + t; None: none missing
    first_bit: int = 0


@dataclasses.dataclass
class ChunkPlan:
    first_token: int
    num_tokens: int
    send_splits: np.ndarray
    recv_splits: np.ndarray
    recv_counts: np.ndarray  # [source, local slot]
    forward_send_splits: np.ndarray
    forward_recv_splits: np.ndarray
    quotas: np.ndarray  # [n, 3]: expert, global slot, tokens
    aligned_rows: int
    peak_bytes: int

    @property
    def num_tokens_per_expert(self):
        return self.recv_counts.sum(axis=0)


@dataclasses.dataclass
class LayerGroupPlan:
    layer_group: int
    routes: list
    chunks: list

    def topk_ids(self, sample):
        return self.routes[sample].topk_ids


@dataclasses.dataclass
class MicroBatchPlan:
    step: int
    rank: int
    micro_batch: int
    num_tokens: int
    samples: list
    layer_groups: list
    routes_crc32c: int
    num_pairs_sent: int
    num_pairs_received: int

    def topk_ids(self, layer_group=0):
        """[tokens of the micro-batch, k]: copied only when the micro-batch has several samples."""
        views = [route.topk_ids for route in self.layer_groups[layer_group].routes]
        return views[0] if len(views) == 1 else np.concatenate(views) if views else np.zeros((0, 0), np.uint8)


def check_head(reader, magic):
    found, version = reader.take("II")
    if found != magic:
        raise ValueError("not a plan payload of this kind")
    if version != VERSION:
        raise ValueError(f"plan format {version}; this client reads {VERSION}")


def decode_step(payload):
    reader = Reader(payload)
    check_head(reader, STEP_MAGIC)
    step, num_steps, epoch, position, samples = reader.take("QQIQI")
    digest = bytes(reader.array(np.uint8, 32)).hex()
    loss_tokens, tokens = reader.take("QQ")
    return StepPart(step, num_steps, epoch, position, samples, digest, loss_tokens, tokens)


def decode_chunk(reader):
    first, tokens = reader.take("II")
    send, received, counts = reader.counted(), reader.counted(), reader.counted()
    forward_send, forward_received = reader.counted(), reader.counted()
    quotas = reader.array("<u4", 3 * reader.take("I")).reshape(-1, 3)
    rows, peak = reader.take("QQ")
    counts = counts.reshape(len(received), -1) if len(received) else counts.reshape(0, 0)
    return ChunkPlan(
        first, tokens, send, received, counts, forward_send, forward_received, quotas, rows, peak
    )


def decode_micro_batch(payload, check_routes=True):
    """Raises ValueError for what is not a plan, or, unless check_routes is False, has routes that were changed."""
    reader = Reader(payload)
    check_head(reader, MICRO_BATCH_MAGIC)
    step, rank, micro_batch, tokens, num_samples = reader.take("QIIII")
    samples = [PlannedSample(*reader.take("IQIIII")) for _ in range(num_samples)]
    groups, heads = [], []
    for _ in range(reader.take("I")):
        group = LayerGroupPlan(reader.take("I"), [], [])
        heads.append([reader.take("BBBBI") for _ in samples])
        group.chunks = [decode_chunk(reader) for _ in range(reader.take("I"))]
        groups.append(group)
    crc, sent, received, _, _ = reader.take("IQQQQ")
    routes_at = reader.offset
    for group, views in zip(groups, heads):
        for sample, (k, id_width, weight_type, planes, first_bit) in zip(samples, views):
            group.routes.append(
                read_planes(reader, sample.length, k, id_width, weight_type, planes, first_bit)
            )
    if reader.offset != len(payload):
        raise ValueError(f"{len(payload) - reader.offset} bytes after the plan's end")
    if check_routes and Checksum.of(memoryview(payload)[routes_at:]) != crc:
        raise ValueError(f"the routes are not those of the plan: their CRC32C is not {crc:#010x}")
    return MicroBatchPlan(step, rank, micro_batch, tokens, samples, groups, crc, sent, received)


def read_planes(reader, tokens, k, id_width, weight_type, planes, first_bit):
    view = RouteView(first_bit=first_bit)
    view.topk_ids = reader.array("<u2" if id_width == 2 else "u1", tokens * k).reshape(tokens, k)
    if WEIGHT_DTYPES[weight_type] is not None:
        view.topk_weights = reader.array(WEIGHT_DTYPES[weight_type], tokens * k).reshape(tokens, k)
    if planes & 1:
        view.num_topk = reader.array("u1", tokens)
    if planes & 2:
        view.missing = reader.array("u1", (first_bit + tokens + 7) // 8)
    return view
