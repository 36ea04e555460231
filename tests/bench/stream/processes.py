"""The processes of a measurement: servers with their processor time and memory, clients with their answers."""

import contextlib
import json
import os
import shutil
import signal
import subprocess

TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    """A server that says "listening on ADDRESS" and ends with its input; killed with the object."""

    def __init__(self, *command):
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        line = self._process.stdout.readline()
        if not line.startswith("listening on "):
            raise RuntimeError(f"{command[0]} did not start: {line!r}")
        self.address = line.split()[-1]

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.kill()

    def kill(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    @property
    def pid(self):
        return self._process.pid

    def cpu_seconds(self):
        """User and system time of all its threads."""
        with open(f"/proc/{self._process.pid}/stat", encoding="utf-8") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def anonymous_bytes(self):
        with open(f"/proc/{self._process.pid}/status", encoding="utf-8") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) * 1024
        raise RuntimeError("no RssAnon")


def tcp_socket_bytes():
    """What the kernel holds for TCP sockets, all of them together."""
    with open("/proc/net/sockstat", encoding="utf-8") as stat:
        for line in stat:
            if line.startswith("TCP:"):
                words = line.split()
                return int(words[words.index("mem") + 1]) * os.sysconf("SC_PAGE_SIZE")
    raise RuntimeError("no TCP memory in sockstat")


def run(*command, **options):
    """The JSON object that a program prints."""
    done = subprocess.run(
        [str(word) for word in command], stdout=subprocess.PIPE, text=True, check=True, **options
    )
    return json.loads(done.stdout.splitlines()[-1])


class Programs:
    """Where the programs lie, and what they are asked."""

    def __init__(self, bin_folder):
        self._folder = os.path.join(bin_folder, "tests/bench/stream")
        self.grouter_server = os.path.join(bin_folder, "server/grouter_server")

    def path(self, name):
        return os.path.join(self._folder, name)

    def runfiles(self, name):
        return self.path(name) + ".runfiles/grouter"

    def make_job(self, ranks, plan_bytes, steps, table_bytes=0):
        """root, digest, plan_bytes, request of a new job."""
        return run(self.path("make_job"), ranks, plan_bytes, steps, table_bytes)

    def serve(self, job, address="127.0.0.1:0"):
        """grouter_server over a job's root. All clients come from one address, those just gone included."""
        limits = os.path.join(job["root"], "limits")
        with open(limits, "w", encoding="utf-8") as text:
            text.write("limits { max_connections: 4096 max_connections_per_peer: 4096 }\n")
        options = ["--root", job["root"], "--listen", address, "--config", limits]
        return Server(self.grouter_server, *options)

    @staticmethod
    def plans_of(job):
        """How many different plans a peer sends: the table's samples, at most 512 MiB of them."""
        return max(1, min(job["samples"], (512 << 20) // job["plan_bytes"]))

    def serve_bare(self, job):
        return Server(self.path("bare_grpc_server"), str(job["plan_bytes"]), str(self.plans_of(job)))

    def serve_raw(self, job):
        return Server(self.path("raw_load"), "serve", str(job["plan_bytes"]), str(self.plans_of(job)))

    def _load_command(self, server, job, streams, seconds, planned):
        command = [self.path("load_client"), "--address", server.address]
        command += ["--plan-bytes", job["plan_bytes"], "--streams", streams, "--seconds", seconds]
        command += ["--server-pid", server.pid]
        if planned:
            command += ["--digest", job["digest"], "--register", job["request"]]
            command += ["--checksums", job["checksums"], "--ranks", job["ranks"]]
        return [str(word) for word in command]

    def load(self, server, job, streams, seconds, *more, planned=True):
        """The load client against a server of plans (planned) or of static bytes."""
        result = run(*self._load_command(server, job, streams, seconds, planned), *more)
        if planned and not result["checked"]:
            raise RuntimeError("no plan was compared with the embedded planner's")
        return result

    def warm(self, server, job, plans):
        """Has a server make so many plans of each rank: the next load finds them, as its peers find their bytes."""
        self.load(server, job, job["ranks"], 0.1, "--warm", plans)

    def load_raw(self, server, job, streams, seconds):
        command = [self.path("raw_load"), "load", server.address, job["plan_bytes"], streams, seconds]
        return run(*command, server.pid)

    @contextlib.contextmanager
    def loading(self, server, job, streams, seconds):
        """The load client beside what the caller does; yields a function that waits for its answer."""
        client = subprocess.Popen(
            self._load_command(server, job, streams, seconds, True), stdout=subprocess.PIPE, text=True
        )
        try:
            yield lambda: json.loads(client.communicate()[0].splitlines()[-1])
        finally:
            client.kill()
            client.wait()

    @contextlib.contextmanager
    def waiting(self, server, job, streams, planned):
        """Streams that are open and read nothing more, until the block ends."""
        command = self._load_command(server, job, streams, 1, planned) + ["--idle"]
        client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            json.loads(client.stdout.readline())
            yield
        finally:
            client.kill()
            client.wait()

    def remove(self, job):
        shutil.rmtree(job["root"], ignore_errors=True)
