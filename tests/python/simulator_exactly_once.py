"""Everything that an awkward cloud shows arrives exactly once, although the node is killed ten times while it collects.

The cloud is the simulator with every nuisance on: late events, empty and short pages, throttling, expired tokens, many events
in one millisecond, calls that fail, and a delay before anything can be seen.
"""

import json
import os
import random
import time
from collections import Counter

from harness import Node, check, finish, request, search, simulated_clouds, wait_until, workspace

ROUNDS = 10
# So that more can be asked for by hand: 220 are 100,000 events.
RATE = int(os.environ.get("EVENTS_PER_SECOND", 60))
SILENT_AFTER_SECONDS = 40  # then the last late events are still to come
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}


def start_clouds(folder, seed):
    return simulated_clouds(folder, "CloudWatch", "--nuisances", "all", "--seed", seed, "--history-minutes", 8,
                            "--events-per-second", RATE, "--silent-after-seconds", SILENT_AFTER_SECONDS)


def served(endpoint):
    """How many events each log group has, as the cloud itself says."""
    return {group: number for group, number in json.loads(request(endpoint, "GET", "/simulator/counts")[1]).items() if number}


def by_host(node):
    return {row["_sourcehost"]: int(float(row["_count"])) for row in search(node.url, "* | count by _sourceHost")}


def main():
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    print(f"seed {seed}")
    chance = random.Random(seed)
    with workspace() as folder:
        clouds, endpoint = start_clouds(folder, seed)
        begin = time.monotonic()
        source = f"""
[[sources]]
name = "clouds"
collector = "aws_cloudwatch_logs"
region = "us-east-1"
endpoint_url = "{endpoint}"
poll_interval = "1s"
"""
        try:
            with Node(folder, source, environment=ENVIRONMENT) as node:
                for _ in range(ROUNDS):
                    time.sleep(chance.uniform(0.2, 7))
                    node.kill()
                    node.start()
                time.sleep(max(0, begin + SILENT_AFTER_SECONDS - time.monotonic()))
                wait_until(lambda: sum(by_host(node).values()) >= sum(served(endpoint).values()), "all events were collected", 300)
                # Whatever is read once more must not add anything.
                time.sleep(15)
                expected, found = served(endpoint), by_host(node)
                wrong = {host: (found.get(host), number) for host, number in expected.items() if found.get(host) != number}
                total = sum(expected.values())
                check(len(expected) == 20 and total > 20_000, f"the clouds served {total} events of {len(expected)} log groups")
                check(found == expected, f"after {ROUNDS} kills `* | count by _sourceHost` is exactly what was served; wrong (found, served): {wrong}")
                rows = search(node.url, "* | count by _sourceName, _messagetime, _raw | where _count > 1 | count")
                repeated = int(float(rows[0]["_count"])) if rows else 0
                check(repeated == 0, f"no event is there twice: {repeated}")
        finally:
            clouds.end()
    finish()


main()
