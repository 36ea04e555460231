"""Plan messages as they come from the wire, read without a copy: the frames of a StreamPlansResponse or
GetPlanResponse (field 1, repeated PlanFrame; plan.proto), whose data are views of the message.
"""

import dataclasses

from grouter.v1 import plan_pb2

FRAMES, POSITION, PAYLOAD_BYTES, DATA = 0x0A, 0x0A, 0x10, 0x1A  # field number << 3 | wire type


@dataclasses.dataclass
class Frame:
    step: int
    micro_batch: int  # None: the step part
    payload_offset_bytes: int
    payload_bytes: int  # of the whole part
    data: memoryview


def varint(message, at):
    value = shift = 0
    while shift < 70:
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise ValueError("a varint without an end")


def field_of(message, at, end):
    """(tag, value or view, where the next field begins)."""
    tag, at = varint(message, at)
    kind = tag & 7
    if kind == 0:
        value, at = varint(message, at)
        return tag, value, at
    if kind == 2:
        size, at = varint(message, at)
    elif kind in (1, 5):
        size = 8 if kind == 1 else 4
    else:
        raise ValueError(f"no such wire type: {kind}")
    if at + size > end:
        raise ValueError("a field is cut short")
    return tag, message[at : at + size], at + size


def fields(message):
    at, end = 0, len(message)
    try:
        while at < end:
            tag, value, at = field_of(message, at, end)
            yield tag, value
    except IndexError:
        raise ValueError("a message is cut short") from None


def read_frame(message):
    position, payload_bytes, data = plan_pb2.PlanPosition(), 0, memoryview(b"")
    for tag, value in fields(message):
        if tag == POSITION:
            position = plan_pb2.PlanPosition.FromString(bytes(value))
        elif tag == PAYLOAD_BYTES:
            payload_bytes = value
        elif tag == DATA:
            data = value
    micro_batch = position.micro_batch if position.HasField("micro_batch") else None
    return Frame(position.step, micro_batch, position.payload_offset_bytes, payload_bytes, data)


def read_frames(message):
    """The frames of a message's bytes, in order. Raises ValueError for what is no such message."""
    view = memoryview(message)
    return [read_frame(value) for tag, value in fields(view) if tag == FRAMES]


class PartReader:
    """Puts parts together from their frames, one after the other: copied only when a part comes in several."""

    def __init__(self):
        self._payload = None
        self._received = 0

    def add(self, frame):
        """The part's payload, read-only, when this was its last frame; else None."""
        if self._payload is None and len(frame.data) == frame.payload_bytes:
            return frame.data
        if self._payload is None:
            self._payload, self._received = bytearray(frame.payload_bytes), 0
        end = self._received + len(frame.data)
        if end > len(self._payload):
            raise ValueError("a part is longer than it said")
        memoryview(self._payload)[self._received : end] = frame.data
        self._received = end
        if end < len(self._payload):
            return None
        payload, self._payload = memoryview(self._payload).toreadonly(), None
        return payload
