"""Plan stream: throughput of one stream beside a raw socket, and the time to the first plan."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import rows

BARS = {"tcp 256 KiB": 0.85, "tcp 1 MiB": 0.90, "tcp 4 MiB": 0.90, "unix 1 MiB": 0.70}
ABSENT = {
    "fanout_rate": ("64 x 768 KiB", "64 x 96 KiB", "1000 x 4 KiB"),
    "server_cpu_per_plan": ("64 x 768 KiB", "64 x 96 KiB", "1000 x 4 KiB"),
    "flight_throughput": ("1 client", "64 clients"),
    "flight_cpu": ("1 client", "64 clients"),
    "plan_latency_p99": ("64 x 20/s", "1000 x 2/s", "1000 x 5/s"),
}

area = rows.Area("stream", __doc__)
folder = rows.build("//tests/bench/stream:stream_bench")
program = os.path.join(folder, "tests/bench/stream/stream_bench")
rounds = "3" if "--quick" in sys.argv else "9"
done = subprocess.run(
    [program, rounds], cwd=program + ".runfiles/grouter", stdout=subprocess.PIPE, text=True, check=True
)
for line in done.stdout.splitlines():
    row = json.loads(line)
    if row["metric"] == "stream_throughput":
        limit = sorted(row["limit"])[len(row["limit"]) // 2]
        area.add(
            row["metric"],
            row["case"],
            "bytes/s",
            "higher",
            row["ours"],
            limit=limit,
            limit_name="raw socket, 1 MiB writes",
            bar=rows.Bar("limit", BARS[row["case"]]),
        )
    else:
        area.add(row["metric"], row["case"], "ms", "lower", row["ours"])
for metric, cases in ABSENT.items():
    for case in cases:
        area.add(metric, case, "", "higher", [], skipped="no peer fixture for it in this tree")
sys.exit(area.finish())
