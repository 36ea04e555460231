"""The real server as a person sees it with grpcurl: without a .proto, names not numbers, zeros shown."""

import json
import os
import pathlib
import subprocess
import unittest

from tests.client.python import served_plans

served_plans.import_client()

GRPCURL = str(pathlib.Path(os.environ["GROUTER_DEPS"]) / "bin" / "grpcurl")
SERVICES = ["CatalogService", "PlanService", "ReplayService", "StatsService"]


class GrpcurlTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.job = cls.enterClassContext(served_plans.ServedJob())

    def grpcurl(self, *arguments, options=()):
        done = subprocess.run(
            [GRPCURL, "-plaintext", "-max-time", "10", *options, self.job.address, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.stdout

    def ask(self, method, **request):
        out = self.grpcurl(method, options=["-d", json.dumps(request)])
        return json.loads(out)

    def test_every_service_is_described_without_a_proto_file(self):
        names = self.grpcurl("list").split()
        expected = ["grouter.v1." + name for name in SERVICES] + ["grpc.health.v1.Health"]
        self.assertLessEqual(set(expected), set(names))
        for name in names:
            described = self.grpcurl("describe", name)
            self.assertIn("is a service", described)
            self.assertIn("rpc ", described)
        self.assertIn("granted_payload_bytes", self.grpcurl("describe", "grouter.v1.StreamPlansRequest"))

    def test_each_service_has_its_health_at_once_and_watched(self):
        for service in ["", *("grouter.v1." + name for name in SERVICES)]:
            self.assertEqual(self.ask("grpc.health.v1.Health/Check", service=service), {"status": "SERVING"})
        watched = self.grpcurl(
            "grpc.health.v1.Health/Watch",
            options=["-max-time", "1", "-d", '{"service": "grouter.v1.PlanService"}'],
        )
        self.assertIn('"status": "SERVING"', watched)
        self.assertIn(
            "NotFound", self.grpcurl("grpc.health.v1.Health/Check", options=["-d", '{"service": "no"}'])
        )

    def test_statistics_show_zeros_and_units(self):
        stats = self.ask("grouter.v1.StatsService/GetStats")
        server = stats["server"]
        self.assertEqual((server["connections_refused"], server["open_streams"]), ("0", "0"))
        self.assertIs(server["draining"], False)
        self.assertEqual(server["plan_cache_hits"], "0")
        self.assertIn("uptime_seconds", server)
        (job,) = stats["jobs"]
        self.assertEqual(job["digest"], self.job.digest)
        self.assertEqual((job["steps_counted"], job["local_share"]), ("0", 0))
        (table,) = stats["tables"]
        self.assertEqual((table["digest"], table["num_jobs"]), (job["table_digests"][0], 1))

    def test_tables_and_plans_are_named_not_numbered(self):
        (table,) = self.ask("grouter.v1.CatalogService/ListTables")["tables"]
        self.assertEqual(table["path"], "tables/train")
        self.assertEqual(table["causality"], "CAUSALITY_CAUSAL")
        self.assertIn("stored_bytes", table)
        plan = self.ask("grouter.v1.PlanService/DescribePlan", job_digest=self.job.digest[:8], step=0, rank=0)
        micro_batches = plan["plan"]["micro_batches"]
        self.assertEqual(len(micro_batches), 2)
        self.assertEqual(plan["plan"]["step"], "0")

    def test_errors_are_names_with_details(self):
        out = self.grpcurl(
            "grouter.v1.PlanService/DescribePlan",
            options=["-d", json.dumps({"job_digest": self.job.digest, "step": 999999})],
        )
        self.assertIn("OutOfRange", out)
        self.assertIn("the last", out)


if __name__ == "__main__":
    unittest.main()
