"""Everything that an awkward Azure shows arrives exactly once, although the node is killed ten times while it collects.

The cloud is the simulator with every nuisance on: lines that arrive late, blocks that end within a line, pages without blobs,
servers that are busy or fail, hosts whose clocks are off; and records in three forms, of which two are no JSON.
"""

import json
import os
import random
import time

from harness import Node, check, finish, request, search, simulated_clouds, wait_until, workspace

ROUNDS = 10
# So that more can be asked for by hand: 220 are 100,000 events.
RATE = int(os.environ.get("EVENTS_PER_SECOND", 60))
SILENT_AFTER_SECONDS = 40  # then the last late lines are still to come
APPS = ["lab-insights", "shop-orders", "shop-pictures"]


def start_clouds(folder, seed):
    return simulated_clouds(folder, "Blob Storage", "--nuisances", "all", "--seed", seed, "--history-minutes", 8, "--events-per-second", 0,
                            "--google-events-per-second", 0, "--azure-events-per-second", RATE, "--silent-after-seconds", SILENT_AFTER_SECONDS)


def served(endpoint):
    """How many lines each app has written, as the cloud itself says."""
    numbers = json.loads(request(endpoint.rsplit("/", 1)[0], "GET", "/simulator/counts")[1])
    return {app: numbers[app] for app in APPS}


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
name = "azure"
collector = "azure_blob_storage"
account = "shoplogs"
endpoint_url = "{endpoint}"
poll_interval = "1s"
discovery_interval = "5s"
"""
        try:
            with Node(folder, source) as node:
                for _ in range(ROUNDS):
                    time.sleep(chance.uniform(0.2, 7))
                    node.kill()
                    node.start()
                time.sleep(max(0, begin + SILENT_AFTER_SECONDS - time.monotonic()))
                wait_until(lambda: sum(by_host(node).values()) >= sum(served(endpoint).values()), "all lines were collected", 300)
                # Whatever is read once more must not add anything.
                time.sleep(10)
                expected, found = served(endpoint), by_host(node)
                total = sum(expected.values())
                check(total > 15_000, f"the cloud served {total} lines of {len(expected)} apps")
                check(found == expected, f"after {ROUNDS} kills `* | count by _sourceHost` is exactly what was served: found {found}, served {expected}")
                judge_invocations(node)
        finally:
            clouds.end()
    finish()


def judge_invocations(node):
    rows = search(node.url, '"Executed" "Duration=" | count by function')
    ended = {row["function"]: int(float(row["_count"])) for row in rows}
    query = "select function, count(distinct request_id) as n, count(*) filter (where status <> 'ok') as failed from invocations where provider = 'azure' and duration_ms is not null group by function"
    rows = search(node.url, query, language="sql")
    invocations = {row["function"]: int(float(row["n"])) for row in rows}
    check(len(ended) == 9 and invocations == ended, f"every execution is one invocation: {invocations}, ended {ended}")
    check(sum(int(float(row["failed"])) for row in rows) > 0, "some of them failed")
    strange = search(node.url, '("properties" "roleInstance") | count')
    check(not strange or float(strange[0]["_count"]) == 0, "no record is left as it was: all three forms are understood")


main()
