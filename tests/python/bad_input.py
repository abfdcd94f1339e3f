"""Bad input gets a clear answer and harms nothing."""

import gzip
import json
import time

from harness import Node, call, check, count, finish, request, search, workspace

RECEIVER = "/receiver/v1/http/t0ken"
SOURCE = """
[[sources]]
name = "push"
collector = "sumo_http"
token = "t0ken"
[[sources]]
name = "ndjson"
collector = "sumo_http"
token = "json"
format = "ndjson"
time_field = "_time"
message_field = "message"
"""


def post(node, body, headers=None, path=RECEIVER):
    return request(node.url, "POST", path, body, headers)


def bodies(node):
    """Broken and oversized bodies are refused whole; odd ones are kept."""
    whole = gzip.compress(b"broken gzip\n" * 1000)
    status, answer = post(node, whole[: len(whole) // 2], {"Content-Encoding": "gzip"})
    check(400 <= status < 500, f"half a gzip stream is refused: {status} {answer[:120]!r}")
    check(count(node.url, "!_index=dead_letters") == 0, "nothing of the broken gzip was stored")
    letters = search(node.url, "_index=dead_letters _source=push", kind="messages")
    check(len(letters) == 1 and letters[0].get("payload_encoding") == "base64" and "gzip" in letters[0].get("problem", ""), f"it is among the dead letters, with the reason: {letters}")

    status, answer = post(node, gzip.compress(b"too large a body\n" * (200_000_000 // 17), 1), {"Content-Encoding": "gzip"})
    names_limit = b"134217728" in answer or b"128 MiB" in answer
    check(status == 413 and names_limit, f"200 MB are refused and the limit is named: {status} {answer[:160]!r}")
    check(count(node.url, "!_index=dead_letters") == 0, "nothing of the 200 MB was stored")

    status, _ = post(node, b"wrong token\n", path="/receiver/v1/http/nobody")
    check(status == 401, f"a wrong token is answered with {status}")
    check(count(node.url, "!_index=dead_letters") == 0, "nothing of the wrong token was stored")

    status, answer = post(node, b"before \xff\xfe after utf8\n")
    check(status == 200, f"invalid UTF-8 is kept: {status} {answer[:120]!r}")
    rows = search(node.url, "utf8", kind="messages")
    check(len(rows) == 1 and "before" in rows[0]["_raw"] and "after" in rows[0]["_raw"], "the text around the invalid bytes is found")


def long_line(node):
    """A line of 5 MB is kept in parts from which it can be put together."""
    line = "".join(f"{number:08}" for number in range(5_000_000 // 8))
    status, answer = post(node, line.encode() + b"\n", {"X-Sumo-Host": "long-line"})
    check(status == 200, f"a line of 5 MB is kept: {status} {answer[:120]!r}")
    rows = search(node.url, "_sourceHost=long-line", kind="messages")
    together = "".join(sorted((row["_raw"] for row in rows), key=lambda part: line.find(part[:64])))
    check(together == line, f"its {len(rows)} parts put together are the line ({len(together)} of {len(line)} characters)")


def deep_json(node):
    """JSON of any depth is text first."""
    deep = "[" * 10_000 + "]" * 10_000
    event = json.dumps({"_time": int(time.time() * 1000), "message": "deep inside"})
    body = event[:-1] + ',"deep":' + deep + "}\n"
    status, answer = post(node, body.encode(), path="/receiver/v1/http/json")
    check(status in (200, 400), f"10,000-deep JSON gets an answer: {status} {answer[:160]!r}")
    if status == 200:
        check(count(node.url, '"deep inside"') == 1, "the deep document is found")
    status, _ = post(node, b"deep text " + deep.encode() + b"\n")
    check(status == 200 and count(node.url, '"deep text"') == 1, "10,000-deep JSON in a line is kept")
    rows = search(node.url, '"deep text" | json "a.b" as x nodrop | count by x')
    check(len(rows) == 1, "a query that reads into it gives an answer")


def dead_letters(node):
    """What cannot be read is kept within limits, and counted beyond them."""
    before = count(node.url, "_index=dead_letters")
    metrics = {"Content-Type": "application/vnd.sumologic.prometheus"}
    for number in range(100):
        status, _ = post(node, f"requests_total{{code=\"{number}\"}} many\n".encode(), metrics)
    check(status == 400, f"a number that is none is refused: {status}")
    status, _ = post(node, b'requests_total{code="0"} many\n', metrics)
    source = next(one for one in call(node.url, "GET", "/api/v1/status")[1]["sources"] if one["name"] == "push")
    kept = count(node.url, "_index=dead_letters") - before
    check(0 < kept <= 120, f"of 100 that could not be read {kept} are kept")
    check(100 <= source["dead_letters_total"] <= 104, f"all are counted, each once: {source['dead_letters_total']}")
    rows = search(node.url, "_index=dead_letters _source=push | count by problem | limit 1")
    check(len(rows) == 1, f"they can be asked about: {rows}")


def questions(node):
    """Questions that cannot be answered say why."""
    now_ms = int(time.time() * 1000)
    body = {"query": "*", "from": now_ms - 1000, "to": now_ms, "timeZone": "Mars/Olympus"}
    status, answer = call(node.url, "POST", "/api/v1/search/jobs", body)
    check(status == 400 and "Mars/Olympus" in json.dumps(answer), f"an unknown time zone is refused: {status} {answer}")
    body = {"query": "* | prase \"a\" as b | where | contu by x", "from": now_ms - 1000, "to": now_ms, "timeZone": "UTC"}
    status, answer = call(node.url, "POST", "/api/v1/search/jobs", body)
    places = {(mistake["line"], mistake["column"]) for mistake in answer.get("diagnostics", [])}
    check(status == 400 and len(places) == 3, f"three mistakes have three positions: {status} {sorted(places)}")
    check(request(node.url, "GET", "/healthz")[0] == 200, "the node is well")


with workspace() as folder, Node(folder, SOURCE) as node:
    for part in (bodies, long_line, deep_json, dead_letters, questions):
        try:
            part(node)
        except Exception as error:
            check(False, f"{part.__name__}: {error!r}")
finish()
