"""Runs functions of third_party/setup in bash, with stand-ins for the programs they call."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest


class ScriptTest(unittest.TestCase):
    """A scratch folder a test; `programs` there come first on PATH."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        (self.folder / "programs").mkdir()

    def program(self, name, script, folder=None):
        path = (folder or self.folder / "programs") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/bash\n" + script)
        path.chmod(0o755)
        return path

    def bash(self, script, **variables):
        """The finished process of `set -euo pipefail`, the set-up's files, then script."""
        environment = {
            "PATH": f"{self.folder / 'programs'}:{os.environ.get('PATH', '/usr/bin:/bin')}",
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            **{name: str(value) for name, value in variables.items()},
        }
        files = "".join(f". third_party/setup/{name}.sh\n" for name in ("env", "machine", "debian", "wheels"))
        return subprocess.run(
            ["bash", "-c", f"set -euo pipefail\n{files}{script}"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
