"""What is on disk can be listed, verified and exported for other tools: DuckDB reads the same rows that a query finds."""

import json
import subprocess
import time

import duckdb

from harness import BINARY, Node, check, count, finish, request, search, wait_until, workspace

EVENTS = 3_000
SOURCE = """
[ingest]
flush_interval = "200ms"

[storage.compaction]
settle = "1s"

[[partitions]]
name = "audit"
where = { function = "login*" }

[[redaction_rules]]
name = "cards"
regex = '\\b\\d{16}\\b'

[[extraction_rules]]
name = "orders"
parse = "order * of *"
as = ["order", "customer"]

[[sources]]
name = "push"
collector = "sumo_http"
token = "t0ken"
format = "ndjson"
time_field = "_time"
message_field = "message"
"""


def segments(folder, *arguments):
    """Runs `nephoscope segments`; returns its status and output."""
    done = subprocess.run([BINARY, "segments", *arguments, "--data-dir", folder / "data"], capture_output=True, text=True, cwd=folder)
    return done.returncode, done.stdout + done.stderr


def listed(folder):
    """The segments, as `segments list --json` tells them."""
    return [json.loads(line) for line in segments(folder, "list", "--json")[1].splitlines()]


def push(node, first):
    """One batch of events, some of them of a partition of its own."""
    now_ms = int(time.time() * 1000) - 7_200_000
    lines = []
    for number in range(first, first + EVENTS // 3):
        function = "login" if number % 10 == 0 else f"f{number % 3}"
        message = f"order {number} of customer-{number % 7} paid with 4111111111111111"
        lines.append(json.dumps({"_time": now_ms + number, "function": function, "message": message}))
    return request(node.url, "POST", "/receiver/v1/http/t0ken", "\n".join(lines).encode())[0]


def is_settled(folder):
    """Whether every window and partition is one segment."""
    found = [one for one in listed(folder) if one["table"] == "events"]
    keys = {(one["partition"], one["windowStart"]) for one in found}
    return sum(one["rows"] for one in found) == EVENTS and len(found) == len(keys) and all(one["generation"] == "settled" for one in found)


with workspace() as folder, Node(folder, SOURCE) as node:
    for first in range(0, EVENTS, EVENTS // 3):
        check(push(node, first) == 200, "a batch was taken")
        time.sleep(0.5)
    wait_until(lambda: is_settled(folder), "segments are merged, beside the running node")
    check(count(node.url) == EVENTS, "after merging every event is there once")
    rows = search(node.url, 'order 17 of | count by order, customer')
    check([(row["order"], row["customer"]) for row in rows] == [("17", "customer-3 paid with ***")], f"extraction and redaction happened: {rows}")
    erase = [BINARY, "erase", "--url", node.url, "--from", "-1d", "--yes"]
    done = subprocess.run([*erase, "function=f1 customer-3"], capture_output=True, text=True)
    gone = sum(1 for number in range(EVENTS) if number % 10 and number % 3 == 1 and number % 7 == 3)
    check(done.returncode == 0 and done.stdout.startswith(f"{gone} events erased"), f"erase: {done.stdout} {done.stderr}")
    check(count(node.url) == EVENTS - gone, "erased events are gone, the others are there")
    done = subprocess.run([*erase, "error | limit 1"], capture_output=True, text=True)
    check(done.returncode != 0 and "without operators" in done.stderr, f"more than a scope is refused: {done.stderr}")
    status, output = segments(folder, "verify")
    check(status == 0, f"verify finds nothing wrong beside the running node: {output.strip()}")
    node.process.end()

    status, output = segments(folder, "verify")
    check(status == 0 and "0 complaints" in output, f"verify finds nothing wrong in the stopped store: {output.strip()}")
    status, output = segments(folder, "export", "--to", folder / "copy")
    check(status == 0, f"export: {output.strip().splitlines()[-1]}")
    files = str(folder / "copy/events/*.parquet")
    found = duckdb.sql(f"SELECT count(*), count(DISTINCT message), min(event_time) IS NOT NULL FROM '{files}'").fetchall()[0]
    left = EVENTS - gone
    check(found == (left, left, True), f"DuckDB reads the export: {found}")
    found = duckdb.sql(f"SELECT count(*), count(DISTINCT function) FROM '{files}' WHERE partition = 'audit'").fetchall()[0]
    check(found == (EVENTS // 10, 1), f"the partition has what its rule says: {found}")
    found = duckdb.sql(f"SELECT count(*) FROM '{files}' WHERE message LIKE '%4111111111111111%'").fetchall()[0]
    check(found == (0,), f"no secret reached the disk: {found}")

    victim = folder / "data" / listed(folder)[0]["path"]
    content = victim.read_bytes()
    victim.write_bytes(content[: len(content) // 2])
    (victim.parent / ("0" * 32 + ".parquet")).write_bytes(b"left over")
    status, output = segments(folder, "verify")
    check(status != 0 and victim.stem in output, f"a segment that was cut is reported by its name: {output.strip()}")
    check("belongs to no segment" in output, "a file that belongs to no segment is reported")
    (folder / "nowhere").mkdir()
    status, output = segments(folder / "nowhere", "list")
    check(status != 0 and "find" in output, f"a folder without a store is an error: {output.strip()}")
finish()
