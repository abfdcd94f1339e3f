"""What a Lambda extension forwards and what Pub/Sub pushes: the invocations and entries are found, those that come twice once."""

import base64
import json

from harness import Node, check, count, finish, request, search, workspace

SOURCES = """
[[sources]]
name = "extension"
collector = "aws_lambda_telemetry"
token = "lambda"
[[sources]]
name = "sink"
collector = "gcp_pubsub_push"
token = "pubsub"
"""
REQUEST_ID = "459921b5-681c-4a96-beb0-81e0aa586026"
TIME = "2026-11-30T12:00:00Z"
SPAN = {"begin_ms": 1_796_000_000_000, "end_ms": 1_797_000_000_000}


def post(node, path, body):
    return request(node.url, "POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"})


def telemetry(node):
    """One invocation of a function, as the Telemetry API tells it."""
    def record(kind, content):
        return {"time": TIME, "type": kind, "record": content}
    metrics = {"durationMs": 2599.4, "billedDurationMs": 2600, "memorySizeMB": 128, "maxMemoryUsedMB": 94, "initDurationMs": 549.04}
    batch = [
        record("platform.start", {"requestId": REQUEST_ID, "version": "$LATEST"}),
        record("function", "charging the card\n"),
        record("function", {"level": "ERROR", "message": "card was refused"}),
        record("platform.runtimeDone", {"requestId": REQUEST_ID, "status": "success"}),
        record("platform.report", {"requestId": REQUEST_ID, "status": "success", "metrics": metrics}),
    ]
    status, answer = post(node, "/receiver/v1/lambda/lambda?function=pay&version=$LATEST&region=eu-west-1", batch)
    check(status == 200, f"a batch is taken: {status} {answer!r}")
    found = count(node.url, f"function=pay request_id={REQUEST_ID}", **SPAN)
    check(found == 5, f"what the function says belongs to its invocation: {found}")
    check(count(node.url, "level=ERROR _sourceHost=/aws/lambda/pay", **SPAN) == 1, "its levels are known")
    rows = search(node.url, f"select duration_ms, init_ms, memory_used_mb from invocations where request_id = '{REQUEST_ID}'", language="sql", **SPAN)
    check(len(rows) == 1 and float(rows[0]["duration_ms"]) == 2599.4 and float(rows[0]["init_ms"]) == 549.04, f"the invocation is found: {rows}")
    status, answer = post(node, "/receiver/v1/lambda/lambda", {"no": "batch"})
    check(status == 400 and b"no batch" in answer, f"anything else is refused: {status} {answer!r}")


def pubsub(node):
    """A log entry in the envelope of a subscription, more than once."""
    entry = {
        "insertId": "6564c1a2000a", "logName": "projects/shop/logs/run.googleapis.com%2Fstderr", "receiveTimestamp": TIME, "severity": "ERROR",
        "resource": {"type": "cloud_run_revision", "labels": {"project_id": "shop", "location": "europe-west1", "service_name": "ship", "revision_name": "ship-1"}},
        "textPayload": "parcel was lost", "timestamp": TIME, "trace": "projects/shop/traces/5b8efff798038103d269b633813fc60c",
    }

    def push(message_id):
        data = base64.b64encode(json.dumps(entry).encode()).decode()
        message = {"attributes": {"logging.googleapis.com/timestamp": TIME}, "data": data, "messageId": message_id, "publishTime": TIME}
        return post(node, "/receiver/v1/pubsub/pubsub", {"message": message, "subscription": "projects/shop/subscriptions/nephoscope"})[0]

    check([push("1"), push("1"), push("2")] == [204, 204, 204], "an entry is taken, and taken again")
    check(count(node.url, "function=ship level=ERROR account=shop region=europe-west1 parcel", **SPAN) == 1, "it is stored once")
    node.kill()
    node.start()
    push("3")
    check(count(node.url, "function=ship", **SPAN) == 1, "after `kill -9`, too")


with workspace() as folder, Node(folder, SOURCES) as node:
    telemetry(node)
    pubsub(node)
finish()
