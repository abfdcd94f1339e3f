"""50,000 events that boto3 put into moto arrive exactly once, although the node is killed ten times while it collects them."""

import os
import random
import sys
import time
from collections import Counter

import boto3

from harness import Node, Process, check, finish, free_port, search, wait_until, workspace

GROUPS, STREAMS, EVENTS, ROUNDS = 5, 8, 50_000, 10
BATCH = 1_250  # events a call; the API takes 10,000
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true", "MOTO_ALLOW_NONEXISTENT_REGION": "true",
}


def put(logs):
    """Puts the events, spread over the last twenty minutes, several in one millisecond; returns how many each group got."""
    expected = Counter()
    per_stream = EVENTS // (GROUPS * STREAMS)
    now_ms = int(time.time() * 1000)
    for group in range(GROUPS):
        group_name = f"/aws/lambda/function-{group}"
        logs.create_log_group(logGroupName=group_name)
        for stream in range(STREAMS):
            stream_name = f"2026/01/01/[$LATEST]{group:02}{stream:02}"
            logs.create_log_stream(logGroupName=group_name, logStreamName=stream_name)
            events = [
                # Four events share each millisecond.
                {"timestamp": now_ms - 1_200_000 + (number // 4) * 3_000, "message": f"group {group} stream {stream} event {number}"}
                for number in range(per_stream)
            ]
            for begin in range(0, per_stream, BATCH):
                logs.put_log_events(logGroupName=group_name, logStreamName=stream_name, logEvents=events[begin:begin + BATCH])
            expected[group_name] += per_stream
    return expected


def main():
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    print(f"seed {seed}")
    chance = random.Random(seed)
    with workspace() as folder:
        port = free_port()
        endpoint = f"http://127.0.0.1:{port}"
        moto = Process([os.path.join(os.path.dirname(sys.executable), "moto_server"), "-H", "127.0.0.1", "-p", port], folder / "moto.log")
        os.environ.update(ENVIRONMENT)
        logs = boto3.client("logs", endpoint_url=endpoint, region_name="us-east-1")
        try:
            wait_until(lambda: can_list(logs), "moto answers")
            expected = put(logs)
            check(sum(expected.values()) == EVENTS, f"{EVENTS} events were put into {GROUPS} groups x {STREAMS} streams")
            collect(folder, endpoint, chance, expected)
        finally:
            moto.end()
    finish()


def can_list(logs):
    try:
        return logs.describe_log_groups() is not None
    except Exception:  # not up yet
        return False


def collect(folder, endpoint, chance, expected):
    node = Node(folder, f"""
[[sources]]
name = "moto"
collector = "aws_cloudwatch_logs"
region = "us-east-1"
endpoint_url = "{endpoint}"
log_group_prefixes = ["/aws/lambda/"]
category = "aws/lambda"
poll_interval = "1s"
""", environment=ENVIRONMENT)
    with node:
        for _ in range(ROUNDS):
            time.sleep(chance.uniform(0.05, 1.5))
            node.kill()
            node.start()
        wait_until(lambda: sum(by_host(node).values()) >= EVENTS, "all events were collected", 300)
        # One more re-read of the window must not add anything.
        time.sleep(4)
        check(by_host(node) == expected, f"after {ROUNDS} kills `* | count by _sourceHost` is exactly what was put: {dict(by_host(node))}")
        distinct = search(node.url, "* | count by _sourceName, _raw | count")
        check(int(float(distinct[0]["_count"])) == EVENTS, f"{EVENTS} different events: none lost, none repeated")


def by_host(node):
    return Counter({row["_sourcehost"]: int(float(row["_count"])) for row in search(node.url, "* | count by _sourceHost")})


main()
