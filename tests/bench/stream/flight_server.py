"""An Arrow Flight server of one static plan: flight_server.py PLAN_BYTES. Prints where it listens.

A ticket's text is how many plans to send. The plan is one buffer of one record batch, sent as often as asked.
"""

import sys
import threading

import pyarrow as pa
import pyarrow.flight


class Plans(pyarrow.flight.FlightServerBase):
    def __init__(self, plan_bytes):
        super().__init__("grpc://127.0.0.1:0")
        column = pa.array([b"p" * plan_bytes], pa.large_binary())
        self._batch = pa.record_batch([column], names=["plan"])

    def do_get(self, context, ticket):
        count = int(ticket.ticket.decode())
        batches = (self._batch for _ in range(count))
        return pyarrow.flight.GeneratorStream(self._batch.schema, batches)


def main():
    server = Plans(int(sys.argv[1]))
    print(f"listening on 127.0.0.1:{server.port}", flush=True)
    threading.Thread(target=server.serve, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
