"""The programs, and a small world made by them: text, tokens, table, jobs, trainer configurations."""

import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

PROGRAMS = {
    name: os.path.abspath(f"{room}/{name}")
    for name, room in (("grouter", "tools"), ("grouter_server", "server"), ("grouter_trainer", "trainer"))
}
DEPS = Path(os.environ["GROUTER_DEPS"])
MODEL = {
    "vocab_size": 300,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "moe_intermediate_size": 8,
    "num_experts": 8,
    "num_experts_per_tok": 2,
    "max_position_embeddings": 32,
}
WORDS = "the routing table of every token is known before training starts so nobody has to guess".split()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(program, *arguments, cwd=None, check=True, timeout=120, environment=None):
    """Runs a program to its end; returns the finished process with text output."""
    done = subprocess.run(
        [PROGRAMS.get(program, program), *map(str, arguments)],
        cwd=cwd,
        timeout=timeout,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
        env=dict(os.environ, **(environment or {})),
    )
    if check and done.returncode != 0:
        raise AssertionError(f"{program} {arguments}: exit code {done.returncode}\n{done.stderr}")
    return done


def grouter(*arguments, **options):
    return json.loads(run("grouter", *arguments, "--json", **options).stdout)


class World:
    """A folder with everything up to the point where a server and trainers start. Use as a context manager."""

    def __init__(self, steps=6):
        self.folder = Path(tempfile.mkdtemp(prefix="grouter_world_"))
        self.steps = steps
        self.processes = []

    def __enter__(self):
        self.make()
        return self

    def __exit__(self, *_):
        for process in self.processes:
            self.stop(process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def make(self):
        text = self.folder / "text"
        for domain in ("one", "two"):
            (text / domain).mkdir(parents=True)
            for number in range(30):
                words = [
                    WORDS[(number * 7 + i * (3 if domain == "one" else 5)) % len(WORDS)] for i in range(80)
                ]
                (text / domain / f"{number}.txt").write_text(" ".join(words) + "\n")
        merges = ["th", "he", "in", "er", " t", "to", "en", "ro", "ou", "ti"]
        ranks = [bytes([b]) for b in range(256)] + [m.encode() for m in merges]
        (self.folder / "ranks").write_text(
            "".join(f"{base64.b64encode(token).decode()} {rank}\n" for rank, token in enumerate(ranks))
        )
        (self.folder / "model.json").write_text(json.dumps(MODEL))
        step = self.step
        step("corpus", "--from", "text", "--out", "corpus")
        step("tokenize", "--corpus", "corpus", "--ranks", "ranks", "--out", "tokens")
        step("index", "--tokens", "tokens", "--out", "samples.index", "--sequence_length", 32)
        dataset = {"datasets": [{"prefix": "tokens", "sample_index": "samples.index"}]}
        self.write(
            "teacher.json",
            {
                "mode": "learned",
                "model": MODEL,
                **dataset,
                "num_steps": 2,
                "eval_steps": 1,
                "batch": {"samples_per_step": 4},
                "out": "teacher",
            },
        )
        step(
            "train", "--config", "teacher.json", "--out", "teacher", "--trainer", PROGRAMS["grouter_trainer"]
        )
        step(
            "distill",
            "--teacher",
            "teacher/checkpoints/step_2",
            "--out",
            "router",
            "--tokens",
            "tokens",
            "--index",
            "samples.index",
            "--hidden_size",
            16,
            "--blocks",
            1,
            "--heads",
            2,
            "--mlp_size",
            24,
            "--train_tokens",
            2000,
            "--tokens_per_step",
            1000,
        )
        step(
            "route",
            "--router",
            "router",
            "--tokens",
            "tokens",
            "--index",
            "samples.index",
            "--out",
            "serve/table",
        )
        for name in ("jobs", "config"):
            (self.folder / name).mkdir()
        for split, steps in (("train", self.steps), ("valid", 0)):
            step(
                "job",
                "make",
                "--tables",
                "serve/table",
                "--model",
                "model.json",
                "--out",
                f"jobs/{split}_draft.json",
                "--split",
                split,
                "--ranks_per_node",
                2,
                "--samples_per_step",
                4,
                "--chunks",
                2,
                "--steps",
                steps,
            )
            step(
                "place",
                "--job",
                f"jobs/{split}_draft.json",
                "--tables",
                "serve/table",
                "--out_schedule",
                f"serve/{split}.schedule",
                "--out_job",
                f"jobs/{split}.json",
                "--iterations",
                500,
            )
        self.write(
            "config/table.json",
            {
                "mode": "plan",
                "model": MODEL,
                **dataset,
                "train": {"job": "jobs/train.json"},
                "valid": {"job": "jobs/valid.json"},
                "eval_steps": 1,
                "checkpoint_interval": 2,
                "num_steps": self.steps,
                "optimizer": {"learning_rate": 0.01},
                "out": "run",
            },
        )

    def step(self, *arguments):
        return grouter(*arguments, cwd=self.folder)

    def write(self, name, value):
        (self.folder / name).write_text(json.dumps(value))

    def metrics(self, folder):
        """The lines that a run wrote into FOLDER."""
        lines = (self.folder / folder / "metrics.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def start(self, *command, environment=None, name="process"):
        """Starts a program in a process group of its own, its output in NAME.log."""
        log = open(self.folder / f"{name}.log", "wb")
        process = subprocess.Popen(
            [PROGRAMS.get(command[0], command[0]), *map(str, command[1:])],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(os.environ, **(environment or {})),
            start_new_session=True,
        )
        log.close()
        process.log = self.folder / f"{name}.log"
        self.processes.append(process)
        return process

    def start_server(self, *arguments, name="server"):
        """A routing server on a port of its own choice; returns the process and its address."""
        process = self.start(
            "grouter_server", "--root", "serve", "--listen", "127.0.0.1:0", *arguments, name=name
        )
        return process, self.wait_for_address(process)

    def wait_for_address(self, process):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            found = re.search(r"listening on (\S+)", process.log.read_text())
            if found:
                return found.group(1)
            if process.poll() is not None:
                raise AssertionError(f"the server ended: {process.log.read_text()}")
            time.sleep(0.02)
        raise AssertionError("the server did not start")

    def start_rank(self, rank, port, *arguments, world_size=2, environment=None, name=None):
        place = {
            "RANK": str(rank),
            "WORLD_SIZE": str(world_size),
            "LOCAL_RANK": str(rank),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "OMP_NUM_THREADS": "1",
        }
        return self.start(
            "grouter_trainer",
            "--config",
            "config/table.json",
            *arguments,
            environment={**place, **(environment or {})},
            name=name or f"rank{rank}",
        )

    def stop(self, process):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=30)
