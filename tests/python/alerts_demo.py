"""In the demo the bad deployment makes "Lambda error rate" fire within two minutes; its page explains it; it resolves after the roll-back."""

import pathlib
import re
import subprocess
import time

from harness import BINARY, Process, call, check, finish, free_port, wait_until, workspace

UI = pathlib.Path(__file__).resolve().parents[2] / "crates/web/ui"
MONITOR = "aws-lambda:error-rate"
# The bad version lives from the first minute to the fourth.
DEPLOYED, ROLLED_BACK = 1, 4


def alert(url):
    """The newest alert of the checkout."""
    alerts = call(url, "GET", "/api/v1/alerts")[1]["alerts"]
    mine = [one for one in alerts if one["monitorId"] == MONITOR and one["labels"].get("function") == "checkout-api"]
    return max(mine, key=lambda one: one["beganAt"], default=None)


with workspace() as folder:
    url = f"http://127.0.0.1:{free_port()}"
    demo = Process(
        [BINARY, "demo", "--listen", url.removeprefix("http://"), "--data-dir", folder / "data", "--bad-deployment", f"{DEPLOYED},{ROLLED_BACK}"],
        folder / "demo.log",
    )
    try:
        def is_up():
            if not demo.is_running():
                raise RuntimeError("the demo ended: " + demo.output()[-2000:])
            return re.search(r"open (http://\S+)", demo.output())

        wait_until(is_up, "the demo prints its address")
        begin = time.time()
        monitors = call(url, "GET", "/api/v1/monitors")[1]["monitors"]
        check(len(monitors) >= 6, f"packaged monitors are watched: {[one['id'] for one in monitors]}")
        fired = wait_until(lambda: (found := alert(url)) and found["severity"] == "critical" and found, "the error rate is critical", 300)
        # By the windows that were looked at: how busy this machine is does not count.
        history = call(url, "GET", f"/api/v1/alerts/{fired['id']}")[1]["history"]
        critical = next(event for event in history if event["kind"] in ("fired", "raised") and event["severity"] == "critical")
        seconds = critical["at"] / 1000 - begin - 60 * DEPLOYED
        check(seconds <= 120, f"it is critical {seconds:.0f} s after the bad deployment; told after {time.time() - begin - 60 * DEPLOYED:.0f} s")
        check(any("TypeError" in line["text"] for line in fired["samples"]), "the alert shows the lines that caused it")
        walk = subprocess.run(["node", "e2e/alerts.mjs", url], cwd=UI, timeout=300)
        check(walk.returncode == 0, "the pages explain it to a person")
        over = wait_until(lambda: (found := alert(url)) and not found["isOpen"] and found, "it resolves", 600)
        seconds = time.time() - begin - 60 * ROLLED_BACK
        check(over["state"] == "resolved", f"it is resolved {seconds:.0f} s after the roll-back")
        history = [event["kind"] for event in call(url, "GET", f"/api/v1/alerts/{over['id']}")[1]["history"]]
        check(history.count("fired") == 1 and history.count("resolved") == 1, f"its history has each change once: {history}")
    finally:
        demo.end()
finish()
