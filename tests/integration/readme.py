"""The README's shell blocks, run as they stand there in a small world of their own."""

import os
import re
import subprocess
from pathlib import Path

from world import DEPS, PROGRAMS, World, free_port


def blocks(readme):
    """The shell blocks of the README by the comment line they begin with."""
    found = {}
    for block in re.findall(r"```sh\n(.*?)```", readme, re.DOTALL):
        first, _, rest = block.partition("\n")
        found[first.lstrip("# ").strip()] = rest
    return found


class ReadmeWorld(World):
    """A world with certificates and the routing server, both made by the README's own lines."""

    def make(self):
        super().make()
        programs = self.folder / "bin"
        programs.mkdir()
        for name, path in PROGRAMS.items():
            (programs / name).symlink_to(path)
        self.path = {"PATH": f"{programs}:{DEPS / 'bin'}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
        self.blocks = blocks(Path("README.md").read_text())
        self.server_port, self.http_port = free_port(), free_port()
        self.shell("make certificates and tokens once, naming the machines that servers run on")
        server = self.start(
            "sh",
            "-c",
            "exec " + self.block("launch the server on a head node"),
            environment=self.path,
            name="server",
        )
        self.wait_for_address(server)

    def block(self, title):
        """The README's block with the ports of this world."""
        text = self.blocks[title]
        for wrong, right in (("50051", self.server_port), ("9464", self.http_port), ("29500", free_port())):
            text = text.replace(wrong, str(right))
        return text

    def shell(self, title):
        """Runs the README's block; returns what it printed."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.block(title)],
            cwd=self.folder,
            text=True,
            env=dict(os.environ, **self.path),
            timeout=120,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        log = self.folder / "server.log"
        if done.returncode != 0:
            raise AssertionError(done.stdout + (log.read_text() if log.exists() else ""))
        return done.stdout
