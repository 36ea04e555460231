"""What goes wrong, and what is said: a clear error, an exit code that is not 0, nothing half-written, nothing left."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import unittest

sys.path.insert(0, "tests/integration")

from world import World, free_port, run  # noqa: E402


class BadInputTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(steps=40)
        cls.addClassCleanup(cls.world.__exit__)
        cls.world.make()

    def failing(self, *arguments, code=2):
        done = run("grouter", *arguments, cwd=self.world.folder, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr.splitlines()[-1], r"^grouter: error: .+")
        return done.stderr

    def assert_no_new_files(self, before):
        after = {str(p.relative_to(self.world.folder)) for p in self.world.folder.rglob("*")}
        self.assertEqual({name for name in after - before if not name.endswith(".log")}, set())

    def files(self):
        return {str(p.relative_to(self.world.folder)) for p in self.world.folder.rglob("*")}

    def test_no_corpus_and_an_empty_corpus(self):
        (self.world.folder / "empty").mkdir(exist_ok=True)
        before = self.files()
        self.assertIn("nowhere", self.failing("corpus", "--from", "nowhere", "--out", "c2"))
        self.assertIn("empty", self.failing("corpus", "--from", "empty", "--out", "c2"))
        self.assertIn(
            "nowhere", self.failing("tokenize", "--corpus", "nowhere", "--ranks", "ranks", "--out", "t2")
        )
        self.assertEqual({n for n in self.files() - before if "tmp" in n or n.startswith(("t2",))}, set())

    def test_a_rank_file_that_is_cut_or_repeats_a_rank(self):
        ranks = (self.world.folder / "ranks").read_text()
        for bad in (ranks[:-3], ranks + "YQ== 3\n", ranks[: len(ranks) // 3]):
            (self.world.folder / "bad_ranks").write_text(bad)
            before = self.files()
            message = self.failing("tokenize", "--corpus", "corpus", "--ranks", "bad_ranks", "--out", "t2")
            self.assertIn("bad_ranks", message)
            self.assert_no_new_files(before)

    def test_experts_that_three_ranks_cannot_share_evenly_train(self):
        step = self.world.step
        job = {"--tables": "serve/table", "--model": "model.json", "--out": "jobs/three_draft.json"}
        made = {"--ranks_per_node": 3, "--samples_per_step": 6, "--steps": 3}
        step("job", "make", *(part for pair in (job | made).items() for part in pair))
        placed = step(
            *("place", "--job", "jobs/three_draft.json", "--tables", "serve/table", "--iterations", 200),
            *("--out_schedule", "serve/three.schedule", "--out_job", "jobs/three.json"),
        )
        self.assertEqual(len(placed["traffic"]["after"]), 3)

        config = json.loads((self.world.folder / "config/table.json").read_text())
        config = {**config, "train": {"job": "jobs/three.json"}, "num_steps": 3}
        config.pop("valid")
        self.world.write("config/three.json", config)
        _, address = self.world.start_server(name="server_three")
        done = run(
            *("grouter", "train", "--config", "config/three.json", "--out", "run_three", "--ranks", 3),
            *("--server", address, "--trainer", self.trainer()),
            cwd=self.world.folder,
        )
        losses = [line["train_loss"] for line in self.world.metrics("run_three") if "train_loss" in line]
        self.assertEqual(len(losses), 3, done.stderr)
        self.assertLess(losses[-1], losses[0])

    def test_a_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            done = run(
                "grouter_server",
                "--root",
                "serve",
                "--listen",
                f"127.0.0.1:{port}",
                cwd=self.world.folder,
                check=False,
                timeout=30,
            )
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(str(port), done.stderr)

    def test_a_server_that_is_not_there(self):
        port, meet = free_port(), free_port()
        ranks = [
            self.world.start_rank(
                rank,
                meet,
                "--server",
                f"127.0.0.1:{port}",
                "--server_timeout",
                "2s",
                "--out",
                "run_no_server",
                name=f"no_server{rank}",
            )
            for rank in range(2)
        ]
        for process in ranks:
            self.assertNotEqual(process.wait(timeout=60), 0)
            self.assertIn(f"127.0.0.1:{port}", process.log.read_text())

    def test_a_killed_worker_ends_the_other_and_the_run_resumes_from_its_checkpoint(self):
        _, address = self.world.start_server(name="server_kill")
        meet = free_port()
        common = ["--server", address, "--out", "run_killed", "--collective_timeout", "20s"]
        ranks = [self.world.start_rank(rank, meet, *common, name=f"killed{rank}") for rank in range(2)]
        checkpoint = self.world.folder / "run_killed/checkpoints/step_2/state.json"
        deadline = time.monotonic() + 60
        while not checkpoint.exists():
            self.assertLess(time.monotonic(), deadline, ranks[0].log.read_text())
            time.sleep(0.01)
        os.kill(ranks[1].pid, signal.SIGKILL)
        self.assertEqual(ranks[1].wait(timeout=30), -signal.SIGKILL)
        self.assertGreater(ranks[0].wait(timeout=60), 0)  # below: ended by a signal, without a word
        self.assertIn("rank", ranks[0].log.read_text())
        done = run(
            "grouter",
            "train",
            "--config",
            "config/table.json",
            "--out",
            "run_killed",
            "--ranks",
            2,
            "--server",
            address,
            "--trainer",
            self.trainer(),
            "--resume",
            cwd=self.world.folder,
        )
        self.assertIn("goes on from run_killed/checkpoints/step_", done.stderr)

    def test_a_killed_server_is_waited_for_and_the_run_goes_on(self):
        port = free_port()
        first = self.world.start(
            "grouter_server", "--root", "serve", "--listen", f"127.0.0.1:{port}", name="first"
        )
        self.world.wait_for_address(first)
        meet = free_port()
        ranks = [
            self.world.start_rank(
                rank, meet, "--server", f"127.0.0.1:{port}", "--out", "run_server_killed", name=f"waits{rank}"
            )
            for rank in range(2)
        ]
        metrics = self.world.folder / "run_server_killed/metrics.jsonl"
        deadline = time.monotonic() + 60
        while not metrics.exists() or len(metrics.read_text().splitlines()) < 3:
            self.assertLess(time.monotonic(), deadline, ranks[0].log.read_text())
            time.sleep(0.01)
        os.kill(first.pid, signal.SIGKILL)
        first.wait(timeout=30)
        second = self.world.start(
            "grouter_server", "--root", "serve", "--listen", f"127.0.0.1:{port}", name="second"
        )
        self.world.wait_for_address(second)
        for process in ranks:
            self.assertEqual(process.wait(timeout=120), 0, process.log.read_text())

    def test_a_server_that_is_killed_and_stays_away(self):
        server, address = self.world.start_server(name="server_gone")
        meet = free_port()
        common = ["--server", address, "--server_timeout", "2s", "--out", "run_server_gone"]
        ranks = [self.world.start_rank(rank, meet, *common, name=f"gone{rank}") for rank in range(2)]
        self.wait_for_file("run_server_gone/metrics.jsonl", ranks[0])
        os.kill(server.pid, signal.SIGKILL)
        server.wait(timeout=30)
        codes = [process.wait(timeout=60) for process in ranks]
        self.assertNotIn(0, codes)
        self.assertIn(address, "".join(process.log.read_text() for process in ranks))

    def test_an_interrupted_run_leaves_no_process(self):
        _, address = self.world.start_server(name="server_interrupt")
        run_train = self.world.start(
            *("grouter", "train", "--config", "config/table.json", "--out", "run_interrupted"),
            *("--ranks", 2, "--server", address, "--trainer", self.trainer()),
            name="interrupted",
        )
        self.wait_for_file("run_interrupted/metrics.jsonl", run_train)
        self.assertGreater(len(self.session(run_train)), 1)
        os.kill(run_train.pid, signal.SIGTERM)
        self.assertNotEqual(run_train.wait(timeout=30), 0)
        self.assertEqual(self.session(run_train), [])

    def test_a_trainer_whose_disk_takes_no_more(self):
        limited = f"trap '' XFSZ; ulimit -f 4; exec {self.trainer()} --config teacher.json --out full"
        done = run("sh", "-c", limited, cwd=self.world.folder, check=False)
        self.assertGreaterEqual(done.returncode, 2, done.stderr)
        self.assertRegex(done.stderr, r"rank 0: checkpoint full/checkpoints/step_2: cannot write: .+")
        self.assertEqual(list((self.world.folder / "full/checkpoints").glob("*")), [])

    def test_a_disk_that_takes_no_more(self):
        # A limit on file sizes stands in for a full disk: writes fail in the middle of a file.
        before = self.files()
        for arguments in (
            "corpus --from text --out c3",
            "tokenize --corpus corpus --ranks ranks --out t3",
            "index --tokens tokens --out i3 --sequence_length 8",
            "route --router router --tokens tokens --index samples.index --out table3",
        ):
            limited = f"trap '' XFSZ; ulimit -f 4; exec {self.grouter()} {arguments}"
            done = run("sh", "-c", limited, cwd=self.world.folder, check=False)
            self.assertGreaterEqual(done.returncode, 2, arguments + done.stderr)
            self.assertIn("grouter: error: ", done.stderr)
            left = [n for n in self.files() - before if not (self.world.folder / n).is_dir()]
            self.assertEqual(left, [], arguments)

    def test_a_result_that_cannot_be_printed(self):
        done = run(
            "sh",
            "-c",
            f"exec {self.grouter()} table inspect serve/table > /dev/full",
            cwd=self.world.folder,
            check=False,
        )
        self.assertEqual(done.returncode, 3)
        self.assertIn("stdout", done.stderr)

    def wait_for_file(self, name, process):
        deadline = time.monotonic() + 60
        while not (self.world.folder / name).exists():
            self.assertLess(time.monotonic(), deadline, process.log.read_text())
            self.assertIsNone(process.poll(), process.log.read_text())
            time.sleep(0.01)

    @staticmethod
    def session(process):
        """What runs in the session that a process began."""
        done = subprocess.run(
            ["ps", "-o", "pid=", "-s", str(process.pid)], text=True, stdout=subprocess.PIPE, check=False
        )
        return done.stdout.split()

    @staticmethod
    def trainer():
        return os.path.abspath("trainer/grouter_trainer")

    @staticmethod
    def grouter():
        return os.path.abspath("tools/grouter")


if __name__ == "__main__":
    unittest.main()
