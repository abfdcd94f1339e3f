"""Everything that an awkward Google shows arrives exactly once, although the node is killed ten times while it collects; Google's
own Python client vouches for the simulated Cloud Logging: it writes entries, up to an hour late, and reads them back.
"""

import datetime
import json
import os
import random
import time

import google.cloud.logging
from google.auth.credentials import AnonymousCredentials
from google.cloud.logging_v2.resource import Resource

from harness import Node, check, finish, request, search, simulated_clouds, wait_until, workspace

ROUNDS = 10
# So that more can be asked for by hand: 220 are 100,000 events.
RATE = int(os.environ.get("EVENTS_PER_SECOND", 30))
SILENT_AFTER_SECONDS = 40  # then the last late entries are still to come
LATE = 500  # entries that the client writes with times up to an hour ago
PROJECT = "shop-prod"
REQUESTS = f"projects/{PROJECT}/logs/run.googleapis.com%2Frequests"


def start_clouds(folder, seed):
    return simulated_clouds(folder, "Cloud Logging", "--nuisances", "all", "--seed", seed, "--history-minutes", 8, "--events-per-second", 0,
                            "--google-events-per-second", RATE, "--silent-after-seconds", SILENT_AFTER_SECONDS)


def served(endpoint):
    """How many entries each function has, as the cloud itself says."""
    return {name: number for name, number in json.loads(request(endpoint, "GET", "/simulator/counts")[1]).items() if number}


def by_host(node):
    return {row["_sourcehost"]: int(float(row["_count"])) for row in search(node.url, "* | count by _sourceHost")}


def google_client(endpoint):
    return google.cloud.logging.Client(
        project=PROJECT, credentials=AnonymousCredentials(), client_options={"api_endpoint": endpoint}, _use_grpc=False
    )


def write_late(client, chance):
    """Requests that have just ended and bear the time at which they began, up to an hour ago."""
    now = datetime.datetime.now(datetime.timezone.utc)
    logger = client.logger("run.googleapis.com%2Frequests")
    batch = logger.batch()
    for number in range(LATE):
        seconds = chance.uniform(0, 3600)
        batch.log_empty(
            timestamp=now - datetime.timedelta(seconds=seconds),
            insert_id=f"late-{number % 100}",
            severity="INFO",
            trace=f"projects/{PROJECT}/traces/{number:032x}",
            labels={"goog-drz-cloudfunctions-id": "long-batch", "instanceId": "i-1"},
            http_request={"requestMethod": "POST", "status": 200, "latency": f"{seconds:.3f}s"},
            resource=Resource(
                type="cloud_run_revision",
                labels={"project_id": PROJECT, "location": "europe-west1", "service_name": "long-batch", "revision_name": "long-batch-1"},
            ),
        )
    batch.commit()


def reads(client, filter_text):
    """How many entries the client lists; it is refused when the minute's reads are used up, and tries again by itself."""
    def ask():
        try:
            return list(client.list_entries(filter_=filter_text, page_size=1000))
        except google.api_core.exceptions.GoogleAPICallError as refusal:  # the quota, or the nuisance of a call that fails
            print(f"   the client was refused: {refusal.code}")
            time.sleep(3)
            return None

    return wait_until(ask, "the client has read", 150)


def main():
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    print(f"seed {seed}")
    chance = random.Random(seed)
    with workspace() as folder:
        clouds, endpoint = start_clouds(folder, seed)
        begin = time.monotonic()
        client = google_client(endpoint)
        source = f"""
[[sources]]
name = "google"
collector = "gcp_cloud_logging"
project = "{PROJECT}"
endpoint_url = "{endpoint}"
poll_interval = "2s"
settle = "15s"
start = "2h"
quota_share = 0.8
"""
        try:
            with Node(folder, source) as node:
                for round_ in range(ROUNDS):
                    time.sleep(chance.uniform(0.2, 7))
                    if round_ == ROUNDS // 2:
                        write_late(client, chance)
                    node.kill()
                    node.start()
                time.sleep(max(0, begin + SILENT_AFTER_SECONDS - time.monotonic()))
                wait_until(lambda: sum(by_host(node).values()) >= sum(served(endpoint).values()), "all entries were collected", 400)
                # Whatever is read once more must not add anything.
                time.sleep(10)
                expected, found = served(endpoint), by_host(node)
                total = sum(expected.values())
                check(len(expected) == 7 and total > 10_000, f"the cloud served {total} entries of {len(expected)} functions")
                check(expected["long-batch"] == LATE, f"{LATE} entries were written by Google's client: {expected['long-batch']}")
                check(found == expected, f"after {ROUNDS} kills `* | count by _sourceHost` is exactly what was served: found {found}, served {expected}")
                judge_invocations(node)
            listed = reads(client, 'labels."goog-drz-cloudfunctions-id"="long-batch"')
            check(len(listed) == LATE, f"Google's client reads back what it wrote: {len(listed)}")
            check(all(entry.http_request["status"] == 200 for entry in listed), "with their requests")
        finally:
            clouds.end()
    finish()


def judge_invocations(node):
    rows = search(node.url, "_sourceName=run.googleapis.com/requests | count by function")
    requests = {row["function"]: int(float(row["_count"])) for row in rows}
    query = "select function, count(distinct request_id) as n from invocations where provider = 'gcp' and duration_ms is not null group by function"
    rows = search(node.url, query, language="sql")
    invocations = {row["function"]: int(float(row["n"])) for row in rows}
    wrong = {name: (invocations.get(name), number) for name, number in requests.items() if invocations.get(name) != number}
    check(requests and not wrong, f"every request is one invocation; wrong (invocations, requests): {wrong}")
    check(invocations.get("pubsub_digest", 0) > 0, "executions of the first generation are invocations, too")


main()
