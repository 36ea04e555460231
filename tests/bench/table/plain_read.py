"""plain_read: random warm samples of the bf16 table, with and without checksums."""

import os

import rows


def measure(setting):
    results = [setting.bench("read", os.path.join(setting.disk, "bf16")) for _ in range(setting.rounds)]
    for case, bound in (("crc", 0.6), ("no crc", 0.8)):
        setting.area.add(
            "plain_read",
            case,
            "GB/s",
            "higher",
            [result[case] for result in results],
            limit=[result["memcpy"] for result in results],
            limit_name="memcpy of the same records",
            bar=rows.Bar("limit", bound),
        )
