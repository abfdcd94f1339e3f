"""Metrics come in over HTTP and are asked through both of Sumo Logic's metrics APIs, the older one by its unchanged Python SDK."""

import json
import os
import subprocess
import time

from sumologic import SumoLogic

from harness import BINARY, Node, call, check, finish, request, workspace

ACCESS = ("suTest", "secret")
CONFIG = '[[auth.access_keys]]\nid = "suTest"\nkey = "secret"'
SOURCE = '[[sources]]\nname = "push"\ncollector = "sumo_http"\ntoken = "t0ken"\ncategory = "test"'
MINUTES = 10


def push(node, kind, body):
    headers = {"Content-Type": f"application/vnd.sumologic.{kind}", "X-Sumo-Dimensions": "cluster=blue"}
    status, answer = request(node.url, "POST", "/receiver/v1/http/t0ken", body.encode(), headers)
    return status, answer.decode()


def ask(node, begin, *queries):
    """The series of every row, as (metric, dimensions, values)."""
    body = {
        "queries": [{"rowId": name, "query": query} for name, query in zip("ABC", queries)],
        "timeRange": {
            "type": "BeginBoundedTimeRange",
            "from": {"type": "EpochTimeRangeBoundary", "epochMillis": begin},
            "to": {"type": "EpochTimeRangeBoundary", "epochMillis": begin + MINUTES * 60_000},
        },
    }
    status, answer = call(node.url, "POST", "/api/v1/metricsQueries", body, ACCESS)
    if status != 200:
        return status, answer
    rows = {}
    for row in answer["queryResult"]:
        series = row["timeSeriesList"]["timeSeries"]
        rows[row["rowId"]] = [(one["metricDefinition"]["metric"], one["metricDefinition"]["dimensions"], one["points"]["values"]) for one in series]
    return status, rows


with workspace() as folder, Node(folder, SOURCE, CONFIG) as node:
    begin = int(time.time()) // 60 * 60_000 - MINUTES * 60_000
    times = [begin + minute * 60_000 for minute in range(MINUTES)]
    prometheus = "".join(f'requests_total{{function="{name}",region="eu"}} {place * step} {moment}\n' for name, step in (("pay", 60), ("ship", 120)) for place, moment in enumerate(times))
    check(push(node, "prometheus", prometheus) == (200, ""), "Prometheus text is taken")
    carbon2 = "".join(f"metric=Errors FunctionName=pay statistic=Sum  unit=count {place} {moment // 1000}\n" for place, moment in enumerate(times))
    check(push(node, "carbon2", carbon2)[0] == 200, "Carbon 2.0 is taken")
    check(push(node, "graphite", f"prod.web.cpu 1.5 {times[0] // 1000}\n")[0] == 200, "Graphite is taken")
    status, answer = push(node, "graphite", f"prod.web.cpu 9 {times[1] // 1000}\nbroken\n")
    check(status == 400 and "line 2" in answer, f"a broken line refuses the request: {answer.strip()}")

    rates = "metric=requests_total cluster=blue | quantize 1m | rate | sum by function"
    status, rows = ask(node, begin, rates, "metric=requests_total | quantize 1m using max | sum by function", "#B * 0 + #A along function")
    check(status == 200, "three rows are answered")
    expected = [("sum", {"function": "pay"}, [1.0] * 9), ("sum", {"function": "ship"}, [2.0] * 9)]
    check(rows["A"] == expected, f"rates are computed: {rows['A']}")
    check([series[2] for series in rows["C"]] == [series[2] for series in expected], "rows are joined along a dimension")
    status, rows = ask(node, begin, "_rawName=prod.*.cpu | quantize 1m")
    check(len(rows["A"]) == 1 and rows["A"][0][2] == [1.5], "nothing of a refused request is there")

    embedded = [
        {"_aws": {"Timestamp": moment, "CloudWatchMetrics": [{"Namespace": "Airline", "Dimensions": [["service"], ["service", "cabin"]], "Metrics": [{"Name": "Booked", "Unit": "Count"}]}]},
         "service": "booking", "cabin": cabin, "Booked": [1, 2]}
        for moment in times for cabin in ("economy", "business")
    ]
    body = "\n".join(json.dumps(line) for line in embedded).encode()
    for _ in range(2):
        check(request(node.url, "POST", "/receiver/v1/http/t0ken", body, {"X-Sumo-Host": "/aws/lambda/booking"})[0] == 200, "lines of the Embedded Metric Format are taken")
    status, rows = ask(node, begin, "metric=Booked namespace=Airline | quantize 1m using sum | sum by cabin")
    expected_booked = [("sum", {"cabin": cabin}, [3.0] * MINUTES) for cabin in ("business", "economy")]
    check(sorted(rows["A"], key=str) == sorted(expected_booked, key=str), f"their numbers are samples, once however often the line comes: {rows['A']}")

    status, answer = ask(node, begin, "metric=Errors | smu by function")
    diagnostic = answer["diagnostics"][0]
    check(status == 400 and diagnostic["suggestion"] == "sum" and diagnostic["column"] == 17, f"mistakes are explained: {diagnostic}")

    corrected = f"metric=Errors FunctionName=pay statistic=Sum  unit=count 100 {times[0] // 1000}\n"
    push(node, "carbon2", corrected)
    status, rows = ask(node, begin, "metric=Errors statistic=sum | quantize 1m using sum | sum")
    check(rows["A"][0][2] == [100.0] + [float(place) for place in range(1, MINUTES)], "a sample received again replaces the first")
    node.kill()
    node.start()
    status, again = ask(node, begin, "metric=Errors statistic=sum | quantize 1m using sum | sum")
    check(again == rows, "after `kill -9` the answer is the same")

    sdk = SumoLogic(*ACCESS, endpoint=node.url + "/api")
    answer = sdk.search_metrics(rates, begin, begin + MINUTES * 60_000)
    results = answer["response"][0]["results"]
    check([one["datapoints"]["value"] for one in results] == [series[2] for series in expected], "the SDK gets the same numbers")
    names = {pair["key"]: pair["value"] for pair in results[0]["metric"]["dimensions"]}
    check(names == {"metric": "sum", "function": "pay"}, f"the SDK gets the dimensions {names}")

    environment = {**os.environ, "NEPHOSCOPE_URL": node.url, "NEPHOSCOPE_ACCESS_ID": ACCESS[0], "NEPHOSCOPE_ACCESS_KEY": ACCESS[1]}
    arguments = [BINARY, "query", "--language", "metrics", rates, "--from", str(begin), "--to", str(begin + MINUTES * 60_000), "--format", "json"]
    lines = [json.loads(line) for line in subprocess.run(arguments, env=environment, capture_output=True, check=True, timeout=120).stdout.splitlines()]
    check([line["value"] for line in lines] == [1.0] * 9 + [2.0] * 9, "the command line prints every point")

    status, api = call(node.url, "GET", "/api/openapi.json", access=ACCESS)
    check("/api/v1/metricsQueries" in api["paths"] and "/api/v1/metrics/results" in api["paths"], "the description of the API has both")
finish()
