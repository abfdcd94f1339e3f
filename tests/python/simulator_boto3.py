"""The simulated CloudWatch Logs answer the official Python client as the real ones do: a second opinion on what our tests rest on."""

import collections
import json
import re
import time
import urllib.request
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

import harness
from harness import BINARY, Process, finish, wait_until, workspace

FLEET = "/aws/lambda/"


def check(name, holds, detail=""):
    harness.check(holds, name + (f": {detail}" if detail else ""))


def client(endpoint):
    return boto3.client(
        "logs",
        endpoint_url=endpoint,
        region_name="eu-west-1",
        aws_access_key_id="demo",
        aws_secret_access_key="demo",
        config=Config(retries={"mode": "adaptive", "max_attempts": 12}),
    )


def pages(logs, **request):
    """All pages of FilterLogEvents; a page may be empty and still have a token."""
    while True:
        answer = logs.filter_log_events(**request)
        yield answer
        if "nextToken" not in answer:
            return
        request["nextToken"] = answer["nextToken"]


def events(logs, **request):
    return [event for page in pages(logs, **request) for event in page["events"]]


def error_of(call, **request):
    try:
        call(**request)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    return "no error", ""


def check_fleet(logs, endpoint):
    paginator = logs.get_paginator("describe_log_groups")
    groups = [
        group
        for page in paginator.paginate(logGroupNamePrefix=FLEET, PaginationConfig={"PageSize": 7})
        for group in page["logGroups"]
    ]
    names = [group["logGroupName"] for group in groups]
    check("the fleet has 20 log groups in ASCII order", len(names) == 20 and names == sorted(names))
    check("resource names are those of the account and region", all(
        group["arn"] == f"arn:aws:logs:eu-west-1:123456789012:log-group:{group['logGroupName']}:*"
        for group in groups
    ))

    group = FLEET + "checkout-api"
    end = int(time.time() * 1000) - 180_000
    found = events(logs, logGroupName=group, endTime=end - 1)
    ids = [event["eventId"] for event in found]
    check("events are found", len(found) > 100, len(found))
    check("no event is returned twice", len(set(ids)) == len(ids))
    check("events are in the order of their ids", [int(i) for i in ids] == sorted(int(i) for i in ids))
    check("ids have 56 digits and begin with the time", all(
        len(event["eventId"]) == 56 and int(event["eventId"]) >> 144 == event["timestamp"]
        for event in found
    ))
    check("events are accepted after they are logged", all(
        event["ingestionTime"] >= event["timestamp"] for event in found
    ))
    with urllib.request.urlopen(f"{endpoint}/simulator/counts?until={end}") as response:
        expected = json.load(response)[group]
    check("everything that was logged three minutes ago is found", len(found) == expected,
          f"{len(found)} of {expected}")

    per_millisecond = collections.Counter(event["timestamp"] for event in found)
    check("some events share a millisecond", max(per_millisecond.values()) > 1)
    streams = logs.describe_log_streams(
        logGroupName=group, orderBy="LastEventTime", descending=True, limit=5
    )["logStreams"]
    check("log streams are named like those of Lambda", all(
        "/[4" in stream["logStreamName"] for stream in streams
    ))
    check_stream(logs, group, found)


def check_stream(logs, group, found):
    stream = collections.Counter(event["logStreamName"] for event in found).most_common(1)[0][0]
    expected = [event["message"] for event in found if event["logStreamName"] == stream]
    got, token = [], None
    while True:
        request = {"nextToken": token} if token else {}
        answer = logs.get_log_events(
            logGroupName=group, logStreamName=stream, startFromHead=True, limit=50, **request
        )
        got += [event["message"] for event in answer["events"]]
        if answer["nextForwardToken"] == token:
            break
        token = answer["nextForwardToken"]
    check("one stream read alone gives the same events", got[: len(expected)] == expected,
          f"{len(expected)} events of {stream}")
    newest = logs.get_log_events(logGroupName=group, logStreamName=stream, limit=3)["events"]
    times = [event["timestamp"] for event in newest]
    check("the newest page of a stream is in the order of time", times == sorted(times))


def check_put(logs):
    group = f"/simulator/{uuid.uuid4()}"
    logs.create_log_group(logGroupName=group)
    now = int(time.time() * 1000)
    put = []
    for stream in ("a", "b", "c"):
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        batch = [{"timestamp": now - 900 + n // 3, "message": f"{stream}-{n} ü"} for n in range(900)]
        put += [event["message"] for event in batch]
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=batch)
    found, deadline = [], time.time() + 60
    while len(found) < len(put) and time.time() < deadline:
        found = events(logs, logGroupName=group, limit=250)
    check("what was put is found, once", sorted(e["message"] for e in found) == sorted(put),
          f"{len(found)} of {len(put)}")
    times = [event["timestamp"] for event in found]
    check("streams are interleaved by time", times == sorted(times))
    inside = events(logs, logGroupName=group, startTime=now - 800, endTime=now - 799)
    check("both ends of a range belong to it", len(inside) == 18, len(inside))
    only = events(logs, logGroupName=group, logStreamNames=["b"], filterPattern='"b-1"')
    check("streams and words are filtered", all(e["message"].startswith("b-1") for e in only) and only)
    logs.delete_log_group(logGroupName=group)


def check_errors(logs):
    group = FLEET + "checkout-api"
    cases = [
        (logs.filter_log_events, {"logGroupName": "none"},
         ("ResourceNotFoundException", "The specified log group does not exist.")),
        (logs.get_log_events, {"logGroupName": group, "logStreamName": "none"},
         ("ResourceNotFoundException", "The specified log stream does not exist.")),
        (logs.filter_log_events, {"logGroupName": group, "nextToken": "made-up"},
         ("InvalidParameterException", "The specified nextToken is invalid.")),
        (logs.describe_log_streams, {"logGroupName": group, "logGroupIdentifier": group},
         ("ValidationException", "LogGroup name and LogGroup ARN are mutually exclusive parameters.")),
        (logs.create_log_group, {"logGroupName": group},
         ("ResourceAlreadyExistsException", "The specified log group already exists")),
    ]
    for call, request, expected in cases:
        got = error_of(call, **request)
        check(f"{expected[0]} of {call.__name__}", got == expected, got if got != expected else "")


def main():
    with workspace() as folder:
        clouds = Process([BINARY, "simulate", "clouds"], folder / "clouds.log")
        try:
            shown = wait_until(lambda: re.search(r"CloudWatch at (http://\S+)", clouds.output()), "the clouds print their address")
            endpoint = shown.group(1)
            logs = client(endpoint)
            check_fleet(logs, endpoint)
            check_put(logs)
            check_errors(logs)
        finally:
            clouds.end()
    finish()


main()
