"""`/readyz` tells the truth, and a node that cannot make events durable ends with a message and an exit status."""

import contextlib

from harness import Node, check, count, finish, request, wait_until, workspace

SOURCE = '[[sources]]\nname = "push"\ncollector = "sumo_http"\ntoken = "t0ken"'
RECEIVER = "/receiver/v1/http/t0ken"


def full_disk(folder):
    """A disk with less than the reserve left takes nothing more, says so, and is searched on."""
    with Node(folder, SOURCE) as node:
        check(request(node.url, "GET", "/readyz") == (200, b"ready\n"), "a node with space is ready")
        request(node.url, "POST", RECEIVER, b"before\n")
    node = Node(folder, SOURCE, '[ingest]\ndisk_reserve_bytes = "1000TB"')
    node.begin()
    try:
        status, text = wait_until(lambda: readiness(node), "the node has started")
        check(status == 503 and b"is full" in text and b"disk_reserve_bytes" in text, f"a full disk is not ready: {status} {text!r}")
        status, text = request(node.url, "POST", RECEIVER, b"after\n")
        check(status == 429 and b"is full" in text, f"senders are asked to wait: {status} {text!r}")
        check(count(node.url) == 1, "what is there can be searched")
    finally:
        node.process.end()


def readiness(node):
    """The answer of `/readyz`, once the node has started."""
    with contextlib.suppress(OSError):
        status, text = request(node.url, "GET", "/readyz")
        return b"starting" not in text and (status, text)
    return None


def failed_log(folder):
    """A log that cannot be written ends the node."""
    node = Node(folder, SOURCE, file_bytes_max=4_000_000)
    with node:
        check(request(node.url, "POST", RECEIVER, b"small enough\n")[0] == 200, "a small body is taken")
        # Text that zstd cannot make small, so that the log grows by as much.
        body = b"".join(b"%064x\n" % pow(3, number, 1 << 255) for number in range(200_000))
        with contextlib.suppress(OSError):
            status, text = request(node.url, "POST", RECEIVER, body)
            check(status == 503 and b"durable" in text, f"what cannot be made durable is refused: {status} {text[:160]!r}")
        wait_until(lambda: not node.process.is_running(), "the node has ended")
    status, said = node.process.process.returncode, node.process.output()
    check(status == 1, f"the exit status is {status}")
    check("error: the node has stopped, because it cannot make events durable: cannot" in said, f"it says why: {said[-400:]!r}")
    node = Node(folder, SOURCE)
    with node:
        check(count(node.url) == 1, "what was acknowledged is there after the next start, and only that")


for part in (full_disk, failed_log):
    with workspace() as folder:
        part(folder)
finish()
