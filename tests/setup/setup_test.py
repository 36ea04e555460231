import hashlib
import io
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import unittest

from tests.setup.scripts import ScriptTest


class Wheels(ScriptTest):
    def test_a_package_that_the_index_refuses_is_named_with_the_command_to_try(self):
        environment = self.folder / "env"
        self.program(
            "python", "echo 'ERROR: No matching distribution found' >&2; exit 1", environment / "bin"
        )
        lock = self.folder / "some.lock"
        lock.write_text("torch==2.11.0 --hash=sha256:" + "0" * 64 + "  # 531 MB\n")
        done = self.bash(f"GROUTER_ENV={environment}; download {lock} {self.folder}/wheels")
        self.assertEqual(done.returncode, 3)
        self.assertIn("ERROR: No matching distribution found", done.stderr)
        self.assertIn("torch==2.11.0", done.stderr)
        self.assertIn(
            f"{environment}/bin/python -m pip download --no-deps -d /tmp torch==2.11.0", done.stderr
        )

    def test_every_file_is_asked_for_once_and_none_is_begun_after_a_refusal(self):
        asked = self.folder / "asked"
        self.program(
            "python",
            f"""while [ "$1" != -r ]; do shift; done
read -r name _ <"$2"
echo "$name" >>{asked}
[ "$REFUSED" = 0 ]
""",
            self.folder / "env/bin",
        )
        lock = self.folder / "some.lock"
        names = [f"part{i}==1" for i in range(7)]
        lock.write_text("".join(f"{name} --hash=sha256:{'0' * 64}  # 1 MB\n" for name in names))
        script = f"GROUTER_ENV={self.folder}/env; download {lock} {self.folder}/wheels"
        done = self.bash(script, REFUSED=0)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(asked.read_text().split()), names)
        asked.unlink()
        done = self.bash(script, REFUSED=1)
        self.assertEqual(done.returncode, 3)
        self.assertIn("PyPI did not give part0==1", done.stderr)
        self.assertEqual(sorted(asked.read_text().split()), names[:2])

    def extract(self, digest):
        wheels = self.folder / "wheels"
        wheels.mkdir()
        with tarfile.open(wheels / "tool-1.tar.gz", "w:gz") as tar:
            entry = tarfile.TarInfo("tool-1/lib/tool")
            entry.size = 5
            tar.addfile(entry, io.BytesIO(b"bytes"))
        self.program("python", 'exec python3 "$@"', self.folder / "env/bin")
        lock = self.folder / "some.lock"
        lock.write_text(f"tool==1 --hash=sha256:{'0' * 64}  # 7 MB: tool-1/lib/tool -> bin/tool {digest}\n")
        return self.bash(f"GROUTER_ENV={self.folder}/env; extract_files {lock} {wheels}")

    def test_the_one_file_of_a_package_is_taken_and_can_be_run(self):
        done = self.extract(hashlib.sha256(b"bytes").hexdigest())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((self.folder / "env/bin/tool").read_bytes(), b"bytes")
        self.assertTrue(os.access(self.folder / "env/bin/tool", os.X_OK))

    def test_a_file_with_another_digest_is_refused_and_not_left_behind(self):
        done = self.extract("0" * 64)
        self.assertEqual(done.returncode, 3)
        self.assertIn("is not the file that the lock names", done.stderr)
        self.assertFalse((self.folder / "env/bin/tool").exists())


class Locks(unittest.TestCase):
    def test_every_line_pins_an_exact_version_and_a_sha_256_and_says_its_size(self):
        for name in ("requirements", "extracts", "cuda"):
            for line in pathlib.Path(f"third_party/{name}.lock").read_text().splitlines():
                if not line.startswith("#"):
                    self.assertRegex(
                        line,
                        r"^[a-z0-9-]+==[^ ]+ --hash=sha256:[0-9a-f]{64}  # \d+ MB(: \S+ -> \S+ [0-9a-f]{64})?$",
                    )

    def test_no_debian_package_of_the_list_is_a_daemon(self):
        names = re.findall(
            r"^([a-z0-9.+-]+) ", pathlib.Path("third_party/debian.lock").read_text(), re.MULTILINE
        )
        self.assertEqual({"prometheus", "slurm-wlm", "slurmctld", "openssh-server"} & set(names), set())
        self.assertEqual(len(names), len(set(names)))


class SetUp(ScriptTest):
    """The whole script in a copy of the tree whose packages and wheels are all there."""

    def setUp(self):
        super().setUp()
        self.tree = self.folder / "tree"
        shutil.copytree("third_party", self.tree / "third_party", symlinks=False)
        self.program(
            "dpkg-query", f"sed -n 's/^\\([^# ].*\\)/installed \\1/p' {self.tree}/third_party/debian.lock"
        )
        (self.folder / "os-release").write_text('ID=debian\nVERSION_ID="12"\n')
        self.environment = {
            "PATH": f"{self.folder}/programs:/usr/bin:/bin",
            "HOME": str(self.folder),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "GROUTER_OS_RELEASE": str(self.folder / "os-release"),
            "GROUTER_MACHINE": "x86_64",
        }

    def run_setup(self, *arguments):
        return subprocess.run(
            ["bash", f"{self.tree}/third_party/setup/setup.sh", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def complete_env(self):
        done = subprocess.run(
            ["bash", "-c", f". {self.tree}/third_party/setup/env.sh; mkdir -p $GROUTER_ENV $GROUTER_BUILD; "
             "touch $GROUTER_ENV/complete; echo $GROUTER_ENV"],
            env=self.environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.strip()

    def test_links_lead_into_the_cache_and_a_second_run_is_silent_and_changes_nothing(self):
        environment = self.complete_env()
        first = self.run_setup()
        self.assertEqual(first.returncode, 0, first.stderr)
        deps = self.tree / ".deps"
        self.assertEqual(os.readlink(deps / "libtorch"), f"{environment}/lib/python3.11/site-packages")
        self.assertEqual(os.readlink(deps / "cuda"), "../third_party/cuda/absent")
        self.assertIn(f"--disk_cache={self.folder}/cache/grouter/bazel", (deps / "bazelrc").read_text())
        before = {path.name: path.lstat().st_mtime_ns for path in deps.iterdir()}
        second = self.run_setup()
        self.assertEqual((second.returncode, second.stdout, second.stderr), (0, "", ""))
        self.assertEqual({path.name: path.lstat().st_mtime_ns for path in deps.iterdir()}, before)

    def test_another_distribution_is_refused_before_anything_is_made(self):
        (self.folder / "os-release").write_text('ID=fedora\nVERSION_ID=42\nPRETTY_NAME="Fedora Linux 42"\n')
        done = self.run_setup()
        self.assertEqual(done.returncode, 2)
        self.assertIn("Fedora Linux 42 is not Debian 12", done.stderr)
        self.assertFalse((self.folder / "cache").exists())

    def test_a_full_disk_is_refused_before_anything_is_fetched(self):
        self.program("df", "echo Avail IFree; echo 10M 999999")
        done = self.run_setup()
        self.assertEqual(done.returncode, 2)
        self.assertIn("MB to download", done.stdout)
        self.assertIn("10 MB are free", done.stderr)
        self.assertFalse((self.folder / "cache").exists())

    def test_an_unknown_argument_is_wrong_usage(self):
        done = self.run_setup("--cdua")
        self.assertEqual(done.returncode, 2)
        self.assertIn("unknown argument --cdua", done.stderr)


if __name__ == "__main__":
    unittest.main()
