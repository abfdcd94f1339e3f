"""The search page and the lookup tables in Chromium, against a node that holds a million events."""

import json
import pathlib
import subprocess
import time

from harness import Node, check, count, finish, request, workspace

UI = pathlib.Path(__file__).resolve().parents[2] / "crates/web/ui"
EVENTS, BATCH = 1_000_000, 250_000
SOURCE = """
[[sources]]
name = "ndjson"
collector = "sumo_http"
token = "bench"
format = "ndjson"
time_field = "_time"
message_field = "message"
"""
# The neighbours of an event are those of its stream.
STREAM = {"X-Sumo-Host": "fleet", "X-Sumo-Name": "stream"}
LEVELS = ["INFO"] * 17 + ["WARN", "ERROR", "DEBUG"]


def fill(node):
    """Pushes the events, spread over the last forty minutes."""
    begin_ms = int(time.time() * 1000) - 2_400_000
    for first in range(0, EVENTS, BATCH):
        lines = (
            json.dumps({
                "_time": begin_ms + number * 2_390_000 // EVENTS,
                "function": f"function-{number % 9}",
                "level": LEVELS[number % len(LEVELS)],
                "message": json.dumps({"event": number, "path": f"/orders/{number % 100}", "latency_ms": number % 977}),
            })
            for number in range(first, first + BATCH)
        )
        status, answer = request(node.url, "POST", "/receiver/v1/http/bench", "\n".join(lines).encode(), headers=STREAM)
        if status != 200:
            raise RuntimeError(f"refused with {status}: {answer[:200]!r}")


with workspace() as folder, Node(folder, SOURCE) as node:
    fill(node)
    check(count(node.url) == EVENTS, f"{EVENTS} events were pushed")
    result = subprocess.run(["node", "e2e/search.mjs", node.url, "--million"], cwd=UI, timeout=600)
    check(result.returncode == 0, "the search page does what a person asks of it, and a million rows do not freeze it")
    result = subprocess.run(["node", "e2e/lookup-tables.mjs", node.url], cwd=UI, timeout=600)
    check(result.returncode == 0, "a CSV file becomes a table in the browser, and queries look its values up")
finish()
