"""Routing tables: size, build, read, open, import; ours beside NumPy, memcpy, a bare mmap and the disk.

GROUTER_BENCH_TRACE names an .npz of captured routes (ids, seq_len) for import_rate; without it a stand-in of the same
shape is made. GROUTER_BENCH_DISK is a folder on the disk to measure, default the temporary folder.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE)]
import numpy  # noqa: E402
import rows  # noqa: E402

SAMPLE_TOKENS, K = 4096, 8


class Bench:
    """Runs table_bench; every call is one measurement in a process of its own."""

    def __init__(self, program):
        self.program = program

    def __call__(self, *arguments):
        done = subprocess.run([self.program, *map(str, arguments)], check=True, stdout=subprocess.PIPE)
        return json.loads(done.stdout)


def fsync(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def numpy_table(data, samples, folder):
    """Per-sample arrays in lists, 8 shard files, merged and fsynced. Returns seconds."""
    ids = numpy.fromfile(data + ".ids", numpy.uint8).reshape(samples, SAMPLE_TOKENS, K)
    scores = numpy.fromfile(data + ".scores", numpy.float32).reshape(samples, SAMPLE_TOKENS, K)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    begin = time.perf_counter()
    for shard in range(8):
        mine = range(samples * shard // 8, samples * (shard + 1) // 8)
        id_list = [numpy.array(ids[sample]) for sample in mine]
        score_list = [numpy.array(scores[sample]) for sample in mine]
        numpy.save(f"{folder}/ids{shard}.npy", numpy.concatenate(id_list))
        numpy.save(f"{folder}/scores{shard}.npy", numpy.concatenate(score_list))
    merged = []
    for name in ("ids", "scores"):
        parts = [numpy.load(f"{folder}/{name}{shard}.npy") for shard in range(8)]
        per_sample = [sample for part in parts for sample in part.reshape(-1, SAMPLE_TOKENS, K)]
        merged.append(numpy.concatenate(per_sample))
        numpy.save(f"{folder}/{name}.npy", merged[-1])
        fsync(f"{folder}/{name}.npy")
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


def overhead(area, bench, data, samples, folder):
    table = bench("bf16", data, samples, os.path.join(folder, "bf16"))
    for case, key, bound in (
        ("offsets and checksums", "overhead_bytes", 0.02),
        ("planning statistics", "statistics_bytes", 0.1),
    ):
        area.add(
            "overhead_bytes_per_token",
            case,
            "B/token",
            "lower",
            table[key] / table["tokens"],
            bar=rows.Bar("value", bound, below=True),
        )


def build_rate(area, bench, data, samples, disk, memory, rounds):
    tokens = samples * SAMPLE_TOKENS
    for case, folder, bar in (
        ("plain", disk, rows.Bar("limit", 0.8)),
        ("plain in memory", memory, rows.Bar("peer", 5)),
    ):
        if folder is None:
            area.add("build_rate", case, "tokens/s", "higher", None, skipped="there is no /dev/shm")
            continue
        ours, peer, limit = rows.interleaved(
            rounds,
            lambda _: tokens / bench("build", data, samples, os.path.join(folder, "table"))["seconds"],
            lambda _: tokens / numpy_table(data, samples, os.path.join(folder, "peer")),
            lambda _: tokens / write_and_hash(data, folder),
        )
        area.add(
            "build_rate",
            case,
            "tokens/s",
            "higher",
            ours,
            peer=peer,
            peer_name="NumPy, per-sample lists, 8 files, merged",
            limit=limit,
            limit_name="fsynced write or SHA-256, the slower",
            bar=bar,
        )
    counted = [tokens / bench("coactivation", data, samples)["seconds"] for _ in range(rounds)]
    area.add("build_rate", "co-activation", "tokens/s", "higher", counted)


def plain_read(area, bench, disk, rounds):
    results = [bench("read", os.path.join(disk, "bf16")) for _ in range(rounds)]
    for case, bound in (("crc", 0.6), ("no crc", 0.8)):
        area.add(
            "plain_read",
            case,
            "GB/s",
            "higher",
            [result[case] for result in results],
            limit=[result["memcpy"] for result in results],
            limit_name="memcpy of the same records",
            bar=rows.Bar("limit", bound),
        )


def large_tables(area, bench, disk, rounds):
    folders = {gib: os.path.join(disk, f"sparse{gib}") for gib in (1, 16)}
    for gib, folder in folders.items():
        bench("sparse", folder, gib)
        bench("open", folder)
    small, large = rows.interleaved(
        2 * rounds, lambda _: bench("open", folders[1]), lambda _: bench("open", folders[16])
    )
    base = rows.median([result["ms"] for result in small])
    for case, results, bound in (("1 GiB", small, 30), ("16 GiB", large, min(30, 1.2 * base + 2))):
        area.add(
            "open_to_first_record",
            case,
            "ms",
            "lower",
            [result["ms"] for result in results],
            peer=[result["mmap_ms"] for result in results],
            peer_name="bare mmap",
            bar=rows.Bar("value", bound, below=True),
        )
    memory = {gib: bench("serve", folder)["mib"] for gib, folder in folders.items()}
    area.add("anonymous_memory", "1 GiB", "MiB", "lower", memory[1])
    area.add(
        "anonymous_memory",
        "16 GiB",
        "MiB",
        "lower",
        memory[16],
        bar=rows.Bar("value", 1.2 * memory[1] + 1, below=True),
    )


def import_rate(area, bench, disk, rounds):
    trace = os.environ.get("GROUTER_BENCH_TRACE")
    case = "captured trace" if trace else "stand-in trace"
    if not trace:
        trace = os.path.join(disk, "trace.npz")
        random = numpy.random.default_rng(1)
        ids = numpy.argsort(random.random((24 * 40_000, 32), numpy.float32), axis=1)[:, :4].astype(
            numpy.uint8
        )
        numpy.savez_compressed(
            trace, ids=ids.reshape(24, 40_000, 4), seq_len=numpy.full(100, 400, numpy.int32)
        )

    def read(_):
        def work():
            arrays = numpy.load(trace)
            return int(arrays["seq_len"].sum()), arrays["ids"].shape

        seconds, (tokens, _) = rows.timed(work)
        return tokens / seconds

    def ours(_):
        result = bench("import", trace, os.path.join(disk, "imported"))
        return result["tokens"] / result["seconds"]

    measured, peer = rows.interleaved(rounds, ours, read)
    area.add(
        "import_rate",
        case,
        "tokens/s",
        "higher",
        measured,
        peer=peer,
        peer_name="NumPy reading the same arrays",
        bar=rows.Bar("peer", 0.5),
    )


def main():
    area = rows.Area("table", __doc__)
    bench = Bench(
        os.path.join(rows.build("//tests/bench/table:table_bench"), "tests/bench/table/table_bench")
    )
    rounds = 3 if area.quick else 5
    samples = 256 if area.quick else 2048
    disk = tempfile.mkdtemp(prefix="grouter-table-", dir=os.environ.get("GROUTER_BENCH_DISK"))
    memory = tempfile.mkdtemp(prefix="grouter-table-", dir="/dev/shm") if os.path.isdir("/dev/shm") else None
    try:
        data = os.path.join(disk, "stand_in")
        bench("make", data, samples)
        overhead(area, bench, data, samples, disk)
        build_rate(area, bench, data, samples, disk, memory, rounds)
        plain_read(area, bench, disk, rounds)
        large_tables(area, bench, disk, rounds)
        import_rate(area, bench, disk, rounds)
    finally:
        shutil.rmtree(disk, ignore_errors=True)
        if memory:
            shutil.rmtree(memory, ignore_errors=True)
    return area.finish()


if __name__ == "__main__":
    sys.exit(main())
