"""The command line: what it prints, where, and with which exit status; from an empty directory, as a user would begin."""

import json
import pathlib
import subprocess

from harness import BINARY, Node, check, finish, request, workspace

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = '[[sources]]\nname = "push"\ncollector = "sumo_http"\ntoken = "t0ken"'


def run(folder, *arguments, text=None):
    """Runs the binary in the folder; returns exit status, standard output and standard error."""
    done = subprocess.run([BINARY, *map(str, arguments)], cwd=folder, input=text, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def checking(folder):
    status, out, _ = run(folder, "check", ROOT / "queries")
    check(status == 0 and "0 with mistakes" in out, f"the packaged queries are right: {status} {out.splitlines()[-1:]}")

    lines = '{"id": "right", "query": "error | count by function"}\n{"id": 2, "query": "* | timeslize 5m | count"}\nnonsense\n'
    status, out, _ = run(folder, "check", "-", "--format", "json", text=lines)
    found = [json.loads(line) for line in out.splitlines()]
    check(status == 1 and [item["ok"] for item in found] == [True, False, False], f"of three lines one is right: {status} {out}")
    mistake = found[1]["diagnostics"][0]
    check((found[1]["id"], mistake["line"], mistake["column"], mistake["suggestion"]) == ("2", 1, 5, "timeslice"), f"a mistake has its place and what was meant: {mistake}")
    check(found[2]["id"] == "-:3" and "not a query line" in found[2]["message"], f"a line that is no query is named: {found[2]}")

    status, out, _ = run(folder, "check", "-", "--kind", "query", text="* | where |")
    check(status == 1 and out.startswith("-:1:"), f"standard input can be one query: {status} {out}")
    config = folder / "nephoscope.toml"
    config.write_text('[server]\nlisten_adress = "127.0.0.1:1"\n')
    status, out, _ = run(folder, "check", ".")
    check(status == 1 and "did you mean `listen`?" in out, f"a mistake in the configuration is explained: {status} {out}")
    status, out, error = run(folder, "serve")
    check(status == 1 and error.startswith("error: ") and "did you mean `listen`?" in error, f"a node does not start with it: {status} {error}")
    config.write_text('[[sources]]\nname = "a"\ncollector = "sumo_http"\ntoken = ""\n')
    status, out, _ = run(folder, "check", config)
    check(status == 1 and "token" in out, f"a source that cannot work is refused: {status} {out}")
    config.unlink()
    status, out, error = run(folder, "check", "nowhere")
    check(status == 2 and "cannot read nowhere" in error, f"what is not there was not checked: {status} {error}")
    status, _, error = run(folder, "chekc")
    check(status == 2 and "check" in error, f"an unknown command is answered with the likely one: {status} {error}")


def asking(folder):
    status, _, error = run(folder, "query", "*", "--url", "http://127.0.0.1:9")
    check(status == 1 and "is the node running?" in error, f"without a node: {status} {error}")
    with Node(folder, SOURCE) as node:
        request(node.url, "POST", "/receiver/v1/http/t0ken", b"ERROR one, two\nINFO three\n", {"X-Sumo-Host": "a,b"})
        ask = lambda *arguments: run(folder, "query", *arguments, "--url", node.url)
        status, out, error = ask("* | count by _sourceHost", "--format", "csv")
        check((status, out) == (0, '_sourcehost,_count\n"a,b",2\n'), f"comma-separated values: {status} {out} {error}")
        status, out, _ = ask("error", "--format", "json")
        check(status == 0 and [json.loads(line)["_raw"] for line in out.splitlines()] == ["ERROR one, two"], f"one JSON object a line: {out}")
        status, out, _ = ask("* | count")
        check(status == 0 and out.split() == ["_count", "2"], f"a table: {out!r}")
        status, _, error = ask("* | cuont")
        check(status == 1 and "1:5" in error and "did you mean `count`?" in error, f"a mistake in the query: {error}")


with workspace() as folder:
    checking(folder)
    asking(folder)
finish()
