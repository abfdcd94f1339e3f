"""The unchanged Python SDK of Sumo Logic runs search jobs; what it gets equals what the command line prints."""

import json
import os
import subprocess
import time

from sumologic import SumoLogic

from harness import BINARY, Node, check, finish, request, wait_until, workspace

ACCESS = ("suTest", "secret")
CONFIG = '[[auth.access_keys]]\nid = "suTest"\nkey = "secret"'
SOURCE = '[[sources]]\nname = "push"\ncollector = "sumo_http"\ntoken = "t0ken"\ncategory = "test"'


def job(sdk, query, begin, end):
    """Runs a search job to its end."""
    search = sdk.search_job(query, begin, end, "UTC")
    wait_until(lambda: sdk.search_job_status(search)["state"] == "DONE GATHERING RESULTS", "the search job is done")
    return search


def command_line(node, query, begin, end):
    """What `nephoscope query --format json` prints, one map a row."""
    environment = {**os.environ, "NEPHOSCOPE_URL": node.url, "NEPHOSCOPE_ACCESS_ID": ACCESS[0], "NEPHOSCOPE_ACCESS_KEY": ACCESS[1]}
    arguments = [BINARY, "query", query, "--from", begin, "--to", end, "--format", "json"]
    output = subprocess.run(arguments, env=environment, capture_output=True, check=True, timeout=120).stdout
    return [json.loads(line) for line in output.splitlines()]


def ordered(rows):
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


with workspace() as folder, Node(folder, SOURCE, CONFIG) as node:
    lines = "\n".join(f"level={'ERROR' if number % 7 == 0 else 'INFO'} event {number}" for number in range(500))
    status, _ = request(node.url, "POST", "/receiver/v1/http/t0ken", lines.encode(), {"X-Sumo-Host": "host-a", "X-Sumo-Name": "name-a"})
    check(status == 200, "500 lines were pushed")
    now = time.time()
    begin, end = (time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now + shift)) for shift in (-3600, 3600))
    sdk = SumoLogic(*ACCESS, endpoint=node.url + "/api")

    search = job(sdk, "event", begin, end)
    check(sdk.search_job_status(search)["messageCount"] == 500, "the status counts 500 messages")
    messages = sdk.search_job_messages(search, limit=1000)
    maps = [message["map"] for message in messages["messages"]]
    check(len(maps) == 500, f"the SDK gets {len(maps)} messages")
    check(all(isinstance(value, str) for row in maps for value in row.values()), "all values of a message are strings")
    check({"_raw", "_messagetime", "_sourcehost", "_sourcename", "_sourcecategory"} <= set(maps[0]), "a message has Sumo Logic's fields")
    check(ordered(maps) == ordered(command_line(node, "event", begin, end)), "messages equal those of the command line")
    without_limit = sdk.search_job_messages(search)
    check(len(without_limit["messages"]) > 0, "messages are given without a limit, too")

    query = '* | parse "level=* event *" as severity, number | count by severity | sort by severity asc'
    search = job(sdk, query, begin, end)
    records = sdk.search_job_records(search, limit=100)
    rows = [record["map"] for record in records["records"]]
    check([(row["severity"], row["_count"]) for row in rows] == [("ERROR", "72"), ("INFO", "428")], f"the SDK gets the records {rows}")
    check(rows == command_line(node, query, begin, end), "records equal those of the command line")
    keys = [field["name"] for field in records["fields"] if field["keyField"]]
    check(keys == ["severity"], f"the key fields are {keys}")
    check(sdk.delete_search_job(search).status_code == 200, "the search job is deleted")
finish()
