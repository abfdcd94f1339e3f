"""A node whose segments rest in an object store loses nothing when it is killed, or with it the local disk: on S3 (moto), Azure Blob Storage (Azurite) and Google Cloud Storage (a stand-in of our own)."""

import base64
import contextlib
import datetime
import hashlib
import hmac
import http.client
import json
import os
import random
import shutil
import subprocess
import sys
import time

import boto3

from gcs_stand_in import Bucket
from harness import BINARY, Node, Process, check, count, finish, free_port, request, search, wait_until, workspace

BATCHES, BATCH_EVENTS, KILLS = 9, 1_500, 3
NAME = "nephoscope"
# The account that every Azurite has; it is no secret.
AZURITE_ACCOUNT = "devstoreaccount1"
AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
# A service account whose requests bear no token.
NO_ACCOUNT = {"private_key": "none", "private_key_id": "none", "client_email": "none", "disable_oauth": True}
SOURCE = """
[storage.compaction]
settle = "1s"

[ingest]
flush_interval = "300ms"

[[sources]]
name = "push"
collector = "sumo_http"
token = "t0ken"
format = "ndjson"
time_field = "_time"
message_field = "message"
"""


@contextlib.contextmanager
def s3(folder):
    """A bucket in moto: its address, the options, and how to count its objects."""
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    moto = Process([os.path.join(os.path.dirname(sys.executable), "moto_server"), "-H", "127.0.0.1", "-p", port], folder / "moto.log")
    try:
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        wait_until(lambda: answers("127.0.0.1", port), "moto answers")
        client.create_bucket(Bucket=NAME)
        yield f"s3://{NAME}/a/folder", {"endpoint": endpoint, "region": "us-east-1", "access_key_id": "test", "secret_access_key": "test"}
    finally:
        moto.end()


@contextlib.contextmanager
def azure(folder):
    """A container in Azurite."""
    port = free_port()
    program = os.environ["AZURITE"]
    arguments = [program, "--inMemoryPersistence", "--skipApiVersionCheck", "--silent", "--blobHost", "127.0.0.1", "--blobPort", port]
    azurite = Process(arguments, folder / "azurite.log")
    try:
        wait_until(lambda: answers("127.0.0.1", port), "Azurite answers")
        make_container(port)
        endpoint = f"http://127.0.0.1:{port}/{AZURITE_ACCOUNT}"
        yield f"az://{NAME}/a/folder", {"endpoint": endpoint, "account_name": AZURITE_ACCOUNT, "access_key": AZURITE_KEY}
    finally:
        azurite.end()


@contextlib.contextmanager
def gcs(_folder):
    """A bucket in the stand-in."""
    bucket = Bucket(NAME)
    try:
        yield f"gs://{NAME}/a/folder", {"base_url": bucket.url, "service_account_key": json.dumps(NO_ACCOUNT)}
    finally:
        bucket.shutdown()


def answers(host, port):
    with contextlib.suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection(host, port, timeout=5)
        connection.request("GET", "/")
        return connection.getresponse().read() is not None
    return False


def make_container(port):
    """Makes the container by a request that is signed as Azure wants it."""
    path = f"/{AZURITE_ACCOUNT}/{NAME}"
    date = datetime.datetime.now(datetime.timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")
    version = "2021-12-02"
    signed = "PUT" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:{version}\n/{AZURITE_ACCOUNT}{path}\nrestype:container"
    signature = base64.b64encode(hmac.new(base64.b64decode(AZURITE_KEY), signed.encode(), hashlib.sha256).digest()).decode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("PUT", f"{path}?restype=container", headers={
        "x-ms-date": date, "x-ms-version": version, "Authorization": f"SharedKey {AZURITE_ACCOUNT}:{signature}", "Content-Length": "0",
    })
    answer = connection.getresponse()
    if answer.status != 201:
        raise RuntimeError(f"no container: {answer.status} {answer.read()[:500]}")


def push(node, batch):
    """One batch, acknowledged."""
    now_ms = int(time.time() * 1000) - 7_200_000
    numbers = range(batch * BATCH_EVENTS, (batch + 1) * BATCH_EVENTS)
    lines = [json.dumps({"_time": now_ms + number % 1_000, "message": f"event {number} of batch {batch}", "function": f"f{number % 3}"}) for number in numbers]
    return request(node.url, "POST", "/receiver/v1/http/t0ken", "\n".join(lines).encode())[0] == 200


def segments(node, *arguments):
    done = subprocess.run([BINARY, "segments", *arguments, "--config", node.config], capture_output=True, text=True, cwd=node.folder)
    return done.returncode, done.stdout + done.stderr


def listed(node):
    return [json.loads(line) for line in segments(node, "list", "--json")[1].splitlines()]


def is_merged(node):
    """Whether every hour is one segment."""
    found = [one for one in listed(node) if one["table"] == "events"]
    return sum(one["rows"] for one in found) == BATCHES * BATCH_EVENTS and len(found) == len({one["windowStart"] for one in found})


def lose_the_disk(folder):
    """What a new machine would not have: copies of segments. The log and the catalog it would."""
    for name in ("segments", "cache"):
        shutil.rmtree(folder / "data" / name, ignore_errors=True)


def check_rows(node, when, where):
    total = BATCHES * BATCH_EVENTS
    check(count(node.url) == total, f"{where}: every event is there once {when}")
    distinct = search(node.url, "* | count by _raw | count")
    check(int(float(distinct[0]["_count"])) == total, f"{where}: all of them different {when}")
    found = search(node.url, f'"event {total - 1}" | count by function')
    check([(row["function"], row["_count"]) for row in found] == [(f"f{(total - 1) % 3}", "1")], f"{where}: one event is found by its words {when}: {found}")


def live(where, folder, url, options, chance):
    """One life of a node, with every accident."""
    settings = "".join(f"{key} = '{value}'\n" for key, value in options.items())
    more = f'url = "{url}"\ncache_bytes_max = "64MiB"\nupkeep_interval = "200ms"\ndeletion_grace = "1s"\n[storage.url_options]\n{settings}'
    with Node(folder, SOURCE, more) as node:
        for batch in range(BATCHES):
            check(push(node, batch), f"{where}: batch {batch} was acknowledged")
            if batch % (BATCHES // KILLS) == 1:
                time.sleep(chance.uniform(0, 1))
                node.kill()
                if batch > BATCHES // 2:
                    lose_the_disk(folder)
                node.start()
        check_rows(node, "after kills", where)
        wait_until(lambda: is_merged(node), "segments are merged")
        node.kill()
        lose_the_disk(folder)
        node.start()
        check_rows(node, "after the local disk was lost", where)
        check((folder / "data" / "cache").is_dir(), f"{where}: what was read is kept")
        time.sleep(1.5)  # longer than the grace time: what was merged goes at the next start
        node.process.end()
        node.start()
        node.process.end()
        status, output = segments(node, "verify")
        check(status == 0 and "0 complaints" in output, f"{where}: every object is what was written, and there is no other: {output.strip()}")
        other = folder / "other"
        other.mkdir()
        stranger = Node(other, SOURCE, more)
        stranger.begin()
        wait_until(lambda: not stranger.process.is_running(), "a node with another catalog ends")
        check("another catalog" in stranger.process.output(), f"{where}: a node with another catalog is refused")


def main():
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    print(f"seed {seed}")
    chance = random.Random(seed)
    places = {"S3": s3, "Google Cloud Storage": gcs, "Azure Blob Storage": azure}
    for where, place in places.items():
        with workspace() as folder, place(folder) as (url, options):
            live(where, folder, url, options, chance)
    finish()


main()
