"""The status page of the real server in headless Chromium, at the width of a desk and of a phone."""

import shutil
import unittest

import grpc

from tests.client.python import served_plans
from tests.testing.browser.browser import DESK, OUTPUTS, PHONE, Browser

client = served_plans.import_client()

from grouter.v1 import plan_service_pb2, plan_service_pb2_grpc  # noqa: E402

NASTY = "</td><script>document.title='broken in'</script><b>bold</b>"


@unittest.skipUnless(shutil.which("chromium"), "chromium is not installed")
class StatusPageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.job = cls.enterClassContext(served_plans.ServedJob(["--http", "127.0.0.1:0"], shape=["large"]))
        cls.page = "http://" + cls.job.http_address + "/"
        cls.streams = [cls.worker(f"worker {rank}" if rank == 0 else NASTY, rank) for rank in (0, 1)]
        cls.browser = cls.enterClassContext(Browser())

    @classmethod
    def worker(cls, name, rank):
        """A stream that stays open, waiting for credit in step 1, with step 0 finished."""
        channel = cls.enterClassContext(grpc.insecure_channel(cls.job.address))
        requests = served_plans.OpenRequests()
        opening = plan_service_pb2.OpenPlanStream(job_digest=cls.job.digest, rank=rank, worker=name)
        requests.put(plan_service_pb2.StreamPlansRequest(open=opening, granted_payload_bytes=1 << 20))
        call = plan_service_pb2_grpc.PlanServiceStub(channel).StreamPlans(iter(requests))
        granted, received, step = 1 << 20, 0, 0
        while step == 0:
            for frame in next(call).frames:
                received += len(frame.data)
                step = frame.position.step
            if received == granted and step == 0:
                granted += 1 << 20
                requests.put(plan_service_pb2.StreamPlansRequest(granted_payload_bytes=granted))
        progress = plan_service_pb2.WorkerProgress(finished_step=0, stalled_ns=25_000_000)
        requests.put(plan_service_pb2.StreamPlansRequest(progress=progress))
        return call, requests

    def show(self, size, **how):
        self.browser.resize(*size, **how)
        self.browser.open(self.page)
        self.browser.wait_for("document.querySelectorAll('article canvas').length >= 4")
        self.browser.wait_for("document.body.innerText.includes('worker 0')")

    def test_it_shows_jobs_tables_load_traffic_lead_and_workers(self):
        self.show(DESK)
        text = self.browser.ask("document.body.innerText")
        for part in ("serving", "Expert load, layer group 0", "Rows between ranks", "Plan lead", "worker 0",
                     "tables/train", "step finished", "MaxVio", self.job.digest[:12]):  # fmt: skip
            self.assertIn(part, text)
        self.browser.photograph(OUTPUTS / "status_page_desk.png")
        self.assertGreater((OUTPUTS / "status_page_desk.png").stat().st_size, 20000)

    def test_it_fits_a_phone(self):
        self.show(PHONE)
        self.browser.photograph(OUTPUTS / "status_page_phone.png")
        self.assertEqual(self.browser.ask("window.innerWidth"), PHONE[0])
        self.assertLessEqual(self.browser.ask("document.documentElement.scrollWidth"), PHONE[0])
        smallest = self.browser.ask(
            "Math.min(...[...document.querySelectorAll('main *')]"
            ".map((node) => parseFloat(getComputedStyle(node).fontSize)))"
        )
        self.assertGreaterEqual(smallest, 12)

    def test_dark_screens_get_dark_paper(self):
        self.show(PHONE, dark=True)
        self.browser.photograph(OUTPUTS / "status_page_dark.png")
        self.assertEqual(
            self.browser.ask("getComputedStyle(document.body).backgroundColor"), "rgb(21, 24, 28)"
        )

    def test_a_name_is_never_markup(self):
        self.show(DESK)
        self.assertIn("<script>", self.browser.ask("document.body.innerText"))
        self.assertEqual(self.browser.ask("document.title"), "Grouter routing server")
        self.assertEqual(self.browser.ask("document.querySelectorAll('main b, main script').length"), 0)

    def test_it_is_whole_without_a_network_and_breaks_no_rule_of_its_policy(self):
        self.browser.problems.clear()
        self.show(DESK)
        loaded = self.browser.ask("performance.getEntriesByType('resource').map((entry) => entry.name)")
        self.assertGreaterEqual(len(loaded), 3)
        for name in loaded:
            self.assertTrue(name.startswith((self.page, "data:")), name)
        self.assertEqual(self.browser.problems, [])
        refused = self.browser.ask(
            "new Promise((done) => { document.addEventListener('securitypolicyviolation', () => done(true));"
            " const script = document.createElement('script'); script.textContent = 'document.title = \"x\"';"
            " document.body.append(script); })"
        )
        self.assertTrue(refused)

    def test_it_says_so_when_the_server_is_gone(self):
        self.show(PHONE)
        self.browser.call("Network.enable")
        self.browser.call(
            "Network.emulateNetworkConditions",
            offline=True,
            latency=0,
            downloadThroughput=0,
            uploadThroughput=0,
        )
        self.browser.wait_for("document.getElementById('state').textContent.startsWith('no news')")
        self.browser.call(
            "Network.emulateNetworkConditions",
            offline=False,
            latency=0,
            downloadThroughput=-1,
            uploadThroughput=-1,
        )
        self.browser.wait_for("document.getElementById('state').textContent === 'serving'")


if __name__ == "__main__":
    unittest.main()
