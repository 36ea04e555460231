"""Headless Chromium on a pipe (the DevTools protocol): pages at an exact width, asked and photographed."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

# Where a test's pictures are kept, and the windows that pages are tried in.
OUTPUTS = Path(os.environ.get("TEST_UNDECLARED_OUTPUTS_DIR", tempfile.gettempdir()))
DESK, PHONE = (1280, 900), (390, 844)

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-extensions",
    "--disable-background-networking",
    "--remote-debugging-pipe",
]


class Drawn(NamedTuple):
    html: str  # the page after its scripts ran
    width: int  # of what is on it, in CSS pixels
    window: int


class Browser:
    """Use as a context manager. One page."""

    def __enter__(self):
        self._profile = tempfile.mkdtemp()
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        # Chromium reads commands at descriptor 3 and answers at 4.
        script = f'exec 3<&{to_browser} 4>&{from_browser}; exec chromium "$@"'
        self._process = subprocess.Popen(
            [
                "bash",
                "-c",
                script,
                "chromium",
                *ARGUMENTS,
                f"--user-data-dir={self._profile}",
                "about:blank",
            ],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._buffer = b""
        self._next_id = 0
        self.problems = []
        targets = self._call("Target.getTargets")["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
        attached = self._call("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *unused):
        self._process.kill()
        self._process.wait()
        os.close(self._out)
        os.close(self._in)
        shutil.rmtree(self._profile, ignore_errors=True)

    def _message(self):
        while b"\0" not in self._buffer:
            read = os.read(self._in, 1 << 16)
            if not read:
                raise RuntimeError("Chromium ended")
            self._buffer += read
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)

    def _call(self, method, session=None, **parameters):
        self._next_id += 1
        request = {"id": self._next_id, "method": method, "params": parameters}
        if session is not None:
            request["sessionId"] = session
        os.write(self._out, json.dumps(request).encode() + b"\0")
        while True:
            message = self._message()
            if message.get("id") == self._next_id:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            if message.get("method") == "Log.entryAdded" and message["params"]["entry"]["level"] == "error":
                self.problems.append(message["params"]["entry"]["text"])
            if message.get("method") == "Runtime.exceptionThrown":
                self.problems.append(json.dumps(message["params"]["exceptionDetails"]))

    def call(self, method, **parameters):
        return self._call(method, session=self._session, **parameters)

    def resize(self, width, height, dark=False):
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2,
            mobile=width < 500,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, url):
        self.call("Page.navigate", url=url)

    def ask(self, expression):
        """The value of a JavaScript expression; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return answer["result"].get("value")

    def wait_for(self, expression):
        """Until the expression is true; looked at with each frame the page draws."""
        self.ask(
            "new Promise((resolve, reject) => { let left = 3600; const look = () => {"
            f" let good = false; try {{ good = {expression}; }} catch (error) {{ good = false; }}"
            " if (good) resolve(true); else if ((left -= 1) < 0) reject(new Error('never'));"
            " else setTimeout(look, 16); }; look(); })"
        )

    def draw(self, path, size, photograph):
        """A local page that marks its end by body's data-drawn, in a window of `size`; its picture is kept."""
        self.resize(*size)
        self.open(f"file://{path}")
        self.wait_for("document.body.dataset.drawn === 'yes'")
        self.photograph(OUTPUTS / photograph)
        return Drawn(
            self.ask("document.documentElement.outerHTML"),
            self.ask("document.documentElement.scrollWidth"),
            self.ask("window.innerWidth"),
        )

    def photograph(self, path):
        """The whole page as PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))
