"""report.html in headless Chromium, at the width of a desk and of a phone."""

import json
import math
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from tests.testing.browser.browser import DESK, OUTPUTS, PHONE, Browser


def events(rank):
    made, now = [], 0

    def add(step, kind, begin, length, layer=-1, chunk=-1):
        made.append(
            {
                "step": step,
                "rank": rank,
                "micro_batch": 0,
                "layer": layer,
                "chunk": chunk,
                "kind": kind,
                "begin_us": begin,
                "end_us": begin + length,
            }
        )

    for step in range(5):
        add(step + 2, "plan", now + 3000, 4000)
        for layer in range(3):
            add(step, "attention", now, 6000 + 300 * rank, layer)
            now += 6500
            add(step, "fetch", now - 3000, 2500, layer)
            for chunk in range(2):
                add(step, "dispatch", now + 3000 * chunk, 3500, layer, chunk)
                add(step, "compute", now + 3500 + 4000 * chunk, 4000, layer, chunk)
                add(step, "combine", now + 7500 + 4000 * chunk, 2500, layer, chunk)
            now += 15000
        add(step, "optimizer", now, 5000)
        now += 6000
    return made


def metrics(floor, rate):
    lines = []
    for step in range(200):
        tokens = (step + 1) * 8192
        loss = floor + 5.5 * math.exp(-step / 40)
        lines.append(
            {
                "step": step,
                "tokens": tokens,
                "train_loss": loss,
                "step_ms": 8192e3 / rate,
                "plan_wait_ms": 0.02,
                "tokens_per_s": rate,
            }
        )
        if step % 20 == 19:
            lines.append({"step": step, "tokens": tokens, "valid_loss": loss + 0.05})
    return "\n".join(map(json.dumps, lines)) + "\n"


class ReportInABrowserTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp())
        for name, floor, rate in (("table", 3.4, 14000), ("learned", 3.6, 12000)):
            run = cls.folder / name
            run.mkdir()
            (run / "metrics.jsonl").write_text(metrics(floor, rate))
            (run / "timeline.json").write_text(json.dumps(events(0)))
            (run / "timeline.rank1.json").write_text(json.dumps(events(1)))
        results = cls.folder / "results"
        results.mkdir()
        load = [1000 + 400 * (i * 7 % 5) for i in range(16)]
        (results / "stats.json").write_text(json.dumps({"layer_groups": [{"load": load}], "max_vio": 0.44}))
        (results / "place.json").write_text(
            json.dumps(
                {
                    "traffic": {
                        "unit": "rows",
                        "steps": 200,
                        "before": [[410000, 402000], [398000, 405000]],
                        "after": [[590000, 221000], [219000, 588000]],
                    },
                    "contiguous_step_ns": 8100000,
                    "predicted_step_ns": 6900000,
                }
            )
        )
        (results / "tokenize.json").write_text(json.dumps({"tokens": 1638400}))
        (results / "distill.json").write_text(
            json.dumps({"valid_kl": 0.21, "recall": 0.83, "static_recall": 0.71})
        )
        (results / "corpus.json").write_text(
            json.dumps({"documents": 17, "name": "</script><b>not markup</b>"})
        )
        cls.page = cls.folder / "report.html"
        with open(cls.page, "w", encoding="utf-8") as page:
            subprocess.run(
                ["tests/tools/report/make_report", cls.folder / "table", cls.folder / "learned", results],
                stdout=page,
                check=True,
            )
        with Browser() as browser:
            cls.drawn = {
                size: browser.draw(cls.page, size, f"report_{name}.png")
                for name, size in (("desk", DESK), ("phone", PHONE))
            }
            cls.problems = browser.problems
        cls.dom = {size: drawn.html for size, drawn in cls.drawn.items()}

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def test_the_page_draws_to_its_end(self):
        self.assertEqual(self.problems, [])
        for size, dom in self.dom.items():
            self.assertIn('data-drawn="yes"', dom, size)

    def test_both_runs_have_a_curve_with_a_point_per_validation(self):
        for dom in self.dom.values():
            for name in ("routing table", "learned router"):
                curve = re.search(rf'<g class="curve" data-name="{name}">.*?</g>', dom, re.DOTALL).group()
                self.assertEqual(curve.count("<circle"), 10)
                self.assertNotIn("NaN", curve)

    def test_every_expert_has_a_bar(self):
        for dom in self.dom.values():
            section = re.search(r'<section id="load">.*?</section>', dom, re.DOTALL).group()
            self.assertEqual(len(re.findall(r"<title>expert \d+: ", section)), 16)

    def test_traffic_is_shown_before_and_after_placement(self):
        for dom in self.dom.values():
            self.assertEqual(dom.count('<g class="cell">'), 8)
            self.assertIn("rank 0 to rank 1: 402,000 rows", dom)
            self.assertIn("rank 0 to rank 1: 221,000 rows", dom)
            self.assertIn("800,000 before, 440,000 as placed (-45.0 %)", dom)

    def test_the_timeline_shows_all_kinds_of_both_ranks(self):
        for dom in self.dom.values():
            section = re.search(r'<section id="timeline">.*?</section>', dom, re.DOTALL).group()
            for kind in ("plan", "fetch", "dispatch", "compute", "combine", "attention", "optimizer"):
                self.assertIn(f"<title>{kind}, step ", section)
            self.assertIn(">rank 0<", section)
            self.assertIn(">rank 1<", section)

    def test_the_words_say_who_won_and_the_table_has_the_numbers(self):
        dom = self.dom[DESK]
        self.assertIn("The routing table won", dom)
        for text in ("1,638,400", "0.2100", "83.0 %", "71.0 %", "8.100", "6.900"):
            self.assertIn(text, dom)

    def test_nothing_is_loaded_from_elsewhere(self):
        source = self.page.read_text("utf-8")
        self.assertEqual(re.findall(r'(?:src|href)="', source), [])
        self.assertNotIn("<b>not markup", source)

    def test_nothing_is_wider_than_the_window(self):
        for size, drawn in self.drawn.items():
            self.assertEqual(drawn.window, size[0])
            self.assertLessEqual(drawn.width, size[0])

    def test_screenshots_are_kept(self):
        for name in ("desk", "phone"):
            self.assertGreater((OUTPUTS / f"report_{name}.png").stat().st_size, 20000)


if __name__ == "__main__":
    unittest.main()
