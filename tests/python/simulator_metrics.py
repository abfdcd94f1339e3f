"""Metrics of the simulated Google and Azure come in through the real collectors, and the metrics API answers with what the clouds
have counted, also what they counted late; a node that is killed loses and doubles nothing.
"""

import collections
import json
import re
import time

from harness import BINARY, Node, Process, call, check, finish, request, wait_until, workspace

ACCESS = ("suTest", "secret")
CONFIG = '[[auth.access_keys]]\nid = "suTest"\nkey = "secret"'
SUBSCRIPTION = "2f6c7f1e-8d0b-4f5e-9a43-5d1f0f6d7c11"
HISTORY_MINUTES = 25
LATEST_MINUTES = 6  # younger minutes are not told yet, or still counted


def start_clouds(folder):
    clouds = Process(
        [BINARY, "simulate", "clouds", "--history-minutes", HISTORY_MINUTES, "--events-per-second", 0],
        folder / "clouds.log",
    )

    def addresses():
        if not clouds.is_running():
            raise RuntimeError("the clouds ended: " + clouds.output()[-2000:])
        found = dict(re.findall(r"simulated ([\w ]+) at (http://\S+)", clouds.output()))
        return "Resource Manager" in found and found

    found = wait_until(addresses, "the clouds print their addresses")
    return clouds, found["Cloud Monitoring"], found["Resource Manager"]


def sources(google, azure):
    return f"""
[[sources]]
name = "google"
collector = "gcp_cloud_monitoring"
project = "shop-prod"
endpoint_url = "{google}"
poll_interval = "2s"
quota_share = 1.0

[[sources]]
name = "azure"
collector = "azure_monitor_metrics"
subscription = "{SUBSCRIPTION}"
endpoint_url = "{azure}"
poll_interval = "5s"
quota_share = 1.0
credentials = {{ tenant_id = "t", client_id = "c", client_secret = "s", authority_url = "{azure}" }}
"""


def ask(node, until, query, *names):
    """What a metric sums up to, by the values of these dimensions."""
    body = {
        "queries": [{"rowId": "A", "query": f"{query} | quantize 1m using sum | sum by {', '.join(names)}"}],
        "timeRange": {
            "type": "BeginBoundedTimeRange",
            "from": {"type": "EpochTimeRangeBoundary", "epochMillis": until - (HISTORY_MINUTES + 5) * 60_000},
            "to": {"type": "EpochTimeRangeBoundary", "epochMillis": until},
        },
    }
    status, answer = call(node.url, "POST", "/api/v1/metricsQueries", body, ACCESS)
    if status != 200:
        raise RuntimeError(f"`{query}` is refused: {answer}")
    sums = collections.Counter()
    for row in answer["queryResult"]:
        for series in row["timeSeriesList"]["timeSeries"]:
            key = tuple(series["metricDefinition"]["dimensions"][name] for name in names)
            sums[key] += round(sum(value or 0 for value in series["points"]["values"]))
    return dict(sums)


def counted(endpoint, until):
    """What a cloud itself says that it has counted before a moment."""
    return json.loads(request(endpoint, "GET", f"/simulator/executions?until_ms={until}")[1])


def google_is_right(node, google, until):
    truth = {(name, status): number for name, by_status in counted(google, until).items() for status, number in by_status.items()}
    executions = ask(node, until, "metric=function/execution_count statistic=sum", "function_name", "status")
    times = ask(node, until, "metric=function/execution_times statistic=samplecount", "function_name", "status")
    return executions == truth and times == truth and truth


def azure_is_right(node, azure, until):
    truth = counted(azure, until)
    truth.pop("lab-insights")  # it is of another subscription
    for metric in ("FunctionExecutionCount", "FunctionExecutionUnits", "Requests", "Http5xx"):
        expected = {(app,): round(totals[metric]) for app, totals in truth.items() if metric in totals}
        if ask(node, until, f"metric={metric} statistic=sum", "resource_name") != expected:
            return False
    return truth


def main():
    with workspace() as folder:
        clouds, google, azure = start_clouds(folder)
        until = (int(time.time()) // 60 - LATEST_MINUTES) * 60_000
        try:
            with Node(folder, sources(google, azure), CONFIG) as node:
                truth = wait_until(lambda: google_is_right(node, google, until), "Google's metrics are what Google has counted", 240)
                total = sum(truth.values())
                check(len({name for name, _ in truth}) == 6 and total > 1_000, f"Google: {total} executions of six functions, by status, and as many times")
                truth = wait_until(lambda: azure_is_right(node, azure, until), "Azure's metrics are what Azure has counted", 240)
                total = sum(totals["FunctionExecutionCount"] for totals in truth.values())
                check(set(truth) == {"billing-legacy", "shop-orders", "shop-pictures"} and total > 1_000, f"Azure: {total:.0f} executions of three apps, their units and requests")
                requests = ask(node, until, "metric=request_count statistic=sum service=run.googleapis.com", "response_code_class")
                check(requests[("2xx",)] > 1_000 and requests[("5xx",)] > 0, f"requests by class of code: {requests}")
                node.kill()
                node.start()
                # Whatever is read once more must not add anything.
                time.sleep(8)
                check(google_is_right(node, google, until), "after `kill -9` Google's numbers are the same")
                check(azure_is_right(node, azure, until), "and Azure's")
                answer = call(node.url, "GET", "/api/v1/status", access=ACCESS)[1]
                origins = {source["name"]: [origin["name"] for origin in source["origins"]] for source in answer["sources"]}
                check(len(origins["google"]) == 7 and len(origins["azure"]) == 3, f"each metric and each app is an origin: {origins}")
        finally:
            clouds.end()
    finish()


main()
