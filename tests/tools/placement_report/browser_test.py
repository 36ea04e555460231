"""The page of `grouter plan report` in headless Chromium, at the width of a desk and of a phone."""

import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from tests.testing.browser.browser import DESK, OUTPUTS, PHONE, Browser

RANKS, SLOTS = 4, 28


class PlacementReportTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp())
        cls.page = cls.folder / "plan.html"
        with open(cls.page, "w", encoding="utf-8") as page:
            subprocess.run(["tests/tools/placement_report/make_placement_report"], stdout=page, check=True)
        with Browser() as browser:
            cls.drawn = {
                size: browser.draw(cls.page, size, f"placement_{name}.png")
                for name, size in (("desk", DESK), ("phone", PHONE))
            }
            cls.problems = browser.problems
        cls.dom = {size: drawn.html for size, drawn in cls.drawn.items()}

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def section(self, dom, name):
        return re.search(rf'<section id="{name}">.*?</section>', dom, re.DOTALL).group()

    def test_the_page_draws_to_its_end(self):
        self.assertEqual(self.problems, [])
        for size, dom in self.dom.items():
            self.assertIn('data-drawn="yes"', dom, size)
            self.assertNotIn("NaN", re.sub(r"<script.*?</script>", "", dom, flags=re.DOTALL))

    def test_coactivation_is_drawn_in_order_and_as_placed_with_its_share(self):
        for dom in self.dom.values():
            section = self.section(dom, "coactivation")
            self.assertEqual(section.count('data-bins="24"'), 2)
            before, after = map(float, re.findall(r"([\d.]+) %", section))
            self.assertGreater(after, before)

    def test_every_slot_of_every_rank_is_there(self):
        for dom in self.dom.values():
            section = self.section(dom, "placement")
            self.assertEqual(section.count('class="slot"') + section.count('class="empty"'), SLOTS)
            self.assertIn(", a further copy: ", section)
            for rank in range(RANKS):
                self.assertIn(f">rank {rank}<", section)

    def test_traffic_and_load_are_shown_before_and_after(self):
        for dom in self.dom.values():
            self.assertEqual(self.section(dom, "traffic").count('<g class="cell">'), 2 * RANKS * RANKS)
            load = self.section(dom, "load")
            self.assertEqual(len(re.findall(r"<title>rank \d, dealt in order", load)), RANKS)
            self.assertEqual(len(re.findall(r"<title>rank \d, as planned", load)), RANKS)

    def test_the_words_are_there(self):
        self.assertIn("Hot experts", self.section(self.dom[DESK], "numbers"))
        self.assertIn("The cost model expects", self.dom[DESK])

    def test_nothing_is_loaded_from_elsewhere(self):
        source = self.page.read_text("utf-8")
        self.assertEqual(re.findall(r'(?:src|href)="', source), [])
        self.assertNotIn("What </script>", source)

    def test_nothing_is_wider_than_the_window(self):
        for size, drawn in self.drawn.items():
            self.assertEqual(drawn.window, size[0])
            self.assertLessEqual(drawn.width, size[0])

    def test_screenshots_are_kept(self):
        for name in ("desk", "phone"):
            self.assertGreater((OUTPUTS / f"placement_{name}.png").stat().st_size, 20000)


if __name__ == "__main__":
    unittest.main()
