"""What the end-to-end scripts share: a node as a process, its API, and checks that are counted.

A script prints `ok: ...` or `FAILED: ...` for each check and ends with `finish()`, which exits non-zero if one failed.
The binary is `$NEPHOSCOPE_BINARY`.
"""

import base64
import contextlib
import http.client
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

BINARY = os.environ.get("NEPHOSCOPE_BINARY", "nephoscope")
DEADLINE_SECONDS = 120
_failures = 0


def check(is_right, text):
    """Prints the outcome of one check and remembers a failure."""
    global _failures
    print(("ok: " if is_right else "FAILED: ") + text, flush=True)
    if not is_right:
        _failures += 1
    return is_right


def finish():
    """Ends the script; its status says whether a check failed."""
    sys.exit(1 if _failures else 0)


def wait_until(condition, what, seconds=DEADLINE_SECONDS):
    """Asks until the condition gives something true, and returns that; gives up loudly."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = condition()
        if result:
            return result
        time.sleep(0.05)
    raise TimeoutError(f"not within {seconds} s: {what}")


def free_port():
    """A port of the loopback interface that nobody listens on."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def workspace():
    """A directory for one script's files, removed afterwards."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="nephoscope-test-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Process:
    """A program of ours, ended by its process id; its output goes to a file. With `file_bytes_max` no file of its can grow larger: writing fails."""

    def __init__(self, arguments, log, environment=None, file_bytes_max=None):
        self.arguments, self.log_path = [str(argument) for argument in arguments], log
        self.log = open(log, "ab")
        self.process = subprocess.Popen(
            self.arguments, stdout=self.log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})}, cwd=pathlib.Path(log).parent,
            preexec_fn=file_bytes_max and (lambda: limit_files(file_bytes_max)), restore_signals=not file_bytes_max,
        )

    def output(self):
        return pathlib.Path(self.log_path).read_text(errors="replace")

    def is_running(self):
        return self.process.poll() is None

    def end(self, how=signal.SIGTERM):
        """Sends the signal and waits; returns the exit status."""
        if self.is_running():
            self.process.send_signal(how)
        try:
            status = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.log.close()
        return status


def simulated_clouds(folder, cloud, *options):
    """Starts the simulated clouds; returns the process and the address of one, as they print it: `CloudWatch`, `Cloud Logging`, `Blob Storage`."""
    clouds = Process([BINARY, "simulate", "clouds", *options], folder / "clouds.log")

    def address():
        if not clouds.is_running():
            raise RuntimeError("the clouds ended: " + clouds.output()[-2000:])
        return re.search(rf"{cloud} at (http://\S+)", clouds.output())

    return clouds, wait_until(address, "the clouds print their address").group(1)


def limit_files(bytes_max):
    """Makes writes beyond the limit fail in this process and those it starts, instead of ending it."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_max, bytes_max))


class Node:
    """A `nephoscope serve` with its configuration and data in one directory."""

    def __init__(self, folder, sources, more="", environment=None, file_bytes_max=None):
        self.folder, self.environment, self.process, self.file_bytes_max = folder, environment, None, file_bytes_max
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = folder / "nephoscope.toml"
        self.config.write_text(
            f'[server]\nlisten = "127.0.0.1:{self.port}"\n'
            f'[storage]\ndata_dir = "{folder / "data"}"\n{more}\n{sources}\n'
        )

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.end()

    def start(self):
        """Starts the node and waits until it is ready."""
        self.begin()
        wait_until(self._is_ready, "the node is ready")

    def begin(self):
        """Starts the node."""
        self.process = Process([BINARY, "serve", "--config", self.config], self.folder / "node.log", self.environment, self.file_bytes_max)

    def kill(self):
        """`kill -9`."""
        self.process.end(signal.SIGKILL)

    def _is_ready(self):
        if not self.process.is_running():
            raise RuntimeError("the node ended: " + self.process.output()[-2000:])
        with contextlib.suppress(OSError, http.client.HTTPException):
            return request(self.url, "GET", "/readyz")[0] == 200
        return False


def request(url, method, path, body=None, headers=None, access=None):
    """One HTTP request; returns the status and the body as bytes."""
    host, port = url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=DEADLINE_SECONDS)
    headers = dict(headers or {})
    if access:
        headers["Authorization"] = "Basic " + base64.b64encode(":".join(access).encode()).decode()
    try:
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def call(url, method, path, body=None, access=None):
    """One JSON request; returns the status and the answer."""
    text = None if body is None else json.dumps(body).encode()
    status, answer = request(url, method, path, text, {"Content-Type": "application/json"}, access)
    return status, json.loads(answer or b"null")


def search(url, query, begin_ms=None, end_ms=None, kind="records", limit=10_000, access=None, language="log"):
    """Runs a search to its end and returns its rows as maps."""
    now_ms = int(time.time() * 1000)
    body = {
        "query": query, "language": language, "timeZone": "UTC",
        "from": now_ms - 86_400_000 if begin_ms is None else begin_ms,
        "to": now_ms + 3_600_000 if end_ms is None else end_ms,
    }
    status, job = call(url, "POST", "/api/v1/search/jobs", body, access)
    if status != 202:
        raise RuntimeError(f"search refused with {status}: {job}")
    path = f"/api/v1/search/jobs/{job['id']}"

    def finished():
        state = call(url, "GET", path, access=access)[1]
        if state.get("pendingErrors"):
            raise RuntimeError(f"search failed: {state['pendingErrors']}")
        return state["state"] == "DONE GATHERING RESULTS"

    wait_until(finished, f"search `{query}` is done")
    status, page = call(url, "GET", f"{path}/{kind}?offset=0&limit={limit}", access=access)
    call(url, "DELETE", path, access=access)
    if status != 200:
        raise RuntimeError(f"no {kind} of `{query}`: {page}")
    return [row["map"] for row in page[kind]]


def count(url, query="*", **range_ms):
    """How many events the query finds."""
    rows = search(url, f"{query} | count", **range_ms)
    return int(float(rows[0]["_count"])) if rows else 0
