"""What Microsoft's own clients write into Azurite arrives exactly once, although the node is killed eight times while it collects: append
blobs that grow by lines and halves of lines, and one that is written anew; rows of log tables that change until their invocation ends.
"""

import contextlib
import datetime
import json
import os
import random
import threading
import time
import uuid
from collections import Counter

from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import ResourceExistsError
from azure.data.tables import TableServiceClient, UpdateMode
from azure.storage.blob import BlobServiceClient

from harness import Node, Process, check, finish, free_port, search, wait_until, workspace

ROUNDS = 8
WRITE_SECONDS, LINES, INVOCATIONS = 30, 6_000, 300  # it is written for so long, and at least so much
ACCOUNT = "devstoreaccount1"
# The key that every Azurite has; it is no secret.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
CONTAINER, TABLES = "insights-logs-functionapplogs", "AzureWebJobsHostLogs"
SUBSCRIPTION = "34464906-34FE-401E-A420-79BD0CE2A1DA"
APPS, FUNCTIONS = ["SHOP", "PAYMENTS", "MAIL"], ["checkout", "nightly-report", "Thumbnail"]
OLD_DAYS = 5  # blobs so old are there from the beginning
MAX_TICKS, EPOCH_TICKS = 3155378975999999999, 621355968000000000


def utc_now():
    return datetime.datetime.now(datetime.timezone.utc)


def start_azurite(folder):
    blob_port, table_port = free_port(), free_port()
    arguments = [os.environ["AZURITE"], "--inMemoryPersistence", "--skipApiVersionCheck", "--silent"]
    for service, port in (("blob", blob_port), ("queue", free_port()), ("table", table_port)):
        arguments += [f"--{service}Host", "127.0.0.1", f"--{service}Port", port]
    return Process(arguments, folder / "azurite.log"), f"http://127.0.0.1:{blob_port}/{ACCOUNT}", f"http://127.0.0.1:{table_port}/{ACCOUNT}"


class Blobs:
    """Appends to the blobs of three apps as Azure Monitor does."""

    def __init__(self, endpoint, chance):
        service = BlobServiceClient(account_url=endpoint, credential={"account_name": ACCOUNT, "account_key": KEY})
        wait_until(lambda: made(service.create_container, CONTAINER), "Azurite's blobs answer")
        self.container, self.chance = service.get_container_client(CONTAINER), chance
        self.written, self.invoked, self.contents, self.half = Counter(), Counter(), {}, {}

    def name(self, app, moment):
        resource = f"/SUBSCRIPTIONS/{SUBSCRIPTION}/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.WEB/SITES/{app}"
        return f"resourceId={resource}/{moment:y=%Y/m=%m/d=%d/h=%H}/m=00/PT1H.json"

    def lines(self, app, moment, number):
        """Lines in one of the forms that Azure has; an invocation has one that tells how it ended."""
        for _ in range(number):
            self.written[app] += 1
            count, function, guid = self.written[app], self.chance.choice(FUNCTIONS), uuid.UUID(int=self.chance.getrandbits(128))
            is_end = count % 4 == 0
            message = f"Executed 'Functions.{function}' (Succeeded, Id={guid}, Duration=7ms)" if is_end else f"event {count} of {app}: it's \"done\"\nnext line"
            self.invoked[app, function] += is_end
            properties = {
                "appName": app.lower(), "roleInstance": f"{app}-{count % 3}", "message": message, "category": f"Function.{function}",
                "functionInvocationId": str(guid), "functionName": f"Functions.{function}", "level": "Information", "levelId": 2,
            }
            record = {
                "time": f"{moment:%Y-%m-%dT%H:%M:%SZ}", "resourceId": self.name(app, moment).removeprefix("resourceId=").split("/y=")[0],
                "category": "FunctionAppLogs", "operationName": "Microsoft.Web/sites/functions/log", "level": "Informational", "location": "West Europe",
            }
            javascript = "{" + ",".join(f"'{name}':{value if isinstance(value, int) else quoted(value)}" for name, value in properties.items()) + "}"
            form = count % 3
            if form == 0:
                yield json.dumps({**record, "properties": properties}) + "\r\n"
            elif form == 1:
                yield json.dumps({**record, "properties": javascript}) + "\n"
            else:
                yield json.dumps(record)[:-1] + f', "properties": {javascript}}}\r\n'

    def append(self, app, moment, number):
        name = self.name(app, moment)
        blob = self.container.get_blob_client(name)
        if name not in self.contents:
            blob.create_append_blob()
            self.contents[name] = b""
        block = self.half.pop(name, b"") + "".join(self.lines(app, moment, number)).encode()
        if self.chance.random() < 0.4:  # the rest comes with the next block
            cut = len(block) - self.chance.randrange(1, 120)
            block, self.half[name] = block[:cut], block[cut:]
        blob.append_block(block)
        self.contents[name] += block

    def write_anew(self, app, moment):
        """As after a failover to another region: the last lines never got there, and others follow."""
        name = self.name(app, moment)
        blob = self.container.get_blob_client(name)
        lines = self.contents[name].splitlines(keepends=True)
        content = b"".join(lines[: len(lines) - 5])
        blob.create_append_blob()
        blob.append_block(content)
        self.contents[name] = content
        self.half.pop(name, None)
        self.append(app, moment, 10)

    def finish(self):
        for name, half in self.half.items():
            self.container.get_blob_client(name).append_block(half)
        self.half.clear()


class Tables:
    """Writes rows as the hosts' logger does: first of running invocations, then over them of ended ones."""

    def __init__(self, endpoint, chance):
        self.service = TableServiceClient(endpoint=endpoint, credential=AzureNamedKeyCredential(ACCOUNT, KEY))
        self.chance, self.months, self.running = chance, {}, []
        self.started, self.outcomes = Counter(), Counter()
        common = f"{TABLES}common"
        wait_until(lambda: made(self.service.create_table, common), "Azurite's tables answer")
        for function in FUNCTIONS:
            row = {"PartitionKey": "FD2", "RowKey": function_id(function), "OriginalName": function}
            self.service.get_table_client(common).upsert_entity(row, UpdateMode.MERGE)

    def table(self, moment):
        name = f"{TABLES}{moment:%Y%m}"
        if name not in self.months:
            made(self.service.create_table, name)
            self.months[name] = self.service.get_table_client(name)
        return self.months[name]

    def begin(self, moment, number, is_abandoned=False):
        for _ in range(number):
            function, guid = self.chance.choice(FUNCTIONS), str(uuid.UUID(int=self.chance.getrandbits(128)))
            start = moment + datetime.timedelta(microseconds=self.chance.randrange(1_000_000))
            heartbeat = utc_now() + datetime.timedelta(minutes=-60 if is_abandoned else 10)
            self.started[function] += 1
            invocation = (function, guid, start, heartbeat)
            self.write(invocation, {}, {})
            if is_abandoned:
                self.outcomes[function, "error"] += 1
            else:
                self.running.append(invocation)

    def end(self, share):
        """Ends some of those that run, in any order."""
        self.chance.shuffle(self.running)
        for _ in range(int(len(self.running) * share)):
            invocation = self.running.pop()
            outcome = self.chance.choice(["ok", "ok", "error", "timeout"])
            self.outcomes[invocation[0], outcome] += 1
            end = {"EndTime": utc_now()}
            details = {
                "ok": {}, "error": {"ErrorDetails": "System.InvalidOperationException: no"},
                "timeout": {"ErrorDetails": f"Timeout value of 00:05:00 exceeded by function '{invocation[0]}'"},
            }
            self.write(invocation, {**end, **details[outcome], "LogOutput": "line one\nline two"}, {**end, "HasError": outcome != "ok"})

    def write(self, invocation, full, index):
        function, guid, start, heartbeat = invocation
        ticks = int((start - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)).total_seconds() * 1_000_000) * 10 + EPOCH_TICKS
        both = {"FunctionName": f"Functions.{function}", "StartTime": start, "FunctionInstanceHeartbeatExpiry": heartbeat}
        key = f"{function_id(function)}-{MAX_TICKS - ticks:020}-{hash(guid) % 2**32 - 2**31}"
        rows = [
            {"PartitionKey": "I", "RowKey": guid, "TriggerReason": "Timer fired", **both, **full},
            {"PartitionKey": "R2", "RowKey": key, "FunctionInstanceId": guid, "DisplayName": function, "ContainerName": "host-1", "HasError": False, **both, **index},
        ]
        self.chance.shuffle(rows)  # either may be there first
        for row in rows:
            self.table(start).upsert_entity(row, UpdateMode.MERGE)


def function_id(function):
    """Other letters than small ones and digits are written as `:XX`."""
    return "my:2Dhost-" + "".join(letter if letter.isdigit() or letter.islower() else f":{ord(letter):02X}" for letter in function.lower())


def quoted(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


def made(make, name):
    """Whether the service has made it, or has it."""
    try:
        make(name)
    except ResourceExistsError:
        pass
    except Exception:  # not up yet
        return False
    return True


def has_all(node, blobs, app):
    with contextlib.suppress(Exception):  # the node is being killed
        return counts(node, "_source=blobs", "_sourceHost").get(app.lower()) == blobs.written[app]
    return False


def write(node, blobs, tables, chance, failures):
    """Writes for a while, into the present hour and into those before."""
    try:
        deadline = time.monotonic() + WRITE_SECONDS
        anew_at = time.monotonic() + WRITE_SECONDS / 2
        while time.monotonic() < deadline or sum(blobs.written.values()) < LINES or sum(tables.started.values()) < INVOCATIONS:
            moment = utc_now() - datetime.timedelta(hours=chance.choice([0, 0, 0, 1, 2, 26]))
            blobs.append(chance.choice(APPS), moment, chance.randrange(1, 200))
            tables.begin(utc_now(), chance.randrange(1, 10))
            tables.end(0.2)
            if anew_at and time.monotonic() > anew_at:
                blobs.append(APPS[0], utc_now(), 50)
                blobs.finish()
                # What is lost in the cloud before anybody has read it is lost.
                wait_until(lambda: has_all(node, blobs, APPS[0]), "the lines that will be lost were collected")
                blobs.write_anew(APPS[0], utc_now())
                anew_at = None
            time.sleep(chance.uniform(0, 0.2))
        tables.end(1.0)
        blobs.finish()
    except Exception as error:  # told by the main thread
        failures.append(error)


def main():
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    print(f"seed {seed}")
    chance = random.Random(seed)
    with workspace() as folder:
        azurite, blob_endpoint, table_endpoint = start_azurite(folder)
        try:
            blobs, tables = Blobs(blob_endpoint, random.Random(seed + 1)), Tables(table_endpoint, random.Random(seed + 2))
            for days in range(1, OLD_DAYS):
                moment = utc_now() - datetime.timedelta(days=days)
                for app in APPS:
                    blobs.append(app, moment, 200)
            blobs.finish()
            last_month = utc_now().replace(day=1, hour=0, minute=0, second=0) - datetime.timedelta(seconds=2)
            tables.begin(last_month, 150)
            tables.begin(utc_now() - datetime.timedelta(hours=3), 10, is_abandoned=True)
            tables.end(0.8)
            sources = f"""
[[sources]]
name = "blobs"
collector = "azure_blob_storage"
account = "{ACCOUNT}"
endpoint_url = "{blob_endpoint}"
credentials = {{ account_key = "{KEY}" }}
poll_interval = "500ms"
discovery_interval = "1s"
sweep_interval = "2s"

[[sources]]
name = "tables"
collector = "azure_table_storage"
account = "{ACCOUNT}"
endpoint_url = "{table_endpoint}"
credentials = {{ account_key = "{KEY}" }}
poll_interval = "500ms"
discovery_interval = "1s"
settle = "1m"
sweep_interval = "5s"
"""
            with Node(folder, sources) as node:
                collect(node, blobs, tables, chance)
        finally:
            azurite.end()
    finish()


def collect(node, blobs, tables, chance):
    failures = []
    writer = threading.Thread(target=write, args=(node, blobs, tables, chance, failures))
    writer.start()
    for _ in range(ROUNDS):
        time.sleep(chance.uniform(0.5, 4))
        node.kill()
        node.start()
    writer.join()
    check(not failures, f"Microsoft's clients wrote everything: {failures}")
    lines, invocations = sum(blobs.written.values()), sum(tables.started.values())
    wait_until(lambda: found(node, "_source=blobs") >= lines and found(node, "_source=tables") >= invocations, "everything was collected", 180)
    # Whatever is read once more must not add anything.
    time.sleep(6)
    check(lines >= LINES and invocations >= INVOCATIONS, f"{lines} lines and {invocations} invocations were written")
    hosts = {host.upper(): number for host, number in counts(node, "_source=blobs", "_sourceHost").items()}
    check(hosts == dict(blobs.written), f"after {ROUNDS} kills every line is there once: found {hosts}, written {dict(blobs.written)}")
    distinct = search(node.url, "_source=blobs | count by _sourceHost, _raw | count", begin_ms=0)
    check(int(float(distinct[0]["_count"])) == lines, f"all lines are different: none lost, none repeated: {distinct}")
    functions = counts(node, "_source=tables", "function")
    check(functions == dict(tables.started), f"every invocation is one event: found {functions}, begun {dict(tables.started)}")
    outcomes = {(row["function"], row["status"]): number(row["n"]) for row in sql(node, "host-1")}
    check(outcomes == dict(tables.outcomes), f"and has the status it came to: found {outcomes}, written {dict(tables.outcomes)}")
    expected = Counter()
    for (app, function), count in blobs.invoked.items():
        expected[function] += count
    ended = {row["function"]: number(row["n"]) for row in search(node.url, INVOCATIONS_OF_BLOBS, begin_ms=0, language="sql")}
    check(ended == {function: count for function, count in expected.items() if count}, f"lines tell of invocations, too: found {ended}, written {dict(expected)}")


INVOCATIONS_OF_BLOBS = "select function, count(distinct request_id) as n from invocations where provider = 'azure' and region = 'westeurope' group by function"


def sql(node, instance):
    query = f"select function, status, count(distinct request_id) as n from invocations where instance = '{instance}' group by function, status"
    return search(node.url, query, begin_ms=0, language="sql")


def number(text):
    return int(float(text))


def counts(node, scope, name):
    return {row[name.lower()]: number(row["_count"]) for row in search(node.url, f"{scope} | count by {name}", begin_ms=0)}


def found(node, scope):
    rows = search(node.url, f"{scope} | count", begin_ms=0)
    return number(rows[0]["_count"]) if rows else 0


main()
