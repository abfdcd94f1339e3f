"""Metrics arrive as CloudWatch has them: from ministack, a server of others, which boto3 put them into; and from the simulator with every nuisance on, although the node is killed while it collects.

ministack is `$MINISTACK_PYTHON -m ministack`, and boto3 is of the same environment.
"""

import json
import os
import random
import re
import subprocess
import time

from harness import BINARY, Node, Process, call, check, finish, free_port, request, wait_until, workspace

ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}
MINUTE_MS, MINUTES, HISTORY_MINUTES, KILLS = 60_000, 30, 45, 4
SOURCE = """
[[sources]]
name = "metrics"
collector = "aws_cloudwatch_metrics"
region = "eu-west-1"
endpoint_url = "{endpoint}"
namespaces = {namespaces}
dimensions = ["FunctionName"]
poll_interval = "500ms"
discovery_interval = "1s"
delay = "0s"
correction = "5m"
quota_share = 1.0
category = "test"
fields = {{ account = "prod" }}
"""
PUT = """
import json, sys, boto3
from datetime import datetime, timezone
endpoint, namespace, data = json.load(sys.stdin)
client = boto3.client("cloudwatch", endpoint_url=endpoint, region_name="eu-west-1")
for item in data:
    item["Timestamp"] = datetime.fromtimestamp(item["Timestamp"], timezone.utc)
for begin in range(0, len(data), 500):
    client.put_metric_data(Namespace=namespace, MetricData=data[begin:begin + 500])
"""


def put(endpoint, namespace, data):
    """Puts data with boto3; fails while the server is not up."""
    python = os.environ["MINISTACK_PYTHON"]
    done = subprocess.run([python, "-c", PUT], input=json.dumps([endpoint, namespace, data]), text=True, capture_output=True, env={**os.environ, **ENVIRONMENT})
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])


def ask(node, begin_ms, end_ms, query):
    """The value of each minute of the answer's only series; of a series by function, a map of those."""
    body = {
        "queries": [{"rowId": "A", "query": query}],
        "timeRange": {
            "type": "BeginBoundedTimeRange",
            "from": {"type": "EpochTimeRangeBoundary", "epochMillis": begin_ms},
            "to": {"type": "EpochTimeRangeBoundary", "epochMillis": end_ms},
        },
    }
    status, answer = call(node.url, "POST", "/api/v1/metricsQueries", body)
    if status != 200:
        raise RuntimeError(f"`{query}` was answered with {status}: {answer}")
    series = answer["queryResult"][0]["timeSeriesList"]["timeSeries"]
    return {one["metricDefinition"]["dimensions"].get("FunctionName", ""): one["points"]["values"] for one in series}


def source_status(node):
    return json.loads(request(node.url, "GET", "/api/v1/status")[1])["sources"][0]


def third_party(folder):
    """What boto3 puts into ministack is what the node tells, also what is corrected later."""
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    server = Process([os.environ["MINISTACK_PYTHON"], "-m", "ministack"], folder / "ministack.log", {**ENVIRONMENT, "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1"})
    end = int(time.time()) // 60 * 60
    times = [end - 60 * (MINUTES - place) for place in range(MINUTES)]

    def datum(function, metric, moment, values):
        return {"MetricName": metric, "Dimensions": [{"Name": "FunctionName", "Value": function}], "Timestamp": moment, "Values": values, "Counts": [1.0] * len(values)}

    counts = {"pay": [float(place % 7 + 1) for place in range(MINUTES)], "ship": [float(place * 3) for place in range(MINUTES)]}
    data = [datum(function, "Invocations", moment, [count]) for function, values in counts.items() for moment, count in zip(times, values)]
    data += [datum("pay", "Duration", moment, [10.0, 20.0, 60.0]) for moment in times]
    try:
        wait_until(lambda: server.is_running() and is_up(endpoint), "ministack answers")
        put(endpoint, "AWS/Lambda", data)
        put(endpoint, "Shop", [datum("pay", "Orders", moment, [4.0, 6.0]) for moment in times])
        begin_ms, end_ms = times[0] * 1000, end * 1000
        sources = SOURCE.format(endpoint=endpoint, namespaces='["AWS/Lambda", "Shop"]')
        with Node(folder, sources, environment=ENVIRONMENT) as node:
            sums = "metric=Invocations statistic=sum | quantize 1m using sum | sum by FunctionName"
            wait_until(lambda: ask(node, begin_ms, end_ms, sums) == counts, "the counts of every minute are there", 60)
            check(True, "the counts of two functions are those of ministack, minute by minute")
            for statistic, value in (("average", 30.0), ("maximum", 60.0)):
                found = ask(node, begin_ms, end_ms, f"metric=Duration statistic={statistic} | quantize 1m using max | max by FunctionName")
                check(found == {"pay": [value] * MINUTES}, f"so is the {statistic} of a duration: {found}")
            found = ask(node, begin_ms, end_ms, "metric=Orders namespace=Shop account=prod _sourceCategory=test statistic=samplecount | quantize 1m using sum | sum by FunctionName")
            check(found == {"pay": [2.0] * MINUTES}, f"a metric of one's own has every statistic: {found}")
            put(endpoint, "AWS/Lambda", [datum("pay", "Invocations", times[-3], [100.0]), datum("new", "Invocations", times[-11], [5.0])])
            counts["pay"][-3] += 100.0
            wait_until(lambda: ask(node, begin_ms, end_ms, sums).get("pay") == counts["pay"], "the corrected minute is there", 60)
            check(True, "a minute that is corrected replaces what was read before")
            wait_until(lambda: "new" in ask(node, begin_ms, end_ms, sums), "the new function is there", 60)
            check(True, "a function that is listed later is read further back than what may be corrected")
            status = source_status(node)
            check(status["cost_usd_per_month"] > 0 and not any(origin["last_error"] for origin in status["origins"]), f"the status tells the cost: {status['cost_usd_per_month']}")
    finally:
        server.end()


def is_up(endpoint):
    try:
        return request(endpoint, "GET", "/_ministack/health")[0] < 500
    except OSError:
        return False


def simulated(folder, seed):
    """What the simulator says that its fleet did is what the node tells, of all minutes that the cloud has counted in full."""
    clouds = Process(
        [BINARY, "simulate", "clouds", "--nuisances", "all", "--seed", seed, "--history-minutes", HISTORY_MINUTES, "--events-per-second", 40],
        folder / "clouds.log",
    )
    # The cloud counts the last invocations of a minute up to 14 minutes and a delay later.
    begin_ms, end_ms = ((int(time.time()) // 60 - minutes) * MINUTE_MS for minutes in (HISTORY_MINUTES + 1, 18))
    chance = random.Random(seed)
    try:
        found = wait_until(lambda: re.search(r"CloudWatch at (http://\S+)", clouds.output()), "the clouds print their address")
        truth = json.loads(request(found.group(1), "GET", f"/simulator/metric-sums?until={end_ms}")[1])
        sources = SOURCE.format(endpoint=found.group(1), namespaces='["AWS/Lambda"]')
        with Node(folder, sources, environment=ENVIRONMENT) as node:
            for _ in range(KILLS):
                time.sleep(chance.uniform(0.2, 2.0))
                node.kill()
                node.start()

            def sums(metric):
                found = ask(node, begin_ms, end_ms, f"metric={metric} statistic=sum | quantize 1m using sum | sum by FunctionName")
                return {function: sum(value or 0 for value in values) for function, values in found.items()}

            for metric in ("Invocations", "Errors", "Throttles"):
                expected = {function: sums[metric] for function, sums in truth.items() if sums["Invocations"]}
                wait_until(lambda: sums(metric) == expected, f"the {metric} are those of the fleet", 120)
                check(True, f"after {KILLS} kills the {metric} of {len(expected)} functions are those of the fleet: {sum(expected.values()):.0f}")
    finally:
        clouds.end()


def main():
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    print(f"seed {seed}")
    for part in (third_party, lambda folder: simulated(folder, seed)):
        with workspace() as folder:
            part(folder)
    finish()


main()
