"""`grouter table stats --html` in headless Chromium: it draws to its end, without a network; the screenshot is kept."""

import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from tests.testing.browser.browser import DESK, OUTPUTS, Browser

# How many colours a canvas shows: an empty one has one.
COLOURS = """(name => {
  const canvas = document.getElementById(name);
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data, colours = new Set();
  for (let i = 0; i < pixels.length; i += 4) colours.add(pixels[i] * 65536 + pixels[i + 1] * 256 + pixels[i + 2]);
  return colours.size;
})"""
CANVASES = ("load", "loadscale", "matrix", "matrixscale")


class StatsInABrowserTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp())
        source = subprocess.run(
            ["tests/tools/table/make_stats_page"], stdout=subprocess.PIPE, text=True, check=True
        ).stdout
        cls.page = cls.folder / "stats.html"
        cls.page.write_text(source, encoding="utf-8")
        with Browser() as browser:
            cls.drawn = browser.draw(cls.page, DESK, "stats.png")
            cls.colours = {name: browser.ask(f"{COLOURS}('{name}')") for name in CANVASES}
        cls.dom = cls.drawn.html

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def test_it_draws_to_its_end(self):
        self.assertIn('data-drawn="yes"', self.dom)
        for canvas in CANVASES:
            self.assertGreater(self.colours[canvas], 8, canvas)

    def test_every_layer_group_can_be_chosen_and_has_its_numbers(self):
        self.assertEqual(len(re.findall(r"<option>layer group \d</option>", self.dom)), 5)
        self.assertEqual(len(re.findall(r"<tr>", self.dom)), 6)

    def test_it_fits_the_window_and_names_are_text(self):
        self.assertLessEqual(self.drawn.width, DESK[0])
        self.assertNotIn("<b>not markup", self.dom)

    def test_the_screenshot_is_kept(self):
        self.assertGreater((OUTPUTS / "stats.png").stat().st_size, 20000)


if __name__ == "__main__":
    unittest.main()
