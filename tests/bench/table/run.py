"""Routing tables: size, build, read, open, import; ours beside NumPy, memcpy, a bare mmap and the disk.

GROUTER_BENCH_TRACE names an .npz of captured routes (ids, seq_len) for import_rate; without it a stand-in of the same
shape is made. GROUTER_BENCH_DISK is a folder on the disk to measure, default the temporary folder.
"""

import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import build_rate  # noqa: E402
import import_rate  # noqa: E402
import large_tables  # noqa: E402
import overhead  # noqa: E402
import packed  # noqa: E402
import plain_read  # noqa: E402
import rows  # noqa: E402
from setting import Bench, Setting  # noqa: E402

FAMILIES = [
    overhead,
    build_rate,
    plain_read,
    large_tables,
    import_rate,
    packed,
]  # plain_read reads overhead's table


def main():
    area = rows.Area("table", __doc__)
    program = rows.build("//tests/bench/table:table_bench") + "/tests/bench/table/table_bench"
    disk = tempfile.mkdtemp(prefix="grouter-table-", dir=os.environ.get("GROUTER_BENCH_DISK"))
    memory = tempfile.mkdtemp(prefix="grouter-table-", dir="/dev/shm") if os.path.isdir("/dev/shm") else None
    setting = Setting(
        area=area,
        bench=Bench(program),
        disk=disk,
        memory=memory,
        data=os.path.join(disk, "stand_in"),
        samples=256 if area.quick else 2048,
        rounds=3 if area.quick else 5,
    )
    try:
        setting.bench("make", setting.data, setting.samples)
        for family in FAMILIES:
            family.measure(setting)
    finally:
        shutil.rmtree(disk, ignore_errors=True)
        if memory:
            shutil.rmtree(memory, ignore_errors=True)
    return area.finish()


if __name__ == "__main__":
    sys.exit(main())
