"""The files under deploy/ that other programs read: they parse, and name what Grouter has."""

import configparser
import json
import re
import subprocess
import unittest
from pathlib import Path

DEPLOY = Path("deploy")


def read(name):
    return (DEPLOY / name).read_text()


def flags_of(program):
    return set(
        re.findall(r"--[a-z_-]+", subprocess.run([program, "--help"], text=True, capture_output=True).stdout)
    )


class DeployFilesTest(unittest.TestCase):
    def test_dashboards_and_alerts_name_metrics_that_the_server_has(self):
        metrics = set(re.findall(r'"(grouter_[a-z_]+)"', Path("server/http/metrics.cc").read_text()))
        self.assertGreater(len(metrics), 15)
        for name in ("grafana/grouter.json", "prometheus/alerts.yml"):
            named = set(re.findall(r"grouter_[a-z_]+", read(name)))
            self.assertTrue(named)
            self.assertEqual(named - metrics, set(), name)

    def test_the_dashboard_is_json_with_a_query_in_every_panel(self):
        for panel in json.loads(read("grafana/grouter.json"))["panels"]:
            self.assertTrue(panel["targets"][0]["expr"], panel["title"])

    def test_the_unit_starts_the_server_with_its_configuration(self):
        unit = configparser.ConfigParser(strict=False, interpolation=None)
        unit.optionxform = str
        unit.read_string(read("systemd/grouter-server.service"))
        self.assertRegex(
            unit["Service"]["ExecStart"], r"/grouter_server --config /etc/grouter/server.textproto$"
        )
        self.assertEqual(unit["Service"]["KillSignal"], "SIGTERM")

    def test_the_batch_script_is_a_script(self):
        subprocess.run(["bash", "-n", DEPLOY / "slurm/train.sbatch"], check=True)

    def test_every_flag_in_a_deployment_is_one_that_the_programs_have(self):
        flags = {
            "grouter_server": flags_of("server/grouter_server"),
            "grouter_trainer": flags_of("trainer/grouter_trainer"),
        }
        for name in (
            "slurm/train.sbatch",
            "kubernetes/server.yaml",
            "kubernetes/trainer.yaml",
            "container/Containerfile",
        ):
            text = re.sub(r"#.*", "", read(name)).replace("\\\n", " ")
            for program, line in re.findall(r"(grouter_server|grouter_trainer)\b(.*)", text):
                for flag in re.findall(r"--[a-z_]+", line):
                    self.assertIn(flag, flags[program], f"{name}: {program}{line}")
        arguments = re.search(r"args: (\[--root.*?\])", read("kubernetes/server.yaml"), re.DOTALL).group(1)
        for flag in re.findall(r"--[a-z_]+", arguments):
            self.assertIn(flag, flags["grouter_server"])

    def test_manifests_hold_whole_objects(self):
        for path in DEPLOY.glob("kubernetes/*.yaml"):
            for document in path.read_text().split("\n---\n"):
                self.assertNotIn("\t", document)
                for field in ("apiVersion", "kind", "metadata", "spec"):
                    self.assertRegex(document, rf"(?m)^{field}:", path)


if __name__ == "__main__":
    unittest.main()
