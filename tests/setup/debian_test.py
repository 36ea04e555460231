import unittest

from tests.setup.scripts import ScriptTest

POLICY = "echo \"$2:\"; echo '  Installed: (none)'; echo '  Candidate: 3.2-1'"


class Missing(ScriptTest):
    def missing(self, lock):
        self.program(
            "dpkg-query",
            "echo 'installed libzip-dev 1.7.3-1+b1'; echo 'installed g++ 4:12.2.0-3'; echo 'config-files libisal-dev 2.30.0-5'",
        )
        path = self.folder / "debian.lock"
        path.write_text(lock)
        done = self.bash(f"missing_packages {path}")
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.split()

    def test_what_is_installed_in_its_version_or_later_is_not_missing(self):
        self.assertEqual(self.missing("# a comment\nlibzip-dev 1.7.3\ng++ 4:12\n"), [])

    def test_what_is_absent_removed_or_too_old_is_missing(self):
        self.assertEqual(
            self.missing("libzip-dev 1.8\nlibisal-dev 2.0\nlibhwy-dev 1.0\n"),
            ["libzip-dev", "libisal-dev", "libhwy-dev"],
        )


class Install(ScriptTest):
    def install(self, packages="libzip-dev libhwy-dev", user=0):
        self.program("id", f"echo {user}")
        lock = self.folder / "debian.lock"
        lock.write_text("libzip-dev 1.7.3\nlibhwy-dev 1.0.3\n")
        return self.bash(f"install_packages {lock} {packages}")

    def test_without_root_the_exact_line_is_printed_and_nothing_runs(self):
        self.program("apt-get", f"touch {self.folder}/ran")
        done = self.install(user=1000)
        self.assertEqual(done.returncode, 2)
        self.assertIn(
            "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends libzip-dev libhwy-dev'",
            done.stderr,
        )
        self.assertFalse((self.folder / "ran").exists())

    def test_packages_are_installed_by_name_after_an_update(self):
        self.program("apt-get", f'echo "$*" >>{self.folder}/log')
        self.program("apt-cache", POLICY)
        done = self.install()
        self.assertEqual(done.returncode, 0, done.stderr)
        log = (self.folder / "log").read_text()
        self.assertLess(
            log.index("update"), log.index("install -y --no-install-recommends libzip-dev libhwy-dev")
        )

    def test_without_a_network_the_package_and_the_command_are_named(self):
        self.program("apt-get", "echo 'E: The repository has no Release file'; exit 100")
        done = self.install()
        self.assertEqual(done.returncode, 3)
        self.assertIn("libzip-dev and 1 other packages", done.stderr)
        self.assertIn("try: apt-get update", done.stderr)

    def test_a_mirror_without_the_package_is_named_with_the_version_needed(self):
        self.program("apt-get", "exit 0")
        self.program("apt-cache", "echo '  Candidate: (none)'")
        done = self.install()
        self.assertEqual(done.returncode, 3)
        self.assertIn("libzip-dev, needed: 1.7.3", done.stderr)
        self.assertIn("try: apt-get install --no-install-recommends libzip-dev", done.stderr)

    def test_a_package_whose_download_is_refused_is_named(self):
        self.program("apt-cache", POLICY)
        self.program(
            "apt-get",
            'case "$*" in *"--assume-no"*|*update*) exit 0 ;; esac\n'
            "echo 'E: Failed to fetch http://mirror/pool/main/h/highway/libhwy-dev_1.0.3_amd64.deb  403  Forbidden'\nexit 100\n",
        )
        done = self.install()
        self.assertEqual(done.returncode, 3)
        self.assertIn("could not install libhwy-dev", done.stderr)

    def test_a_lock_that_another_program_holds_is_waited_for(self):
        self.program("apt-cache", POLICY)
        self.program("sleep", f"touch {self.folder}/waited")
        self.program(
            "apt-get",
            f"[ -e {self.folder}/waited ] || {{ echo 'E: Could not get lock /var/lib/apt/lists/lock'; exit 100; }}",
        )
        done = self.install()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("waiting for it", done.stdout)


if __name__ == "__main__":
    unittest.main()
