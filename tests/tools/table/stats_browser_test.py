"""`grouter table stats --html` in headless Chromium: it draws to its end, without a network; the screenshot is kept."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

OUTPUTS = Path(os.environ.get("TEST_UNDECLARED_OUTPUTS_DIR", tempfile.gettempdir()))

# How many colours each canvas shows: an empty one has one.
PROBE = """<script>for (const canvas of document.querySelectorAll("canvas")) {
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data, colours = new Set();
  for (let i = 0; i < pixels.length; i += 4) colours.add(pixels[i] * 65536 + pixels[i + 1] * 256 + pixels[i + 2]);
  document.body.dataset[canvas.id] = colours.size;
}
document.body.dataset.width = document.documentElement.scrollWidth;</script></html>"""


def chromium(page, *arguments):
    profile = tempfile.mkdtemp()
    command = ["chromium", "--headless", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
    command += ["--hide-scrollbars", "--no-first-run", "--disable-extensions", "--window-size=1240,1200"]
    command += [f"--user-data-dir={profile}", *arguments, f"file://{page}"]
    try:
        return subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=120, check=True
        ).stdout
    finally:
        shutil.rmtree(profile, ignore_errors=True)


class StatsInABrowserTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp())
        source = subprocess.run(
            ["tests/tools/table/make_stats_page"], stdout=subprocess.PIPE, text=True, check=True
        ).stdout
        cls.page = cls.folder / "stats.html"
        cls.page.write_text(source, encoding="utf-8")
        probed = cls.folder / "probed.html"
        probed.write_text(source.replace("</html>", PROBE), encoding="utf-8")
        cls.dom = chromium(probed, "--dump-dom")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def seen(self, name):
        return int(re.search(rf'data-{name}="(\d+)"', self.dom).group(1))

    def test_it_draws_to_its_end(self):
        self.assertIn('data-drawn="yes"', self.dom)
        for canvas in ("load", "loadscale", "matrix", "matrixscale"):
            self.assertGreater(self.seen(canvas), 8, canvas)

    def test_every_layer_group_can_be_chosen_and_has_its_numbers(self):
        self.assertEqual(len(re.findall(r"<option>layer group \d</option>", self.dom)), 5)
        self.assertEqual(len(re.findall(r"<tr>", self.dom)), 6)

    def test_it_fits_the_window_and_names_are_text(self):
        self.assertLessEqual(self.seen("width"), 1240)
        self.assertNotIn("<b>not markup", self.dom)

    def test_the_screenshot_is_kept(self):
        shot = OUTPUTS / "stats.png"
        chromium(self.page, f"--screenshot={shot}")
        self.assertGreater(shot.stat().st_size, 20000)


if __name__ == "__main__":
    unittest.main()
