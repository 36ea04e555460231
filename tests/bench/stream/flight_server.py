"""An Arrow Flight server of one static plan: flight_server.py PLAN_BYTES PLANS. Prints where it listens.

A ticket's text is how many plans to send. A plan is one buffer of one record batch; PLANS of
them lie in memory and are sent in turn.
"""

import sys
import threading

import pyarrow as pa
import pyarrow.flight


class Plans(pyarrow.flight.FlightServerBase):
    def __init__(self, plan_bytes, plans):
        super().__init__("grpc://127.0.0.1:0")
        columns = [pa.array([bytes([i % 256]) * plan_bytes], pa.large_binary()) for i in range(plans)]
        self._batches = [pa.record_batch([column], names=["plan"]) for column in columns]
        self._streams = 0

    def do_get(self, context, ticket):
        count = int(ticket.ticket.decode())
        first, self._streams = 4 * self._streams, self._streams + 1
        batches = (self._batches[(first + i) % len(self._batches)] for i in range(count))
        return pyarrow.flight.GeneratorStream(self._batches[0].schema, batches)


def main():
    server = Plans(int(sys.argv[1]), int(sys.argv[2]))
    print(f"listening on 127.0.0.1:{server.port}", flush=True)
    threading.Thread(target=server.serve, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
