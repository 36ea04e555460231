"""bytes_per_token, packed_decode and build_rate of the packed tier.

bytes_per_token counts every byte of the shards but the planning statistics, which overhead_bytes_per_token shows and
which the peers do not have. Decoding is measured in the time that one thread has on a core.

GROUTER_BENCH_TRACE names an .npz of captured routes (ids, seq_len). GROUTER_BENCH_DEMO is a folder that
`grouter run` (./demo) left, for the demo's own table; default demo_out/full, then demo_out/quick.
"""

import json
import os
import shutil
import subprocess

import numpy
import rows

LOSSY = "0.022"


class Packed:
    """Runs packed_bench; every call is one measurement in a process of its own."""

    def __init__(self):
        folder = rows.build("//tests/bench/table:packed_bench")
        self.program = folder + "/tests/bench/table/packed_bench"

    def __call__(self, *arguments):
        done = subprocess.run([self.program, *map(str, arguments)], check=True, stdout=subprocess.PIPE)
        return json.loads(done.stdout)


def beside(prefix, index):
    return ["--tokens", prefix, "--index", index]


def zstd_bytes(planes, folder):
    """Size of `zstd -19` over arrays end to end; None without the program."""
    if shutil.which("zstd") is None:
        return None
    path = os.path.join(folder, "planes")
    with open(path, "wb") as file:
        for plane in planes:
            file.write(numpy.ascontiguousarray(plane).tobytes())
    done = subprocess.run(["zstd", "-19", "-c", "-q", path], check=True, stdout=subprocess.PIPE)
    os.remove(path)
    return len(done.stdout)


def add_bytes(area, case, result, peers, most=None):
    """One row against the floor, one for each peer. peers: (name, bytes a route, whether it must be larger)."""
    routes = result["routes"]
    ours = (result["bytes"] - result["statistics_bytes"]) / routes
    floor = result["ideal_bytes"] / routes
    name = f"the code's ideal length x 1.10, {floor:.3f} x 1.10"
    bound = 1.10 * floor if most is None else min(most, 1.10 * floor)
    shared = dict(metric="bytes_per_token", case=case, unit="B/token", better="lower", ours=ours)
    area.add(**shared, limit=floor, limit_name=name, bar=rows.Bar("value", bound, below=True, timed=False))
    for peer_name, peer, must in peers:
        if peer is None:
            area.add(**{**shared, "ours": None}, peer_name=peer_name, skipped="zstd is not installed")
            continue
        bar = rows.Bar("peer", 1) if must else None
        area.add(**shared, peer=peer, peer_name=peer_name, bar=bar)


def stand_in(setting, packed, folder):
    plain, tokens = os.path.join(folder, "plain"), beside(folder + "/tokens", folder + "/samples")
    decoded = None
    for case, options, most in (
        ("lossless stand-in", [], 12),
        ("lossy stand-in", ["--error", LOSSY, "--sample_classes"], 8.5),
    ):
        out = os.path.join(folder, case.split()[0])
        result = packed("pack", plain, out, *tokens, *options)
        if decoded is None:
            decoded = [packed("decode", out, *tokens) for _ in range(setting.rounds)]
            seconds = result["seconds"]
        peers = [
            ("reference files", 40, True),
            ("ids and bf16", 24, True),
            ("zstd -3 of those records", decoded[0]["zstd_bytes"], True),
        ]
        add_bytes(setting.area, case, result, peers, most)
    rate = result["tokens"] / seconds
    setting.area.add("build_rate", "packed", "tokens/s", "higher", rate)
    if decoded[0]["vbmi"]:
        decode_rows(setting.area, decoded, "packed_decode")
    out = os.path.join(folder, "lossless")
    kernels = [("avx2", "")] * rows.cpu_has("avx2") + [("portable", ", any processor")]
    for kernel, suffix in kernels:
        portable = [packed("decode", out, *tokens, "--kernel", kernel) for _ in range(setting.rounds)]
        decode_rows(setting.area, portable, "packed_decode_portable", suffix)


def decode_rows(area, decoded, metric, suffix=""):
    """packed_decode_portable: what a processor without AVX-512 VBMI runs; with the suffix, one without AVX2 too, which
    no bar speaks of."""
    fast = metric == "packed_decode"
    for case in ("hot", "cold"):
        ours = [one[case] for one in decoded]
        shared = dict(metric=metric, case=case + suffix, unit="tokens/s", better="higher", ours=ours)
        area.add(
            **shared,
            peer=[one["zstd"] for one in decoded],
            peer_name="zstd -3 of 24 B records",
            bar=None if suffix else rows.Bar("peer", 2 if fast else 1),
        )
        if fast:
            # What entropy decoder and assembly take one after the other.
            limit = [1 / (1 / one["kernel"] + 1 / one["assembly"]) for one in decoded]
            name = "entropy decoder and assembly alone"
            area.add(**shared, limit=limit, limit_name=name, bar=rows.Bar("limit", 0.7))
        area.add(
            **shared,
            limit=[one["memcpy"] for one in decoded],
            limit_name="memcpy of the decoded bytes",
            bar=rows.Bar("value", 100e6) if fast else None,
        )


def demo_folder():
    """The first folder with a finished demo's table, or None."""
    named = os.environ.get("GROUTER_BENCH_DEMO")
    folders = (
        [named] if named else [os.path.join(rows.ROOT, "demo_out", extent) for extent in ("full", "quick")]
    )
    return next((f for f in folders if os.path.isfile(os.path.join(f, "serve/table/MANIFEST"))), None)


def demo(setting, packed, folder):
    root = demo_folder()
    if root is None:
        why = "no demo's table: run ./demo --quick, or name a demo's folder in GROUTER_BENCH_DEMO"
        setting.area.add("bytes_per_token", "lossless demo", "B/token", "lower", None, skipped=why)
        return
    table = os.path.join(root, "serve/table")
    tokens, index = os.path.join(root, "tokens"), os.path.join(root, "samples.index")
    result = packed("pack", table, os.path.join(folder, "demo"), *beside(tokens, index))
    planes = packed("planes", table, os.path.join(folder, "demo_planes"))
    squeezed = zstd_bytes([numpy.fromfile(os.path.join(folder, "demo_planes"), numpy.uint8)], folder)
    peer = None if squeezed is None else squeezed / planes["routes"]
    add_bytes(setting.area, "lossless demo", result, [("zstd -19 of the column planes", peer, True)])


def trace(setting, packed, folder):
    path = os.environ.get("GROUTER_BENCH_TRACE")
    if not path:
        why = "GROUTER_BENCH_TRACE names no .npz of captured routes"
        setting.area.add("bytes_per_token", "context_free trace", "B/token", "lower", None, skipped=why)
        return
    table = os.path.join(folder, "trace")
    setting.bench("import", path, table)
    result = packed("pack", table, os.path.join(folder, "trace_packed"))
    ids = numpy.load(path)["ids"]
    squeezed = zstd_bytes([ids[group].T for group in range(ids.shape[0])], folder)
    peer = None if squeezed is None else squeezed / result["routes"]
    add_bytes(setting.area, "context_free trace", result, [("zstd -19 of the column planes", peer, True)])


def measure(setting):
    folder = os.path.join(setting.disk, "packed")
    packed = Packed()
    packed("make", folder, setting.samples)
    stand_in(setting, packed, folder)
    demo(setting, packed, folder)
    trace(setting, packed, folder)
    shutil.rmtree(folder)
