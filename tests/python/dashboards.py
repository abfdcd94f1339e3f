"""The packaged dashboards: what each query answers about the samples of events and metrics beside it (`*.expected`); in the demo, that every panel shows data, and the overview in Chromium.

`UPDATE_EXPECT=1` writes what is expected anew, `PICTURES=docs/images` takes pictures of all dashboards.
"""

import datetime
import json
import os
import pathlib
import re
import subprocess

from harness import BINARY, Node, Process, check, finish, free_port, request, wait_until, workspace

UI = pathlib.Path(__file__).resolve().parents[2] / "crates/web/ui"
ROOT = pathlib.Path(__file__).resolve().parents[2] / "dashboards"
SOURCE = """
[[sources]]
name = "samples"
collector = "sumo_http"
token = "samples"
format = "ndjson"
time_field = "_time"
message_field = "message"
"""
# The half hour of the samples.
BEGIN = int(datetime.datetime(2026, 11, 23, 14, tzinfo=datetime.timezone.utc).timestamp() * 1000)
END = BEGIN + 1_800_000
# Nothing is deployed in the first minutes of the demo; the samples have a deployment.
LATER = {"serverless-overview/overview deployments"}
# Apps about what the demo simulates, or is.
IN_DEMO = {"aws-lambda", "azure-functions", "google-cloud-functions", "nephoscope", "serverless-overview"}


def ask(url, method, path, body=None):
    status, answer = request(url, method, path, None if body is None else json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    if status not in (200, 202):
        raise RuntimeError(f"{method} {path}: {status} {answer[:400]!r}")
    return json.loads(answer)


def dashboards(url):
    for app in ask(url, "GET", "/api/v1/dashboards")["apps"]:
        for listed in app["dashboards"]:
            yield ask(url, "GET", f"/api/v1/dashboards/{listed['id']}")


def filled(url, dashboard, begin, end, variables=None):
    body = {"from": begin, "to": end, "variables": variables or {}}
    return ask(url, "POST", f"/api/v1/dashboards/{dashboard['id']}/queries", body)["queries"]


def run(url, query):
    """The rows of a query: records, or the messages of a query that does not aggregate."""
    if query["language"] == "metrics":
        ends = [{"type": "EpochTimeRangeBoundary", "epochMillis": query[end]} for end in ("from", "to")]
        body = {"queries": [{"rowId": "A", "query": query["text"]}], "timeRange": {"type": "BeginBoundedTimeRange", "from": ends[0], "to": ends[1]}}
        return ask(url, "POST", "/api/v1/metricsQueries", body)["queryResult"][0]["timeSeriesList"]["timeSeries"]
    body = {"query": query["text"], "from": query["from"], "to": query["to"], "language": query["language"], "requiresRawMessages": False}
    job = ask(url, "POST", "/api/v1/search/jobs", body)["id"]
    path = f"/api/v1/search/jobs/{job}"

    def end():
        status = ask(url, "GET", path)
        return status if status["state"] != "GATHERING RESULTS" and status["state"] != "NOT STARTED" else None

    status = wait_until(end, "a query ends")
    if status["pendingErrors"]:
        raise RuntimeError(f"{query['text']}: {status['pendingErrors']}")
    # Which of the two it is, the status tells; an aggregate without rows has no messages to show either.
    kind = "records" if status.get("kind") == "records" or query["language"] == "sql" or status["recordCount"] else "messages"
    rows = []
    if status["recordCount" if kind == "records" else "messageCount"]:
        rows = [row["map"] for row in ask(url, "GET", f"{path}/{kind}?offset=0&limit=1000")[kind]]
    request(url, "DELETE", path)
    return rows


def written(row):
    """A row as text; sums of fractions depend on their order in the last digits."""
    rounded = {name: f"{float(value):.9g}" if re.fullmatch(r"-?\d+\.\d+(e-?\d+)?", value) else value for name, value in row.items()}
    hidden = ("_receipttime", "_messageid", "_blockid", "_size")
    return json.dumps({name: value for name, value in rounded.items() if name not in hidden}, ensure_ascii=False, sort_keys=True)


def answers(url, dashboard):
    parts = []
    for name, query in sorted(filled(url, dashboard, BEGIN, END).items()):
        if "@" not in name:
            rows = sorted(written(row) for row in run(url, query))
            parts.append("\n".join([f"== {name}: {len(rows)} rows", *rows[:12]]))
    return "\n\n".join(parts) + "\n"


def push(url, file):
    streams = {}
    for line in file.read_text().splitlines():
        row = json.loads(line)
        streams.setdefault((row.pop("host"), row.pop("name")), []).append(json.dumps(row))
    for (host, name), lines in streams.items():
        headers = {"X-Sumo-Host": host, "X-Sumo-Name": name, "X-Sumo-Fields": "account=prod,region=eu-west-1"}
        status, answer = request(url, "POST", "/receiver/v1/http/samples", "\n".join(lines).encode(), headers=headers)
        if status != 200:
            raise RuntimeError(f"{file}: refused with {status}: {answer[:200]!r}")


def push_metrics(url, file, token="samples", seconds_later=0):
    """Sends a file's samples, so much later than the file says."""
    lines = [line.rpartition(" ") for line in file.read_text().splitlines()]
    body = "\n".join(f"{sample} {int(time) + seconds_later}" for sample, _, time in lines)
    headers = {"Content-Type": "application/vnd.sumologic.carbon2"}
    status, answer = request(url, "POST", f"/receiver/v1/http/{token}", body.encode(), headers=headers)
    if status != 200:
        raise RuntimeError(f"{file}: refused with {status}: {answer[:200]!r}")


def golden():
    with workspace() as folder, Node(folder, SOURCE) as node:
        for file in sorted(ROOT.glob("*/samples.ndjson")):
            push(node.url, file)
        for file in sorted(ROOT.glob("*/samples.carbon2")):
            push_metrics(node.url, file)
        for dashboard in dashboards(node.url):
            found = answers(node.url, dashboard)
            file = ROOT / dashboard["file"].replace(".dashboard.toml", ".expected")
            if os.environ.get("UPDATE_EXPECT"):
                file.write_text(found)
            check(file.exists() and file.read_text() == found, f"{dashboard['id']} answers what {file.name} says")
            empty = re.findall(r"^== (\w+): 0 rows", found, re.M)
            check(not empty, f"{dashboard['id']}: the samples have something for every query" + (f", but not for {empty}" if empty else ""))
            if any(variable["name"] == "function" for variable in dashboard["variables"]):
                shown = next((row["function"] for line in found.splitlines() if line.startswith("{") and (row := json.loads(line)).get("function")), None)
                chosen = filled(node.url, dashboard, BEGIN, END, {"function": [shown]})
                others = [name for name, query in chosen.items() if "@" not in name and any(row.get("function", shown) != shown for row in run(node.url, query))]
                check(shown and not others, f"{dashboard['id']}: {shown} is chosen, and no other function is shown" + (f", but in {others}" if others else ""))


def empty_panels(url):
    """The panels of all dashboards that show nothing in the demo."""
    empty = []
    end = ask(url, "GET", "/api/v1/status")["now"]
    for dashboard in dashboards(url):
        queries = filled(url, dashboard, end - 3_600_000, end)
        shown = {name for panel in dashboard["panels"] for name in panel["queries"]}
        rows = {name: len(run(url, queries[name])) for name in shown}
        empty += [f"{dashboard['id']} {panel['id']}" for panel in dashboard["panels"] if panel["chart"] != "text" and not any(rows[name] for name in panel["queries"])]
    return set(empty) - LATER


def write_audit(google):
    """Writes entries of the audit log into the simulated Cloud Logging, which has nobody who deploys: a deployment, and a deletion that is refused; half an hour ago, so that no monitor tells of it during the walk."""
    time = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=30)).isoformat()
    entries = []
    for action, status in (("UpdateFunction", {}), ("DeleteFunction", {"code": 7, "message": "Permission 'cloudfunctions.functions.delete' denied"})):
        payload = {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "authenticationInfo": {"principalEmail": "ada@example.com"},
            "methodName": f"google.cloud.functions.v1.CloudFunctionsService.{action}",
            "requestMetadata": {"callerIp": "198.51.100.4"},
            "status": status,
        }
        entries.append({"protoPayload": payload, "severity": "ERROR" if status else "NOTICE", "timestamp": time})
    resource = {"type": "cloud_function", "labels": {"function_name": "pubsub_digest", "project_id": "shop-prod", "region": "europe-west1"}}
    ask(google, "POST", "/v2/entries:write", {"entries": entries, "logName": "projects/shop-prod/logs/cloudaudit.googleapis.com%2Factivity", "resource": resource})


def push_unsimulated(url):
    """Sends the samples of the services that the simulated clouds do not have, as if their half hour ended now."""
    later = int(datetime.datetime.now(datetime.timezone.utc).timestamp()) - END // 1000
    for file in sorted(ROOT.glob("*/samples.carbon2")):
        if file.parent.name not in IN_DEMO:
            push_metrics(url, file, "demo", later)


def demo():
    with workspace() as folder:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        process = Process([BINARY, "demo", "--listen", f"127.0.0.1:{port}", "--data-dir", folder / "data"], folder / "demo.log")
        try:
            wait_until(lambda: "open http" in process.output(), "the demo prints its address")
            push_unsimulated(url)
            write_audit(re.search(r"simulated Cloud Logging at (http://\S+)", process.output()).group(1))
            last = set()

            def all_filled():
                last.clear()
                last.update(empty_panels(url))
                return not last

            try:
                wait_until(all_filled, "every panel shows data")
            except TimeoutError:
                pass
            check(not last, f"every panel of the packaged dashboards shows data in the demo" + (f", but not {sorted(last)}" if last else ""))
            if folder_of_pictures := os.environ.get("PICTURES"):
                result = subprocess.run(["node", "e2e/pictures.mjs", url, pathlib.Path(folder_of_pictures).resolve()], cwd=UI, timeout=900)
                check(result.returncode == 0, "pictures are taken")
            status, page = request(url, "GET", "/api/v2/dashboards?limit=1")
            first = json.loads(page)
            check(status == 200 and len(first["dashboards"]) == 1 and first["next"] == "1", "the list has pages, as in Sumo Logic's API")
            result = subprocess.run(["node", "e2e/dashboards.mjs", url], cwd=UI, timeout=600)
            check(result.returncode == 0, "the overview does in Chromium what a person asks of it")
            result = subprocess.run(["node", "e2e/sources.mjs", url], cwd=UI, timeout=300)
            check(result.returncode == 0, "the sources tell in Chromium how they are doing")
        finally:
            process.end()


def saving():
    """Dashboards that are saved through the API: compared with what was read, kept as files, and taken back."""
    with workspace() as folder, Node(folder, SOURCE) as node:
        path = "/api/v1/dashboards/serverless-overview/overview"
        headers = {"Content-Type": "application/json"}
        read = ask(node.url, "GET", path)
        content = {key: value for key, value in read.items() if key not in ("id", "file", "isOwn", "isPackaged", "revision")}
        body = json.dumps({"revision": read["revision"], "dashboard": content | {"title": "Ours"}}).encode()
        status, answer = request(node.url, "PUT", path, body, headers=headers)
        saved = json.loads(answer)
        check(status == 200 and saved["isOwn"] and saved["isPackaged"] and saved["title"] == "Ours", f"a packaged dashboard is saved as a file of one's own ({status} {answer[:200]!r})")
        file = next(folder.rglob("overview.dashboard.toml"))
        check(file.read_text().startswith('title = "Ours"') and "\nSELECT " in file.read_text(), "the file can be read by people")
        checked = subprocess.run([BINARY, "check", file.parent.parent], capture_output=True, text=True)
        check(checked.returncode == 0, f"`check` finds nothing wrong with it ({checked.stdout}{checked.stderr})")
        status, answer = request(node.url, "PUT", path, body, headers=headers)
        check(status == 409, f"who has read an older one does not overwrite it ({status})")
        broken = content | {"panels": [{"id": "a", "title": "A", "description": "d", "chart": "line", "at": [0, 0, 13, 4], "queries": ["nothing"]}]}
        status, answer = request(node.url, "PUT", path, json.dumps({"revision": saved["revision"], "dashboard": broken}).encode(), headers=headers)
        check(status == 400 and b"leaves the grid" in answer and b"no query is called" in answer, "one that cannot work is refused with every mistake")
        status, _ = request(node.url, "PUT", "/api/v1/dashboards/..%2f..%2fetc/x", json.dumps({"dashboard": {"title": "x"}}).encode(), headers=headers)
        check(status == 400, f"an id stays in the folder ({status})")
        draft = ask(node.url, "POST", f"{path}/queries", {"from": BEGIN, "to": END, "dashboard": {"title": "x", "queries": {"q": {"text": "* | timeslice {{slice}} | count by _timeslice"}}}})
        check("20s" in draft["queries"]["q"]["text"] or "30s" in draft["queries"]["q"]["text"], f"a draft is filled without being saved ({draft['queries']})")
        status, _ = request(node.url, "DELETE", f"{path}?revision={saved['revision']}")
        check(status == 204 and ask(node.url, "GET", path) == read, "the packaged one is there again")
        panel = {"key": "a", "title": "Errors", "panelType": "SumoSearchPanel", "visualSettings": "{}", "queries": [{"queryType": "Logs", "queryKey": "A", "queryString": "error | count by function"}]}
        export = {"type": "FolderSyncDefinition", "children": [{"title": "Exported", "panels": [panel]}, {"title": "Exported", "panels": []}]}
        made = ask(node.url, "POST", "/api/v1/dashboards/import", export)["dashboards"]
        check([one["id"] for one in made] == ["own/exported", "own/exported-2"], f"an export becomes dashboards ({made})")


golden()
saving()
demo()
finish()
