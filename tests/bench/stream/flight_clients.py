"""Python clients of plans: flight_clients.py grouter|flight ADDRESS CLIENTS PLANS PLAN_BYTES [DIGEST]

Each client is a thread with a connection of its own and takes PLANS plans; every byte goes through zlib's CRC. Prints
{"plans", "seconds"}.
"""

import json
import sys
import threading
import time
import zlib


def flight_taker():
    import pyarrow.flight

    def take(address, number, plans, plan_bytes, digest):
        taken = crc = 0
        with pyarrow.flight.connect(f"grpc://{address}") as client:
            for chunk in client.do_get(pyarrow.flight.Ticket(str(plans).encode())):
                crc = zlib.crc32(chunk.data.column(0).buffers()[2], crc)
                taken += 1
        return taken

    return take


def grouter_taker():
    from grouter.v1 import plan_service_pb2
    from grouter_client.credentials import open_channel
    from grouter_client.frames import read_frames

    def take(address, number, plans, plan_bytes, digest):
        taken = crc = 0
        with open_channel(address) as channel:
            call = channel.stream_stream(
                "/grouter.v1.PlanService/StreamPlans",
                request_serializer=plan_service_pb2.StreamPlansRequest.SerializeToString,
            )
            while taken < plans * plan_bytes:
                request = plan_service_pb2.StreamPlansRequest(granted_payload_bytes=1 << 50)
                request.open.job_digest = digest
                request.open.rank = number
                for message in call(iter([request])):
                    for frame in read_frames(message):
                        crc = zlib.crc32(frame.data, crc)
                        taken += len(frame.data)
                    if taken >= plans * plan_bytes:
                        break
        return taken / plan_bytes

    return take


def main():
    kind, address, clients, plans, plan_bytes = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
    digest = sys.argv[6] if len(sys.argv) > 6 else ""
    take = {"grouter": grouter_taker, "flight": flight_taker}[kind]()  # loads modules: not timed
    taken = [0.0] * clients

    def work(number):
        taken[number] = take(address, number, plans, plan_bytes, digest)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(clients)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"plans": sum(taken), "seconds": time.perf_counter() - begin}))


if __name__ == "__main__":
    main()
