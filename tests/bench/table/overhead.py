"""overhead_bytes_per_token: what a table stores besides routes. Leaves the table it makes for plain_read."""

import os

import rows


def measure(setting):
    table = setting.bench("bf16", setting.data, setting.samples, os.path.join(setting.disk, "bf16"))
    for case, key, bound in (
        ("offsets and checksums", "overhead_bytes", 0.02),
        ("planning statistics", "statistics_bytes", 0.1),
    ):
        setting.area.add(
            "overhead_bytes_per_token",
            case,
            "B/token",
            "lower",
            table[key] / table["tokens"],
            bar=rows.Bar("value", bound, below=True, timed=False),
        )
