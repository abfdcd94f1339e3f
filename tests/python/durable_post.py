"""100 MB of NDJSON that was acknowledged survives a `kill -9` right after the 200."""

import json
import time

from harness import Node, check, count, finish, request, workspace

BYTES = 100_000_000
SOURCE = """
[[sources]]
name = "ndjson"
collector = "sumo_http"
token = "bench"
format = "ndjson"
time_field = "_time"
message_field = "message"
"""


def body():
    """About 100 MB of different events; returns the bytes and their number."""
    now_ms = int(time.time() * 1000)
    lines, size = [], 0
    while size < BYTES:
        number = len(lines)
        event = {"_time": now_ms - 600_000 + number // 5, "function": f"f{number % 20}", "level": "INFO", "message": f"event {number} " + "x" * 100}
        lines.append(json.dumps(event).encode())
        size += len(lines[-1]) + 1
    return b"\n".join(lines) + b"\n", len(lines)


with workspace() as folder, Node(folder, SOURCE) as node:
    data, events = body()
    status, answer = request(node.url, "POST", "/receiver/v1/http/bench", data)
    node.kill()
    check(status == 200, f"{len(data)} bytes were acknowledged with {status} {answer[:200]!r}")
    node.start()
    found = count(node.url)
    check(found == events, f"after kill -9 and a restart {found} of {events} events are there")
    node.kill()
    node.start()
    found = count(node.url)
    check(found == events, f"after one more kill -9 {found} of {events} events are there")
finish()
