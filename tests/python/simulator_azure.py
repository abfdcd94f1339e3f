"""The simulated Azure Storage answers Microsoft's own Python clients as the real one does: a second opinion on what our tests rest on."""

import collections
import json
import re
import urllib.request

from azure.core import MatchConditions
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobPrefix, BlobServiceClient

from harness import BINARY, Process, check, finish, wait_until, workspace

ACCOUNT = "shoplogs"
# The key that every emulator of Azure Storage has.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
OTHER_KEY = "AAAA" + KEY[4:]
CONTAINER = "insights-logs-functionapplogs"
LOGS = "AzureWebJobsHostLogs"


def blob_service(endpoint, key=KEY):
    return BlobServiceClient(endpoint, credential={"account_name": ACCOUNT, "account_key": key})


def table_service(endpoint, key=KEY):
    return TableServiceClient(endpoint, credential=AzureNamedKeyCredential(ACCOUNT, key))


def error_of(call):
    """The class and the code of the error that a call ends with."""
    try:
        call()
    except HttpResponseError as error:
        return type(error), str(getattr(error, "error_code", ""))
    return None, "no error"


def counts(endpoint):
    """How many lines or executions each app has, as the simulator itself says."""
    with urllib.request.urlopen(endpoint.removesuffix(ACCOUNT) + "simulator/counts") as response:
        return json.load(response)


def check_list(container):
    names = [blob.name for blob in container.list_blobs()]
    form = re.compile(r"resourceId=/SUBSCRIPTIONS/[0-9A-F-]{36}/RESOURCEGROUPS/\w+/PROVIDERS/MICROSOFT\.WEB/SITES/[A-Z-]+/y=\d{4}/m=\d\d/d=\d\d/h=\d\d/m=00/PT1H\.json")
    check(len(names) >= 3 and names == sorted(names), f"blobs are listed in the order of their names: {len(names)}")
    check(all(form.fullmatch(name) for name in names), f"they are called as diagnostic settings call them: {names[0]}")
    pages = [[blob.name for blob in page] for page in container.list_blobs(results_per_page=1).by_page()]
    check(sum(pages, []) == names and len(pages) >= len(names), f"pages of one give the same blobs: {len(pages)} pages")
    apps = {item.name for item in container.walk_blobs(delimiter="/y=") if isinstance(item, BlobPrefix)}
    check(apps == {name.split("y=")[0] + "y=" for name in names}, f"one prefix for each app: {len(apps)}")
    app = min(apps)
    check([blob.name for blob in container.list_blobs(name_starts_with=app)] == [name for name in names if name.startswith(app)], "a prefix chooses an app")
    for blob in container.list_blobs(name_starts_with=app):
        got = container.get_blob_client(blob.name).get_blob_properties()
        check(got.blob_type == "AppendBlob" == blob.blob_type and got.creation_time == blob.creation_time, f"properties of {blob.name[-30:]}")
    return names


def check_growth(container, name):
    """Reads a blob on from where it ended, as a collector does."""
    client = container.get_blob_client(name)
    whole = client.download_blob()
    data, etag = whole.readall(), whole.properties.etag
    check(len(data) == whole.size and whole.properties.append_blob_committed_block_count > 1, f"a blob of {len(data)} bytes is read")
    check(client.download_blob(offset=10, length=90).readall() == data[10:100], "a range of it is read")
    stale, code = error_of(lambda: client.download_blob(etag='"0x1"', match_condition=MatchConditions.IfNotModified))
    check((stale, code) == (ResourceModifiedError, "StorageErrorCode.CONDITION_NOT_MET"), f"the wrong ETag does not match: {code}")

    def is_same():
        now = client.get_blob_properties().etag
        try:
            client.get_blob_properties(etag=now, match_condition=MatchConditions.IfModified)
        except HttpResponseError as error:
            return error.status_code == 304
        return False

    check(wait_until(is_same, "a blob does not change between two requests"), "what has not changed is not sent again")
    behind = error_of(lambda: client.download_blob(offset=len(data) + 10_000_000, length=10))
    check(behind[1] == "StorageErrorCode.INVALID_RANGE", f"behind its end there is no range: {behind[1]}")
    grown = wait_until(lambda: (size := client.get_blob_properties().size) > len(data) and size, "the blob grows")
    more = client.download_blob(offset=len(data), length=grown - len(data)).readall()
    now = client.download_blob().readall()
    check(now.startswith(data + more) and len(more) == grown - len(data), f"it has grown by {len(more)} bytes, and nothing before them has changed")
    check(client.get_blob_properties().etag != etag, "with another ETag")


def properties(line):
    """The properties of a record, whatever form they have."""
    text = line.split('"properties": ', 1)[1]
    if text.startswith("{'"):
        return dict(re.findall(r"'(\w+)':'((?:[^'\\]|\\.)*)'", text))
    found = json.JSONDecoder().raw_decode(text)[0]
    return dict(re.findall(r"'(\w+)':'((?:[^'\\]|\\.)*)'", found)) if isinstance(found, str) else found


def lines_of(container):
    """The whole lines of all blobs."""
    for blob in container.list_blobs():
        data = container.get_blob_client(blob.name).download_blob().readall()
        yield from data[: data.rfind(b"\n") + 1].decode().splitlines()


def check_records(container, endpoint):
    expected = counts(endpoint)
    lines = list(lines_of(container))
    apps = collections.Counter(re.search(r"/SITES/([A-Z-]+)", line).group(1).lower() for line in lines)
    check(set(apps) == {"lab-insights", "shop-orders", "shop-pictures"}, f"three apps write records: {dict(apps)}")
    # What is under way is counted, and not in the blobs yet.
    check(all(0.8 * expected[app] - 50 <= number <= 1.2 * expected[app] + 50 for app, number in apps.items()), f"about as many as the fleet has made: {expected}")
    records = [properties(line) for line in lines]
    started = {one["functionInvocationId"] for one in records if one.get("eventName") == "FunctionStarted"}
    ended = {one["functionInvocationId"] for one in records if one.get("eventName") == "FunctionCompleted"}
    check(len(ended & started) > 0.9 * len(started) > 100, f"{len(started)} executions began, {len(ended)} ended")
    failed = [one for one in records if one["message"].startswith("Executed ") and "(Failed, " in one["message"]]
    check(failed and all(one["level"] == "Error" and one["exceptionType"].endswith("Exception") for one in failed), f"{len(failed)} failed with an exception")
    hosts = {one["hostInstanceId"] for one in records}
    said = {one["hostInstanceId"] for one in records if re.fullmatch(r"Host started \(\d+ms\)", one["message"])}
    check(said == hosts, f"{len(hosts)} hosts have started")
    strict = sum(is_json(line) for line in lines)
    check(0 < strict < len(lines), f"{strict} of {len(lines)} lines are JSON, the others are not")


def is_json(line):
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def check_tables(service, endpoint):
    names = [table.name for table in service.query_tables("TableName ge 'AzureWebJobsHostLogs' and TableName lt 'AzureWebJobsHostLogt'")]
    check(f"{LOGS}common" in names and re.fullmatch(LOGS + r"\d{6}", names[0]), f"tables of the host: {names}")
    check([table.name for table in service.list_tables(results_per_page=1)] == names, "one a page gives the same tables")
    definitions = list(service.get_table_client(f"{LOGS}common").query_entities("PartitionKey eq 'FD2'"))
    check(sorted(row["OriginalName"] for row in definitions) == ["close-day", "import-payments", "post-invoice"], "the functions are defined")

    found = 0
    for name in names[:-1]:
        table = service.get_table_client(name)
        for definition in definitions:
            key = definition["RowKey"]
            query = "PartitionKey eq 'R2' and RowKey ge @low and RowKey lt @high"
            recent = list(table.query_entities(query, parameters={"low": key + "-", "high": key + "."}, results_per_page=50))
            starts = [row["StartTime"] for row in recent]
            check(starts == sorted(starts, reverse=True), f"{name} {key}: {len(recent)} executions, the newest first")
            found += len(recent)
        check_rows(table)
    expected = counts(endpoint)["billing-legacy"]
    check(0.7 * expected - 60 <= found <= expected + 60, f"{found} executions of about {expected} are written")


def check_rows(table):
    row = next(iter(table.query_entities("PartitionKey eq 'R2'", select=["FunctionInstanceId", "StartTime", "HasError"], results_per_page=1)))
    check(set(row) == {"FunctionInstanceId", "StartTime", "HasError"}, f"columns are selected: {sorted(row)}")
    instance = table.get_entity("I", str(row["FunctionInstanceId"]))
    check(instance["StartTime"] == row["StartTime"] and instance["TriggerReason"], f"an execution is found by its id: {instance['TriggerReason']}")
    end = instance["StartTime"]
    later = list(table.query_entities("PartitionKey eq 'I' and StartTime gt @end or PartitionKey eq 'I' and not (HasError eq false) and Timestamp lt @end", parameters={"end": end}))
    check(all(one["StartTime"] > end or one.metadata["timestamp"] < end for one in later), f"rows are filtered by time: {len(later)}")
    failed = [one for one in table.query_entities("PartitionKey eq 'I' and ErrorDetails ge ''")]
    check(failed and all(len(one["ErrorDetails"]) <= 503 for one in failed), f"{len(failed)} executions failed")
    minutes = list(table.query_entities("PartitionKey eq 'T2' and TotalRun ge 1"))
    check(minutes and all(one["TotalRun"] == one["TotalPass"] + one["TotalFail"] for one in minutes), f"{len(minutes)} minutes are counted")


def check_refusals(blobs, tables):
    container = blob_service(blobs, OTHER_KEY).get_container_client(CONTAINER)
    got = error_of(lambda: list(container.list_blobs()))
    check(got == (ClientAuthenticationError, "StorageErrorCode.AUTHENTICATION_FAILED"), f"blobs are shown to who has the key only: {got[1]}")
    got = error_of(lambda: list(table_service(tables, OTHER_KEY).list_tables()))
    check(got[0] is ClientAuthenticationError, f"and tables: {got[1]}")
    service = blob_service(blobs)
    got = error_of(lambda: list(service.get_container_client("none").list_blobs()))
    check(got == (ResourceNotFoundError, "ContainerNotFound"), f"a container that is not there: {got[1]}")
    got = error_of(lambda: service.get_blob_client(CONTAINER, "none").download_blob())
    check(got == (ResourceNotFoundError, "BlobNotFound"), f"a blob that is not there: {got[1]}")
    check(not service.get_container_client("none").exists() and service.get_container_client(CONTAINER).exists(), "containers can be asked for")
    tables = table_service(tables)
    got = error_of(lambda: list(tables.get_table_client("None").query_entities("")))
    check(got[0] is ResourceNotFoundError, f"a table that is not there: {got[1]}")
    got = error_of(lambda: tables.get_table_client(f"{LOGS}common").get_entity("FD2", "none"))
    check(got[0] is ResourceNotFoundError, f"a row that is not there: {got[1]}")
    got = error_of(lambda: list(tables.get_table_client(f"{LOGS}common").query_entities("PartitionKey is 'FD2'")))
    check(got[0] is HttpResponseError and got[1] == "TableErrorCode.INVALID_INPUT", f"a filter that is none: {got[1]}")


def main():
    with workspace() as folder:
        clouds = Process([BINARY, "simulate", "clouds"], folder / "clouds.log")
        try:
            shown = wait_until(lambda: re.search(r"Blob Storage at (http://\S+)\n.*Table Storage at (http://\S+)", clouds.output()), "the clouds print their address")
            blobs, tables = shown.groups()
            service = blob_service(blobs)
            check([one.name for one in service.list_containers()] == [CONTAINER], "the account has one container")
            container = service.get_container_client(CONTAINER)
            names = check_list(container)
            check_growth(container, names[-1])
            check_records(container, blobs)
            check_tables(table_service(tables), blobs)
            check_refusals(blobs, tables)
        finally:
            clouds.end()
    finish()


main()
