"""Plan streams: throughput, many trainers, latency, memory, first plan, stalls; beside sockets, bare gRPC, Flight."""

import os
import resource
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import control  # noqa: E402
import fanout  # noqa: E402
import first_plans  # noqa: E402
import flight  # noqa: E402
import latency  # noqa: E402
import memory  # noqa: E402
import rows  # noqa: E402
import stalls  # noqa: E402
import throughput  # noqa: E402
from processes import Programs  # noqa: E402

FAMILIES = [throughput, fanout, flight, latency, control, memory, first_plans, stalls]


def main():
    area = rows.Area("stream", __doc__)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # 1,000 connections in one process
    programs = Programs(rows.build("//tests/bench/stream:all", "//server:grouter_server"))
    for family in FAMILIES:
        family.measure(area, programs)
    return area.finish()


if __name__ == "__main__":
    sys.exit(main())
