"""OpenTelemetry's own SDK sends logs and metrics to a node, over HTTP and gRPC with gzip, and they are found again; so are they after `kill -9`."""

import json
import logging
import time

import grpc
from opentelemetry._logs import set_logger_provider
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetricExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

from harness import Node, call, check, count, finish, request, search, workspace

SOURCE = '[[sources]]\nname = "telemetry"\ncollector = "otlp"\ntoken = "t0ken"\ncategory = "otel"\n'
BEARER = {"Authorization": "Bearer t0ken"}
LINES = 1_000
RESOURCE = Resource.create({
    "service.name": "pay", "cloud.provider": "aws", "cloud.region": "eu-west-1", "cloud.account.id": "123456789012",
    "faas.name": "pay", "faas.version": "$LATEST", "aws.log.group.names": ["/aws/lambda/pay"],
})


def send_logs(node):
    """Python's logging through the SDK: LINES records and one with everything."""
    exporter = OTLPLogExporter(endpoint=f"{node.url}/v1/logs", headers=BEARER, compression=Compression.Gzip)
    provider = LoggerProvider(resource=RESOURCE)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    set_logger_provider(provider)
    logger = logging.getLogger("shop.pay")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(LoggingHandler(logger_provider=provider))
    for number in range(LINES):
        logger.info("order %d", number)
    logger.error("card was refused", extra={"faas.invocation_id": "7c9567b5-107b-4a6c-8798-0157ac21db52", "order": 17})
    check(provider.force_flush(), "the SDK's logs are taken")
    provider.shutdown()


def read_logs(node):
    check(count(node.url, "_sourceCategory=otel") == LINES + 1, f"all {LINES + 1} records are found")
    query = 'level=ERROR function=pay "card was refused" | fields function, provider, region, account, request_id, order'
    rows = search(node.url, query, kind="messages")
    check(len(rows) == 1, f"the error is found by level and function: {len(rows)}")
    row = rows[0] if rows else {}
    expected = {"function": "pay", "provider": "aws", "region": "eu-west-1", "account": "123456789012", "request_id": "7c9567b5-107b-4a6c-8798-0157ac21db52", "order": "17"}
    found = {name: row.get(name) for name in expected}
    check(found == expected, f"attributes are columns and fields: {found}")
    check(count(node.url, "_sourceHost=/aws/lambda/pay") == LINES + 1, "the log group is `_sourceHost`")


def send_metrics(node):
    """A counter, a gauge and two kinds of histograms, once; the token is in the address."""
    delta = {Counter: AggregationTemporality.DELTA, Histogram: AggregationTemporality.DELTA}
    exporter = OTLPMetricExporter(endpoint=f"{node.url}/receiver/v1/otlp/t0ken/v1/metrics", compression=Compression.Gzip, preferred_temporality=delta)
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=float("inf"))
    views = [View(instrument_name="size", aggregation=ExponentialBucketHistogramAggregation())]
    provider = MeterProvider([reader], RESOURCE, views=views)
    meter = provider.get_meter("shop.pay")
    meter.create_counter("orders").add(5, {"queue": "a"})
    meter.create_gauge("temperature").set(21.5)
    meter.create_up_down_counter("waiting").add(3)
    duration, size = meter.create_histogram("duration", unit="ms"), meter.create_histogram("size", unit="By")
    for value in range(1, 101):
        duration.record(value)
        size.record(value)
    check(provider.force_flush(), "the SDK's metrics are taken")
    provider.shutdown()


def ask(node, query):
    """The dimensions and the largest value of every series."""
    now_ms = int(time.time() * 1000)
    epoch = lambda millis: {"type": "EpochTimeRangeBoundary", "epochMillis": millis}
    span = {"type": "BeginBoundedTimeRange", "from": epoch(now_ms - 600_000), "to": epoch(now_ms + 60_000)}
    status, answer = call(node.url, "POST", "/api/v1/metricsQueries", {"queries": [{"rowId": "A", "query": query}], "timeRange": span})
    if status != 200:
        raise RuntimeError(f"metrics query refused with {status}: {answer}")
    series = answer["queryResult"][0]["timeSeriesList"]["timeSeries"]
    return [(one["metricDefinition"]["dimensions"], max(value for value in one["points"]["values"] if value is not None)) for one in series]


def read_metrics(node):
    orders = ask(node, "metric=orders statistic=sum queue=a")
    check([value for _, value in orders] == [5.0], f"a sum since the point before has the statistic `sum`: {orders}")
    check(bool(orders) and orders[0][0].get("faas.name") == "pay", "attributes of the resource are dimensions")
    check([value for _, value in ask(node, "metric=temperature")] == [21.5], "a gauge is a number")
    check([value for _, value in ask(node, "metric=waiting")] == [3.0], "a sum since the start is a number")
    statistics = {name: ask(node, f"metric=duration statistic={name}")[0][1] for name in ("samplecount", "sum", "minimum", "maximum")}
    check(statistics == {"samplecount": 100.0, "sum": 5050.0, "minimum": 1.0, "maximum": 100.0}, f"a histogram has its statistics: {statistics}")
    check([value for _, value in ask(node, "metric=duration_bucket le=50 | sum")] == [50.0], "its buckets count what is not above their bound")
    p95 = ask(node, "metric=size statistic=p95")[0][1]
    check(abs(p95 - 95) < 3, f"of an exponential histogram the percentiles are known: p95 is {p95}")


def refusals(node):
    """What the SDK would not send."""
    plain = {"Content-Type": "application/json", **BEARER}
    status, answer = request(node.url, "POST", "/v1/traces", b"{}", plain)
    check(status == 501 and "traces are not stored" in json.loads(answer)["message"], f"traces are refused: {status} {answer!r}")
    status, answer = request(node.url, "POST", "/v1/logs", b'{"resourceLogs":[', plain)
    check(status == 400 and "JSON" in json.loads(answer)["message"], f"half a request is refused: {status} {answer!r}")
    status, _ = request(node.url, "POST", "/v1/logs", b"{}", {"Content-Type": "application/json"})
    check(status == 401, f"without a token the answer is {status}")
    empty = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [{}, {"body": {"stringValue": "half is kept"}}]}]}]}).encode()
    status, answer = request(node.url, "POST", "/v1/logs", empty, plain)
    partial = json.loads(answer).get("partialSuccess", {})
    check(status == 200 and partial.get("rejectedLogRecords") == "1", f"what is left out is told: {answer!r}")
    check(count(node.url, '"half is kept"') == 1, "the rest is kept")
    sources = call(node.url, "GET", "/api/v1/status")[1]["sources"]
    check(sources[0]["errors_total"] == 3, f"the status counts them: {sources[0]['errors_total']}")


GRPC_LINES = 500
METADATA = (("authorization", "Bearer t0ken"),)


def by_grpc(node):
    """The SDK's exporters over gRPC, and calls that they would not make."""
    address = node.url.removeprefix("http://")
    exporter = GrpcLogExporter(endpoint=address, insecure=True, headers=METADATA, compression=grpc.Compression.Gzip)
    provider = LoggerProvider(resource=RESOURCE)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    logger = logging.getLogger("shop.ship")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(LoggingHandler(logger_provider=provider))
    for number in range(GRPC_LINES):
        logger.warning("parcel %d", number)
    check(provider.force_flush(), "the SDK's logs are taken over gRPC")
    provider.shutdown()
    check(count(node.url, 'level=WARN function=pay "parcel"') == GRPC_LINES, f"all {GRPC_LINES} are found")

    reader = PeriodicExportingMetricReader(GrpcMetricExporter(endpoint=address, insecure=True, headers=METADATA), export_interval_millis=float("inf"))
    meters = MeterProvider([reader], RESOURCE)
    meters.get_meter("shop.ship").create_gauge("belts").set(4)
    check(meters.force_flush(), "and its metrics")
    meters.shutdown()
    check([value for _, value in ask(node, "metric=belts")] == [4.0], "and found")

    with grpc.insecure_channel(address) as channel:
        export = logs_service_pb2_grpc.LogsServiceStub(channel).Export
        request = logs_service_pb2.ExportLogsServiceRequest()
        records = request.resource_logs.add().scope_logs.add().log_records
        records.add()
        records.add().body.string_value = "half of a call is kept"
        partial = export(request, metadata=METADATA).partial_success
        check(partial.rejected_log_records == 1 and partial.error_message, f"what is left out is told: {partial}")
        check(count(node.url, '"half of a call is kept"') == 1, "the rest is kept")
        for _ in range(2):
            export(logs_service_pb2.ExportLogsServiceRequest(), metadata=METADATA)
        many = logs_service_pb2.ExportLogsServiceRequest()
        records = many.resource_logs.add().scope_logs.add().log_records
        for number in range(6_000):
            records.add().body.string_value = f"wide {number} " + "x" * 1_000
        for _ in range(2):
            export(many, metadata=(*METADATA, ("idempotency-key", "wide")))
        check(count(node.url, '"wide"') == 6_000, "a call of six megabytes is taken, and once if it bears a key")
        check(refused(export, request, None) == grpc.StatusCode.UNAUTHENTICATED, "without a token a call is refused")
        traces = trace_service_pb2_grpc.TraceServiceStub(channel).Export
        check(refused(traces, trace_service_pb2.ExportTraceServiceRequest(), METADATA) == grpc.StatusCode.UNIMPLEMENTED, "so are traces")
        garbage = channel.unary_unary("/opentelemetry.proto.collector.logs.v1.LogsService/Export")
        check(refused(garbage, b"\xff\xff", METADATA) == grpc.StatusCode.INVALID_ARGUMENT, "so is what is no request")


def refused(procedure, message, metadata):
    """The code with which a call is refused."""
    try:
        procedure(message, metadata=metadata)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


with workspace() as folder, Node(folder, SOURCE) as node:
    send_logs(node)
    read_logs(node)
    send_metrics(node)
    read_metrics(node)
    refusals(node)
    by_grpc(node)
    stored = LINES + 2 + GRPC_LINES + 1 + 6_000
    node.kill()
    node.start()
    check(count(node.url, "_sourceCategory=otel") == stored, "after `kill -9` every record is there")
    check([value for _, value in ask(node, "metric=temperature")] == [21.5], "and every sample")
finish()
