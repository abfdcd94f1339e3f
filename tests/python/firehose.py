"""Deliveries as Amazon Data Firehose makes them: what is sent again is stored once, also across `kill -9`, and a broken delivery is refused whole."""

import base64
import gzip
import json
import time

from harness import Node, call, check, count, finish, request, search, workspace

SOURCE = '[[sources]]\nname = "firehose"\ncollector = "aws_firehose"\naccess_key = "t0ken"\ncategory = "aws"\n'
EVENTS = 500
NOW_MS = int(time.time() * 1000)
STREAM = "2026/11/30/[$LATEST]b249865adaaf4fad80f95f8ad09725b8"
REQUEST_ID = "7c9567b5-107b-4a6c-8798-0157ac21db52"


def subscription(first, number, kind="DATA_MESSAGE"):
    """What a subscription filter of a log group sends: gzip of JSON."""
    events = [
        {"id": f"{(NOW_MS + place) << 144 | place:056}", "timestamp": NOW_MS + place, "message": f"line {place}\n"}
        for place in range(first, first + number)
    ]
    payload = {"messageType": kind, "owner": "123456789012", "logGroup": "/aws/lambda/pay", "logStream": STREAM, "subscriptionFilters": ["all"], "logEvents": events}
    return gzip.compress(json.dumps(payload).encode())


def report():
    """The last line of an invocation."""
    message = f"REPORT RequestId: {REQUEST_ID}\tDuration: 120.50 ms\tBilled Duration: 121 ms\tMemory Size: 128 MB\tMax Memory Used: 48 MB\t\n"
    event = {"id": f"{NOW_MS << 144 | 999_999:056}", "timestamp": NOW_MS, "message": message}
    payload = {"messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "/aws/lambda/pay", "logStream": STREAM, "subscriptionFilters": ["all"], "logEvents": [event]}
    return gzip.compress(json.dumps(payload).encode())


def metric(value):
    """One minute of one metric of a metric stream."""
    return json.dumps({
        "metric_stream_name": "all", "account_id": "123456789012", "region": "eu-west-1", "namespace": "AWS/Lambda", "metric_name": "Invocations",
        "dimensions": {"FunctionName": "pay"}, "timestamp": NOW_MS // 60_000 * 60_000, "value": {"count": 2.0, "sum": value, "max": value, "min": 0.0}, "unit": "Count",
    }).encode() + b"\n"


def deliver(node, request_id, records, key="t0ken", is_packed=True, body=None):
    """One delivery; returns the status and the answer."""
    data = [{"data": base64.b64encode(record).decode()} for record in records]
    body = body or json.dumps({"requestId": request_id, "timestamp": NOW_MS, "records": data}).encode()
    headers = {
        "Content-Type": "application/json", "X-Amz-Firehose-Protocol-Version": "1.0", "X-Amz-Firehose-Request-Id": request_id,
        "X-Amz-Firehose-Source-Arn": "arn:aws:firehose:eu-west-1:123456789012:deliverystream/logs",
        "X-Amz-Firehose-Access-Key": key, "X-Amz-Firehose-Common-Attributes": '{"commonAttributes":{"stage":"prod"}}',
    }
    if is_packed:
        body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
    status, answer = request(node.url, "POST", "/receiver/v1/firehose", body, headers)
    return status, json.loads(answer)


def samples(node, statistic):
    """The values of the metric's series with this statistic."""
    epoch = lambda millis: {"type": "EpochTimeRangeBoundary", "epochMillis": millis}
    span = {"type": "BeginBoundedTimeRange", "from": epoch(NOW_MS - 600_000), "to": epoch(NOW_MS + 60_000)}
    query = f"metric=Invocations FunctionName=pay statistic={statistic}"
    answer = call(node.url, "POST", "/api/v1/metricsQueries", {"queries": [{"rowId": "A", "query": query}], "timeRange": span})[1]
    return [value for one in answer["queryResult"][0]["timeSeriesList"]["timeSeries"] for value in one["points"]["values"] if value is not None]


with workspace() as folder, Node(folder, SOURCE) as node:
    first = [subscription(0, EVENTS), report(), subscription(0, 1, "CONTROL_MESSAGE"), b"put by hand\n"]
    status, answer = deliver(node, "request-1", first)
    check(status == 200 and answer["requestId"] == "request-1" and answer["timestamp"] > 0, f"a delivery is taken: {status} {answer}")
    check(count(node.url, "_sourceHost=/aws/lambda/pay") == EVENTS + 1, "every event of the log group is there, and nothing of the control message")
    check(count(node.url, '"put by hand" stage=prod') == 1, "what was put into the stream by hand is there, with the stream's parameters")
    status, _ = deliver(node, "request-1", first)
    check(status == 200 and count(node.url) == EVENTS + 2, "the same delivery again stores nothing")
    status, _ = deliver(node, "request-2", [subscription(EVENTS - 10, 20)], is_packed=False)
    check(status == 200 and count(node.url) == EVENTS + 12, "of events that come again in another delivery only the new are stored")

    node.kill()
    node.start()
    deliver(node, "request-1", first)
    deliver(node, "request-3", [subscription(0, EVENTS + 10)])
    check(count(node.url) == EVENTS + 12, "after `kill -9`, too")

    rows = search(node.url, "_sourceHost=/aws/lambda/pay \"line 7\" | fields function, region, account, _sourceName", kind="messages")
    found = {name: rows[0].get(name) for name in ("function", "region", "account")} if rows else {}
    check(found == {"function": "pay", "region": "eu-west-1", "account": "123456789012"}, f"the events know their function: {found}")
    rows = search(node.url, f"select request_id, duration_ms from invocations where request_id = '{REQUEST_ID}'", language="sql")
    check(len(rows) == 1 and float(rows[0]["duration_ms"]) == 120.5, f"the invocation is found: {rows}")

    status, _ = deliver(node, "request-4", [metric(1.0) + metric(4.0)])
    check(status == 200 and samples(node, "sum") == [4.0] and samples(node, "average") == [2.0], f"metrics are stored, the last of equal ones: {samples(node, 'sum')}")

    # What is refused is kept as a dead letter, beside the events.
    stored = "!_index=dead_letters"
    total = count(node.url, stored)
    for name, status, answer in [
        ("a wrong access key", *deliver(node, "request-5", [b"x"], key="wrong")),
        ("another id in the body", *deliver(node, "request-5", [], body=json.dumps({"requestId": "other", "records": []}).encode())),
        ("a record that is cut off", *deliver(node, "request-5", [b"good", subscription(0, 5)[:-10]])),
        ("half a body", *deliver(node, "request-5", [], body=b'{"requestId":"request-5","records":[')),
    ]:
        check(400 <= status < 500 and answer["requestId"] == "request-5" and answer["errorMessage"], f"{name} is refused: {status} {answer}")
    check(count(node.url, stored) == total, "nothing of them is stored")
    letters = count(node.url, "_index=dead_letters")
    check(letters == 3, f"what had the right key is kept as dead letters: {letters}")
    status, _ = deliver(node, "request-5", [b"good"])
    check(status == 200 and count(node.url, stored) == total + 1, "put right, the same delivery is taken")
finish()
