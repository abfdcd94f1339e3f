"""Sources are added, changed, paused, resumed and removed while the node runs, and are there after `kill -9`; every event is there once.

The cloud is the simulator. What changes sources is the command line, as a user would run it.
"""

import json
import os
import re
import subprocess
import time

from harness import BINARY, Node, Process, call, check, count, finish, request, search, wait_until, workspace

SILENT_AFTER_SECONDS = 25
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}
FILE = '[[sources]]\nname = "of-file"\ncollector = "sumo_http"\ntoken = "f1le"\n'


def source(endpoint, more=""):
    return f"""
[[sources]]
name = "clouds"
collector = "aws_cloudwatch_logs"
region = "us-east-1"
endpoint_url = "{endpoint}"
poll_interval = "1s"
discovery_interval = "2s"
{more}
"""


class Sources:
    """`nephoscope sources` against a node."""

    def __init__(self, folder, node):
        self.folder, self.node, self.said = folder, node, []

    def run(self, verb, *arguments, text=None):
        """Runs a command, with `text` in a file as its last argument; returns its status, output and errors."""
        if text is not None:
            (self.folder / "source.toml").write_text(text)
            arguments = [*arguments, self.folder / "source.toml"]
        url = [] if verb == "policy" else ["--url", self.node.url]
        done = subprocess.run([BINARY, "sources", verb, *map(str, arguments), *url], capture_output=True, text=True, timeout=120, env={**os.environ, **ENVIRONMENT})
        self.said.append(done.stdout + done.stderr)
        return done.returncode, done.stdout, done.stderr

    def states(self):
        return {line.split("\t")[0]: line.split("\t")[2] for line in self.run("list")[1].splitlines() if "\t" in line}


def start_clouds(folder):
    clouds = Process(
        [BINARY, "simulate", "clouds", "--seed", 7, "--history-minutes", 4, "--events-per-second", 40,
         "--silent-after-seconds", SILENT_AFTER_SECONDS],
        folder / "clouds.log",
    )
    address = lambda: re.search(r"CloudWatch at (http://\S+)", clouds.output())
    return clouds, wait_until(address, "the clouds print their address").group(1)


def served(endpoint):
    return sum(json.loads(request(endpoint, "GET", "/simulator/counts")[1]).values())


def collected(node, more=""):
    return count(node.url, f'_source="clouds" {more}')


def pulled(sources, node, endpoint, silent_at):
    """A pulled source through all that can be done with it."""
    status, out, _ = sources.run("policy", "aws_cloudwatch_logs")
    check(status == 0 and json.loads(out)["Statement"][1]["Action"] == "logs:FilterLogEvents", "the policy can be pasted")
    status, out, error = sources.run("test", text=source(endpoint))
    check(status == 0 and "origins" in out and "\n> " in out, f"a test shows what there is: {status} {out[:200]} {error}")
    status, _, error = sources.run("test", text=source("http://127.0.0.1:9"))
    check(status == 1 and "list the log groups" in error, f"a test with a wrong endpoint says why: {status} {error}")
    check(collected(node) == 0, "a test stores nothing")

    status, out, error = sources.run("add", text=source(endpoint))
    check(status == 0 and out.startswith("clouds\t"), f"a source is added: {status} {out} {error}")
    wait_until(lambda: collected(node) > 100, "its events come")
    status, _, error = sources.run("add", text=source(endpoint))
    check(status == 1 and "409" in error and "two sources are named `clouds`" in error, f"no name is given twice: {error}")

    sources.run("pause", "clouds")
    check(sources.states() == {"of-file": "running", "clouds": "paused"}, f"it is paused: {sources.states()}")
    paused = collected(node)
    status, _, error = sources.run("change", "clouds", text=source(endpoint, 'category = "changed"'))
    check(status == 0, f"it is changed: {error}")
    node.kill()
    node.start()
    check(sources.states()["clouds"] == "paused", "after kill -9 it is there, and paused")
    check(collected(node) == paused, "a paused source reads nothing")
    sources.run("resume", "clouds")
    wait_until(lambda: collected(node, '_sourceCategory="changed"') > 0, "it goes on as it was changed")
    node.kill()
    node.start()
    check(sources.states()["clouds"] in ("starting", "running"), "after kill -9 it runs")
    sources.run("change", "clouds", text=source(endpoint, 'category = "again"'))
    time.sleep(max(0, silent_at - time.monotonic()))
    wait_until(lambda: collected(node) >= served(endpoint), "all events were collected", 240)
    total, found = served(endpoint), collected(node)
    check(found == total > 1_000, f"what was collected is what was served: {found} of {total}")
    rows = search(node.url, '_source="clouds" | count by _sourceName, _messagetime, _raw | where _count > 1 | count')
    repeated = int(float(rows[0]["_count"])) if rows else 0
    check(repeated == 0, f"no event is there twice: {repeated}")

    status, out, error = sources.run("remove", "clouds")
    check(status == 0 and "clouds" not in sources.states(), f"it is removed: {out} {error}")


def pushed(sources, node):
    """A pushed source, whose token nobody is told."""
    def post(token):
        return request(node.url, "POST", f"/receiver/v1/http/{token}", b"hello\n")

    text = 'name = "push"\ncollector = "sumo_http"\ntoken = "hunter2"\n'
    status, out, _ = sources.run("test", text=text)
    check(status == 0 and "/receiver/v1/http/<token>" in out, f"a pushed source has an address: {out}")
    check(post("hunter2")[0] == 401, "its token is unknown before")
    sources.run("add", text=text)
    check(post("hunter2")[0] == 200, "it takes what is sent")
    sources.run("pause", "push")
    status, body = post("hunter2")
    check(status == 503 and b"is paused" in body, f"paused, it asks to wait: {status} {body}")
    sources.run("resume", "push")
    status, out, _ = sources.run("change", "push", text=text.replace("hunter2", "***") + 'category = "c"\n')
    check(status == 0 and post("hunter2")[0] == 200, f"a hidden token stays as it was: {out}")
    sources.run("remove", "push")
    check(post("hunter2")[0] == 401, "its token is unknown afterwards")


def refused(sources, node):
    for verb in ("change", "remove"):
        arguments = {"text": FILE} if verb == "change" else {}
        status, _, error = sources.run(verb, "of-file", **arguments)
        check(status == 1 and "409" in error and "in the configuration file" in error, f"{verb} of one of the file is refused: {error}")
    status, _, error = sources.run("pause", "nobody")
    check(status == 1 and "no source is named `nobody`" in error, f"an unknown name is told: {error}")
    status, _, error = sources.run("add", text='name = "x"\ncollector = "sumo_http"\ntokn = "t"\n')
    check(status == 1 and "unknown field `tokn`" in error, f"an unknown key is told: {error}")
    status, _, error = sources.run("policy", "sumo")
    check(status == 1 and "sumo_http" in error, f"an unknown collector is told: {error}")
    names = [collector["name"] for collector in call(node.url, "GET", "/api/v1/collectors")[1]["collectors"]]
    check(names == sorted(names) and "otlp" in names, f"the API lists the collectors: {names}")


def main():
    with workspace() as folder:
        clouds, endpoint = start_clouds(folder)
        # The last late events come a little after the fleet has fallen silent.
        silent_at = time.monotonic() + SILENT_AFTER_SECONDS + 15
        try:
            with Node(folder, FILE, environment=ENVIRONMENT) as node:
                sources = Sources(folder, node)
                pulled(sources, node, endpoint, silent_at)
                pushed(sources, node)
                refused(sources, node)
                answers = json.dumps([call(node.url, "GET", path)[1] for path in ("/api/v1/sources", "/api/v1/status")])
                log = (folder / "node.log").read_text()
                told = "".join(sources.said) + answers + log
                check("hunter2" not in told and "f1le" not in answers + log, "no answer and no line of the log has a token")
                check(re.search(r"source changed.*clouds.*paused|paused.*clouds.*source changed|clouds.*change.*paused", log), "the log says what was changed")
        finally:
            clouds.end()
    finish()


main()
