"""Alerts reach real receivers: a webhook through `kill -9`, Debian's Alertmanager, mail servers with and without TLS, and queues behind topics of Amazon SNS (moto)."""

import email
import email.policy
import http.server
import json
import os
import signal
import ssl
import sys
import threading
import time

import boto3
import trustme
from aiosmtpd.controller import Controller

from harness import Node, Process, call, check, finish, free_port, request, wait_until, workspace

SOURCE = """
[[sources]]
name = "push"
collector = "sumo_http"
token = "alerts"
"""
MONITOR = """
name = "Shop errors"
description = "The shop fails <often>."
query = "ERROR | count by _sourceHost"
value = "_count"
group_by = ["_sourceHost"]
window = "10s"
every = "1s"
delay = "0s"
critical = { above = 2 }
missing = { means = "zero" }
keep_firing_for = "2s"
runbook = "Look at the shop."
"""


class Hook:
    """A webhook receiver that remembers what it got, and may keep its answer back."""

    def __init__(self):
        self.got, self.status, self.hold = [], 200, threading.Event()
        self.hold.set()
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.got.append((self.headers["Idempotency-Key"], json.loads(body)))
                hook.hold.wait(60)
                self.send_response(hook.status)
                self.send_header("Location", "http://169.254.169.254/")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def keys(self, status):
        return [key for key, body in self.got if body["status"] == status]


class Mailbox:
    """What a mail server does with a mail: it keeps it."""

    def __init__(self):
        self.mails = []

    async def handle_DATA(self, _server, _session, envelope):
        self.mails.append((envelope, email.message_from_bytes(envelope.content, policy=email.policy.default)))
        return "250 kept"


def log_errors(node, host, count=5):
    lines = "\n".join(f"ERROR number {number}" for number in range(count)).encode()
    status, answer = request(node.url, "POST", "/receiver/v1/http/alerts", lines, headers={"X-Sumo-Host": host})
    if status != 200:
        raise RuntimeError(f"refused with {status}: {answer[:200]!r}")


def until(node, host, condition, what):
    """Logs errors until what they cause is there: a node waits a while before it judges."""

    def is_there():
        log_errors(node, host)
        time.sleep(0.5)
        return condition()

    return wait_until(is_there, what)


def channel(kind, name, **settings):
    lines = [f"[[channels]]\nkind = \"{kind}\"\nname = \"{name}\""] + [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    return "\n".join(lines) + "\n"


def configuration(folder, channels, names):
    monitors = folder / "monitors/shop"
    monitors.mkdir(parents=True, exist_ok=True)
    (monitors / "errors.monitor.toml").write_text(MONITOR)
    return f"{SOURCE}\n[alerting]\nmonitors = [{json.dumps(str(folder / 'monitors'))}]\nchannels = {json.dumps(names)}\n{channels}"


def alerts(node):
    return call(node.url, "GET", "/api/v1/alerts")[1]["alerts"]


def through_kills(folder):
    """The receiver has the message, the node dies before it knows: it is sent again under the same key."""
    hook = Hook()
    hook.hold.clear()
    with Node(folder, configuration(folder, channel("webhook", "hook", url=hook.url, allow_private=True), ["hook"])) as node:
        until(node, "shop-1", lambda: hook.keys("firing"), "the webhook is called")
        node.kill()
        hook.hold.set()
        node.start()
        wait_until(lambda: len(hook.keys("firing")) >= 2, "it is called again")
        firing = hook.keys("firing")
        check(len(set(firing)) == 1, f"the repeated message has the same key: {firing}")
        wait_until(lambda: hook.keys("resolved"), "the end is told")
        alert = hook.got[0][1]["alerts"][0]
        check(alert["labels"]["_sourceHost"] == "shop-1" and alert["labels"]["severity"] == "critical", f"labels: {alert['labels']}")
        check(len(alert["ext"]["samples"]) == 5 and "ERROR" in alert["ext"]["samples"][0]["text"], "the message shows the lines that caused it")
        check(alert["ext"]["runbook"] == "Look at the shop.", "the message shows the runbook")
        shown = alerts(node)[0]
        history = [event["kind"] for event in call(node.url, "GET", f"/api/v1/alerts/{shown['id']}")[1]["history"]]
        check(not shown["isOpen"] and history.count("fired") == 1 and history.count("resolved") == 1, f"the history has each change once: {history}")
        status, page = call(node.url, "GET", f"/api/v1/alerts/{shown['id']}/chart")
        check(status == 200 and any(value for value in page["groups"][0]["values"] if value), "the chart is asked with the monitor's query")
        hook.status = 302
        outcome = call(node.url, "POST", "/api/v1/channels/hook/test")[1]
        check(outcome["outcome"] == "refused", f"a redirect is not followed: {outcome}")


def private_addresses(folder):
    with Node(folder, configuration(folder, channel("webhook", "hook", url="http://localhost:9/secret"), ["hook"])) as node:
        until(node, "shop-1", lambda: call(node.url, "GET", "/api/v1/notifications")[1]["notifications"], "there is a message")
        wait_until(lambda: call(node.url, "GET", "/api/v1/notifications")[1]["notifications"][0]["state"] == "given_up", "it is given up")
        told = call(node.url, "GET", "/api/v1/notifications")[1]["notifications"][0]
        check("private address" in told["outcome"], f"a private address is refused: {told['outcome']}")
        channels = call(node.url, "GET", "/api/v1/channels")[1]["channels"]
        check("secret" not in json.dumps(channels), f"addresses are shown without what may be secret: {channels}")


def alertmanager(folder):
    """Debian's Alertmanager shows our alert, and ends it when we do."""
    settings = folder / "alertmanager.yml"
    settings.write_text("route:\n  receiver: nobody\n  group_by: [alertname]\nreceivers:\n  - name: nobody\n")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = Process(
        ["prometheus-alertmanager", f"--config.file={settings}", f"--storage.path={folder / 'am'}", f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="],
        folder / "alertmanager.log",
    )
    try:
        def is_up():
            if not server.is_running():
                raise RuntimeError("alertmanager ended: " + server.output()[-1000:])
            try:
                return request(url, "GET", "/-/ready")[0] == 200
            except OSError:
                return False

        wait_until(is_up, "alertmanager is ready")

        def active():
            return call(url, "GET", "/api/v2/alerts?active=true&silenced=false&inhibited=false")[1]

        with Node(folder, configuration(folder, channel("alertmanager", "am", url=url, allow_private=True), ["am"])) as node:
            found = until(node, "shop-2", active, "alertmanager has the alert")[0]
            check(found["labels"]["alertname"] == "Shop errors" and found["labels"]["_sourceHost"] == "shop-2", f"labels in alertmanager: {found['labels']}")
            check("runbook" in found["annotations"], "annotations in alertmanager")
            groups = call(url, "GET", "/api/v2/alerts/groups")[1]
            check(groups[0]["labels"] == {"alertname": "Shop errors"}, "alertmanager groups it")
            wait_until(lambda: not active(), "alertmanager ends it")
            check(True, "alertmanager ends the alert when we do")
    finally:
        server.end(signal.SIGTERM)


def mail(folder, encryption):
    box = Mailbox()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    more, settings = {}, {"encryption": "none"}
    if encryption == "starttls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
        more = {"tls_context": context, "require_starttls": True}
        settings = {"encryption": "starttls", "ca_file": str(folder / "ca.pem")}
    port = free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port, **more)
    controller.start()
    try:
        text = channel("email", "mail", server="localhost", port=port, **{"from": "nephoscope@example.com"}, to=["oncall@example.com"], **settings)
        with Node(folder, configuration(folder, text, ["mail"])) as node:
            until(node, "shop-3", lambda: box.mails, f"a mail arrives, {encryption}")
            wait_until(lambda: len(box.mails) >= 2, f"both mails arrive, {encryption}")
        (envelope, first), (_, last) = box.mails[:2]
        check(envelope.rcpt_tos == ["oncall@example.com"] and first["To"] == "oncall@example.com", f"the mail arrives, {encryption}")
        check("[critical] Shop errors" in first["Subject"] and "[resolved] Shop errors" in last["Subject"], f"subjects: {first['Subject']} / {last['Subject']}")
        plain = first.get_body(("plain",)).get_content()
        page = first.get_body(("html",)).get_content()
        check("ERROR number" in plain and "Look at the shop." in plain and "/alerts/" in plain, "the text is complete without the HTML")
        check("&lt;often&gt;" in page, "the HTML is escaped")
        check(first["References"] == last["References"] and first["Message-ID"] != last["Message-ID"], "both mails are of one thread")
    finally:
        controller.stop()


def heartbeat(folder):
    """An address is called as long as alerting works, and not any more when the node is gone."""
    hook = Hook()
    settings = f'[alerting.heartbeat]\nurl = {json.dumps(hook.url)}\nevery = "100ms"\nallow_private = true\n'
    with Node(folder, f"{SOURCE}\n{settings}") as node:
        wait_until(lambda: len(hook.got) >= 3, "the address is called again and again")
        key, body = hook.got[0]
        check(body["status"] == "ok" and key.startswith("heartbeat-"), f"the call says that all is well: {body}")
        check("nephoscope_alerting_heartbeat 1" in request(node.url, "GET", "/metrics")[1].decode(), "the metrics say so, too")
        node.kill()
        calls = len(hook.got)
        time.sleep(1)
        check(len(hook.got) <= calls + 1, "a dead node does not call")


AWS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}
REGION = "eu-west-1"


def topics(folder):
    """A queue behind a topic has the alert and its end; a topic that is not there is told as such."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    moto = Process([os.path.join(os.path.dirname(sys.executable), "moto_server"), "-H", "127.0.0.1", "-p", port], folder / "moto.log")
    os.environ.update(AWS)
    sns, sqs = (boto3.client(service, endpoint_url=url, region_name=REGION) for service in ["sns", "sqs"])

    def is_up():
        try:
            return sns.list_topics() is not None
        except Exception:  # not up yet
            return False

    try:
        wait_until(is_up, "moto answers")
        channels, queues = [], {}
        for name, more in [("oncall", {}), ("oncall.fifo", {"FifoTopic": "true"})]:
            topic = sns.create_topic(Name=name, Attributes=more)["TopicArn"]
            queue = sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"} if more else {})["QueueUrl"]
            arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
            queues[name] = (queue, [])
            channels.append(channel("sns", name, topic_arn=topic, endpoint_url=url))
        channels.append(channel("sns", "lost", topic_arn=f"arn:aws:sns:{REGION}:123456789012:lost", endpoint_url=url))

        def received(name):
            queue, got = queues[name]
            for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
                got.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            return got

        names = ["oncall", "oncall.fifo", "lost"]
        with Node(folder, configuration(folder, "".join(channels), names), environment=AWS) as node:
            until(node, "shop-5", lambda: received("oncall"), "a topic has the alert")
            for name in queues:
                wait_until(lambda name=name: len(received(name)) >= 2, f"the queue behind {name} has both messages")
                first, last = queues[name][1][:2]
                check(first["Subject"].startswith("[critical] Shop errors") and last["Subject"].startswith("[resolved] Shop errors"), f"subjects through {name}: {first['Subject']} / {last['Subject']}")
                check("ERROR number" in first["Message"] and "Look at the shop." in first["Message"] and "/alerts/" in first["Message"], f"the message through {name} is complete")
                attributes = {key: value["Value"] for key, value in first["MessageAttributes"].items()}
                check(attributes["severity"] == "critical" and attributes["status"] == "firing" and attributes["idempotency_key"], f"attributes through {name}: {attributes}")
            told = [one for one in call(node.url, "GET", "/api/v1/notifications")[1]["notifications"] if one["channel"] == "lost"]
            check(told and told[0]["state"] == "given_up" and "NotFound" in told[0]["outcome"], f"a topic that is not there: {told[:1]}")
    finally:
        moto.end()


def monitors_api(folder):
    """Sumo Logic's monitors API."""
    with Node(folder, SOURCE) as node:
        body = {
            "type": "MonitorsLibraryMonitor", "name": "Errors", "description": "d", "monitorType": "Logs",
            "queries": [{"rowId": "A", "query": "error | count by _sourceHost"}],
            "triggers": [{"detectionMethod": "LogsStaticCondition", "triggerType": "Critical", "timeRange": "-5m", "threshold": 3, "thresholdType": "GreaterThan", "field": "_count"}],
            "notifications": [], "groupNotifications": True, "notificationGroupFields": ["_sourceHost"],
        }
        status, made = call(node.url, "POST", "/api/v1/monitors?parentId=0000000000000001", body)
        check(status == 200 and made["id"] and made["version"] == 1, f"a monitor is made: {status} {str(made)[:200]}")
        status, read = call(node.url, "GET", f"/api/v1/monitors/{made['id']}")
        check(status == 200 and read["triggers"][0]["threshold"] == 3 and read["definition"]["critical"]["above"] == 3, "it is read again")
        status, changed = call(node.url, "PUT", f"/api/v1/monitors/{made['id']}", {**body, "name": "More errors", "version": 1})
        check(status == 200 and changed["version"] == 2 and changed["name"] == "More errors", f"it is changed: {status}")
        status, _ = call(node.url, "PUT", f"/api/v1/monitors/{made['id']}", {**body, "version": 1})
        check(status == 409, f"a change to an old version is refused: {status}")
        found = call(node.url, "GET", "/api/v1/monitors/search?query=more")[1]
        check([item["item"]["id"] for item in found] == [made["id"]], "it is found by its name")
        wrong = {**body, "queries": [{"rowId": "A", "query": "error | cuont"}]}
        status, answer = call(node.url, "POST", "/api/v1/monitors", wrong)
        check(status == 400 and answer["diagnostics"], f"a mistake in the query is told with its place: {status}")
        children = call(node.url, "GET", "/api/v1/monitors/root")[1]["children"]
        check(len(children) == 1, "the folder lists it")
        check(request(node.url, "DELETE", f"/api/v1/monitors/{made['id']}")[0] == 204, "it is removed")
        check(call(node.url, "GET", f"/api/v1/monitors/{made['id']}")[0] == 404, "and gone")
        now_ms = int(time.time() * 1000)
        mute = {"matchers": [{"name": "function", "value": "a.*", "isRegex": True}], "endsAt": now_ms + 60_000, "createdBy": "ann", "comment": "x"}
        status, made = call(node.url, "POST", "/api/v1/mutes", mute)
        check(status == 200 and len(call(node.url, "GET", "/api/v1/mutes")[1]["mutes"]) == 1, f"a mute is made: {status}")
        check(request(node.url, "DELETE", f"/api/v1/mutes/{made['id']}")[0] == 204 and not call(node.url, "GET", "/api/v1/mutes")[1]["mutes"], "and ended")
        check(call(node.url, "POST", "/api/v1/mutes", {"matchers": [], "endsAt": now_ms + 60_000})[0] == 400, "a mute of everything is refused")


with workspace() as folder:
    for name, story in [("kills", through_kills), ("private", private_addresses), ("am", alertmanager), ("topics", topics), ("heartbeat", heartbeat), ("api", monitors_api)]:
        place = folder / name
        place.mkdir()
        story(place)
    for encryption in ["none", "starttls"]:
        place = folder / encryption
        place.mkdir()
        mail(place, encryption)
finish()
