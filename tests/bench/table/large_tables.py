"""open_to_first_record and anonymous_memory: tables of 1 and 16 GiB whose routes are a hole in the file."""

import os

import rows


def measure(setting):
    bench, area = setting.bench, setting.area
    folders = {gib: os.path.join(setting.disk, f"sparse{gib}") for gib in (1, 16)}
    for gib, folder in folders.items():
        bench("sparse", folder, gib)
        bench("open", folder)
    small, large = rows.interleaved(
        2 * setting.rounds, lambda _: bench("open", folders[1]), lambda _: bench("open", folders[16])
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
        bar=rows.Bar("value", 1.2 * memory[1] + 1, below=True, timed=False),
    )
