"""The peers of build_rate: a table as NumPy users make one, and the slower of writing and hashing the same bytes."""

import hashlib
import os
import shutil
import time

import numpy
import rows
from setting import SAMPLE_TOKENS, K

SHARDS = 8


def fsync(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def numpy_table(data, samples, folder):
    """Per-sample arrays in lists, 8 shard files, merged, digested with SHA-256 and fsynced. Returns seconds."""
    ids = numpy.fromfile(data + ".ids", numpy.uint8).reshape(samples, SAMPLE_TOKENS, K)
    scores = numpy.fromfile(data + ".scores", numpy.float32).reshape(samples, SAMPLE_TOKENS, K)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    begin = time.perf_counter()
    for shard in range(SHARDS):
        mine = range(samples * shard // SHARDS, samples * (shard + 1) // SHARDS)
        id_list = [numpy.array(ids[sample]) for sample in mine]
        score_list = [numpy.array(scores[sample]) for sample in mine]
        numpy.save(f"{folder}/ids{shard}.npy", numpy.concatenate(id_list))
        numpy.save(f"{folder}/scores{shard}.npy", numpy.concatenate(score_list))
    merged, digest = [], hashlib.sha256()
    for name in ("ids", "scores"):
        parts = [numpy.load(f"{folder}/{name}{shard}.npy") for shard in range(SHARDS)]
        per_sample = [sample for part in parts for sample in part.reshape(-1, SAMPLE_TOKENS, K)]
        merged.append(numpy.concatenate(per_sample))
        digest.update(merged[-1])
        numpy.save(f"{folder}/{name}.npy", merged[-1])
        fsync(f"{folder}/{name}.npy")
    with open(f"{folder}/digest", "w", encoding="ascii") as file:
        file.write(digest.hexdigest())
    fsync(f"{folder}/digest")
    seconds = time.perf_counter() - begin
    if not (
        numpy.array_equal(merged[0].ravel(), ids.ravel())
        and numpy.array_equal(merged[1].ravel(), scores.ravel())
    ):
        raise RuntimeError("the peer's merged table differs from its input")
    shutil.rmtree(folder)
    return seconds


def write_and_hash(data, folder):
    """Seconds of the slower of a fsynced write and SHA-256 of the same bytes."""
    content = open(data + ".ids", "rb").read() + open(data + ".scores", "rb").read()
    hashing, _ = rows.timed(lambda: hashlib.sha256(content).digest())

    def write():
        with open(os.path.join(folder, "limit"), "wb", buffering=0) as file:
            view = memoryview(content)
            while view:
                view = view[file.write(view[: 4 << 20]) :]
            os.fsync(file.fileno())

    writing, _ = rows.timed(write)
    os.remove(os.path.join(folder, "limit"))
    return max(hashing, writing)
