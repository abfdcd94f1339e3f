"""`nephoscope demo` collects logs from the simulated clouds until they can be searched through its API."""

import re

from harness import BINARY, Process, check, count, finish, free_port, request, search, wait_until, workspace

with workspace() as folder:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    demo = Process([BINARY, "demo", "--listen", f"127.0.0.1:{port}", "--data-dir", folder / "data"], folder / "demo.log")
    try:
        def address():
            if not demo.is_running():
                raise RuntimeError("the demo ended: " + demo.output()[-2000:])
            return re.search(r"open (http://\S+)", demo.output())

        shown = wait_until(address, "the demo prints its address").group(1)
        check(shown.rstrip("/") == url, f"the demo prints the address to open: {shown}")
        wait_until(lambda: count(url) >= 100, "collected logs can be searched")
        check(True, f"{count(url)} collected events can be searched")
        rows = search(url, "REPORT | count by function")
        check(len(rows) >= 1, f"functions that reported: {len(rows)}")
        for query in ("provider=gcp", 'provider=azure "Executed" "Duration="', 'provider=azure "FunctionInstanceId"'):
            rows = wait_until(lambda: search(url, f"{query} | count by function"), f"{query} finds something")
            check(len(rows) >= 1, f"functions that `{query}` finds: {len(rows)}")
        status, page = request(url, "GET", "/")
        check(status == 200 and b"<html" in page.lower(), "the search page is served")
    finally:
        status = demo.end()
    check(status == 0, f"the demo stops when it is told to: status {status}")
finish()
