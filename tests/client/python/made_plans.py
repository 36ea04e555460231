"""Plan payloads written field by field as docs/plan_format.md says, for tests that need no planner."""

import struct


def shifted(register):
    for _ in range(8):
        register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register


SHIFTED = [shifted(byte) for byte in range(256)]


def crc32c(data):
    """Byte by byte, as RFC 3720 says."""
    register = 0xFFFFFFFF
    for byte in data:
        register = register >> 8 ^ SHIFTED[(register ^ byte) & 255]
    return register ^ 0xFFFFFFFF


def counted(values):
    return struct.pack(f"<Q{len(values)}I", len(values), *values)


def step_bytes(step=0, num_steps=2, magic=b"GRSP", version=1, digest=bytes(32)):
    head = struct.pack("<4sIQQIQI", magic, version, step, num_steps, 3, 40, 4)
    return head + digest + struct.pack("<QQ", 90, 100) + struct.pack("<IQII", 0, 0, 0, 0)


def sample_bytes(sample, first_token, length):
    return struct.pack("<IQIIII", 7, sample, first_token, length, length - 1, 0xC0FFEE)


def view_bytes(k, id_width=1, weight_type=0, planes=0, first_bit=0):
    return struct.pack("<BBBBI", k, id_width, weight_type, planes, first_bit)


def chunk_bytes(first_token, num_tokens, send, received, counts, quotas=()):
    head = struct.pack("<II", first_token, num_tokens)
    lists = [send, received, counts, send[::-1], received[::-1]]
    rows = struct.pack("<I", len(quotas)) + b"".join(struct.pack("<III", *quota) for quota in quotas)
    return head + b"".join(map(counted, lists)) + rows + struct.pack("<QQ", 64, 4096)


def group_bytes(layer_group, views, chunks=()):
    return (
        struct.pack("<I", layer_group) + b"".join(views) + struct.pack("<I", len(chunks)) + b"".join(chunks)
    )


def micro_batch_bytes(samples, groups, planes, step=0, micro_batch=0, num_tokens=0, version=1):
    head = struct.pack("<4sIQIIII", b"GRMP", version, step, 1, micro_batch, num_tokens, len(samples))
    certificate = struct.pack("<IQQQQ", crc32c(planes), 20, 22, 24, 23)
    return head + b"".join(samples) + struct.pack("<I", len(groups)) + b"".join(groups) + certificate + planes


def one_sample(ids, step=0, micro_batch=0):
    """A micro-batch of one sample with one byte of id for each token."""
    sample = sample_bytes(5, 0, len(ids))
    return micro_batch_bytes(
        [sample], [group_bytes(0, [view_bytes(k=1)])], bytes(ids), step, micro_batch, num_tokens=len(ids)
    )
