"""build_rate: ids and f32 scores in memory to a finished, digested, fsynced table."""

import os

import rows
from numpy_peer import numpy_table, write_and_hash


def measure(setting):
    tokens, bench = setting.tokens, setting.bench
    for case, folder, bar in (
        ("plain", setting.disk, rows.Bar("limit", 0.8)),
        ("plain in memory", setting.memory, rows.Bar("peer", 5)),
    ):
        if folder is None:
            setting.area.add("build_rate", case, "tokens/s", "higher", None, skipped="there is no /dev/shm")
            continue
        table, peer_folder = os.path.join(folder, "table"), os.path.join(folder, "peer")
        ours, peer, limit = rows.interleaved(
            setting.rounds,
            lambda _: tokens / bench("build", setting.data, setting.samples, table)["seconds"],
            lambda _: tokens / numpy_table(setting.data, setting.samples, peer_folder),
            lambda _: tokens / write_and_hash(setting.data, folder),
        )
        setting.area.add(
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
    counted = [
        tokens / bench("coactivation", setting.data, setting.samples)["seconds"]
        for _ in range(setting.rounds)
    ]
    setting.area.add("build_rate", "co-activation", "tokens/s", "higher", counted)
