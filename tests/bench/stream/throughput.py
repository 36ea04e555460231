"""One stream beside a raw socket of the same kind."""

import json
import subprocess

import rows

BARS = {"tcp 256 KiB": 0.85, "tcp 1 MiB": 0.90, "tcp 4 MiB": 0.90, "unix 1 MiB": 0.70}


def measure(area, programs):
    done = subprocess.run(
        [programs.path("stream_bench"), "3" if area.quick else "9"],
        cwd=programs.runfiles("stream_bench"),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    for line in done.stdout.splitlines():
        row = json.loads(line)
        area.add(
            row["metric"],
            row["case"],
            "bytes/s",
            "higher",
            row["ours"],
            limit=row["limit"],
            limit_name="raw socket, 1 MiB writes",
            bar=rows.Bar("limit", BARS[row["case"]]),
        )
