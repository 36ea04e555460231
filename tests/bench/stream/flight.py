"""Arrow Flight serving the same bytes, one Python client program on each side."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile

import rows
from processes import Server, run

HERE = os.path.dirname(os.path.abspath(__file__))
PAYLOAD = 768 << 10
CASES = {"1 client": 1, "64 clients": 64}


def make_stubs(folder):
    """The Python stubs of our calls, as the client's set-up makes them."""
    proto = os.path.join(rows.ROOT, "proto")
    names = sorted(os.listdir(os.path.join(proto, "grouter/v1")))
    files = [f"grouter/v1/{name}" for name in names if name.endswith(".proto")]
    plugin = f"--plugin=protoc-gen-grpc_python={shutil.which('grpc_python_plugin')}"
    outputs = [f"--python_out={folder}", f"--grpc_python_out={folder}"]
    subprocess.run(["protoc", f"-I{proto}", *outputs, plugin, *files], check=True)
    client = os.path.join(rows.ROOT, "client/python")
    return dict(os.environ, PYTHONPATH=f"{folder}:{client}")


def measure(area, programs):
    missing = None if importlib.util.find_spec("pyarrow") else "pyarrow is not installed"
    for case, clients in CASES.items():
        plans = (256 if area.quick else 1024) // clients
        job = programs.make_job(clients, PAYLOAD, plans)  # one stream a client, as the peer's
        with tempfile.TemporaryDirectory() as folder, programs.serve(job) as ours:
            environment = make_stubs(folder)
            programs.warm(ours, job, plans)
            client = [sys.executable, "-B", os.path.join(HERE, "flight_clients.py")]
            sizes = [clients, plans, job["plan_bytes"]]

            def measured(server, *command):
                before = server.cpu_seconds()
                result = run(*client, *command, env=environment)
                plans_taken = result["plans"]
                return plans_taken / result["seconds"], (server.cpu_seconds() - before) / plans_taken

            def take_ours(_):
                return measured(ours, "grouter", ours.address, *sizes, job["digest"])

            if missing:
                for metric in ("flight_throughput", "flight_cpu"):
                    area.add(metric, case, "", "higher", None, peer_name="Arrow Flight", skipped=missing)
                continue
            with Server(
                sys.executable,
                "-B",
                os.path.join(HERE, "flight_server.py"),
                str(job["plan_bytes"]),
                str(programs.plans_of(job)),
            ) as theirs:

                def take_theirs(_):
                    return measured(theirs, "flight", theirs.address, *sizes)

                sides = rows.interleaved(3 if area.quick else 9, take_ours, take_theirs)
        (our_rates, our_times), (their_rates, their_times) = (map(list, zip(*side)) for side in sides)
        area.add(
            "flight_throughput",
            case,
            "plans/s",
            "higher",
            our_rates,
            peer=their_rates,
            peer_name="Arrow Flight",
            bar=rows.Bar("peer", 1.0),
        )
        area.add(
            "flight_cpu",
            case,
            "s a plan",
            "lower",
            our_times,
            peer=their_times,
            peer_name="Arrow Flight",
            bar=rows.Bar("peer", 1 / 1.1),
        )
        programs.remove(job)
