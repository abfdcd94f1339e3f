"""200 log groups of which one may not be read: the others arrive exactly once, although the node is killed five times while it collects,
and the status says of the one, and of no other, what is wrong and which permission is missing.
"""

import json
import os
import random
import time
from collections import Counter

import boto3
from botocore.config import Config

from harness import Node, check, finish, request, search, simulated_clouds, wait_until, workspace

GROUPS, EVENTS, ROUNDS = 200, 500, 5
REFUSED = "/aws/lambda/many-077"
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}


def start_clouds(folder, seed):
    return simulated_clouds(folder, "CloudWatch", "--seed", seed, "--history-minutes", 0, "--events-per-second", 0, "--refused-log-group", REFUSED)


def put(endpoint):
    """Fills the groups; returns how many events may be read of each."""
    config = Config(retries={"mode": "adaptive", "max_attempts": 20})
    logs = boto3.client("logs", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test", config=config)
    names = [f"/aws/lambda/many-{number:03}" for number in range(GROUPS)]
    assert REFUSED in names
    now_ms = int(time.time() * 1000)
    for name in names:
        logs.create_log_group(logGroupName=name)
        logs.create_log_stream(logGroupName=name, logStreamName="one")
        # Four to a millisecond, over the last two minutes.
        events = [{"timestamp": now_ms - 120_000 + number // 4 * 900, "message": f"{name} says {number}"} for number in range(EVENTS)]
        logs.put_log_events(logGroupName=name, logStreamName="one", logEvents=events)
    return {name: EVENTS for name in names if name != REFUSED}


def by_host(node):
    return Counter({row["_sourcehost"]: int(float(row["_count"])) for row in search(node.url, "* | count by _sourceHost")})


def main():
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    print(f"seed {seed}")
    chance = random.Random(seed)
    with workspace() as folder:
        clouds, endpoint = start_clouds(folder, seed)
        source = f"""
[[sources]]
name = "clouds"
collector = "aws_cloudwatch_logs"
region = "us-east-1"
endpoint_url = "{endpoint}"
log_group_prefixes = ["/aws/lambda/many-"]
poll_interval = "1s"
"""
        try:
            expected = put(endpoint)
            with Node(folder, source, environment=ENVIRONMENT) as node:
                for _ in range(ROUNDS):
                    time.sleep(chance.uniform(0.2, 6))
                    node.kill()
                    node.start()
                wait_until(lambda: sum(by_host(node).values()) >= sum(expected.values()), "all events were collected", 300)
                # Whatever is read once more must not add anything.
                time.sleep(10)
                found = by_host(node)
                wrong = {name: found.get(name) for name, number in expected.items() if found.get(name) != number}
                check(found == expected, f"{sum(expected.values())} events of {len(expected)} groups, each once; wrong: {wrong}")
                distinct = search(node.url, "* | count by _raw | count")
                check(int(float(distinct[0]["_count"])) == sum(expected.values()), "none is there twice")

                def failing():
                    answer = json.loads(request(node.url, "GET", "/api/v1/status")[1])
                    return [origin for origin in answer["sources"][0]["origins"] if origin["last_error"]]

                told = wait_until(failing, "the status tells the one that is refused")
                check([origin["name"] for origin in told] == [REFUSED], f"one origin fails: {[origin['name'] for origin in told]}")
                check("logs:FilterLogEvents" in told[0]["last_error"], f"it says what is missing: {told[0]['last_error']}")
        finally:
            clouds.end()
    finish()


main()
