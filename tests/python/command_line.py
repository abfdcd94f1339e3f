"""The command line: what it prints, where, and with which exit status; from an empty directory, as a user would begin."""

import json
import pathlib
import subprocess

from harness import BINARY, Node, call, check, finish, request, workspace

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCE = '[[sources]]\nname = "push"\ncollector = "sumo_http"\ntoken = "t0ken"'


def run(folder, *arguments, text=None):
    """Runs the binary in the folder; returns exit status, standard output and standard error."""
    done = subprocess.run([BINARY, *map(str, arguments)], cwd=folder, input=text, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def checking(folder):
    status, out, _ = run(folder, "check", "--test", ROOT / "queries")
    check(status == 0 and "0 with mistakes" in out, f"the packaged queries are right, and monitors do as their tests say: {status} {out.splitlines()[-3:]}")

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
        status, sql, error = ask("* | count by _sourceHost", "--show-sql")
        check(status == 0 and "GROUP BY" in sql and error == "", f"a query in SQL: {status} {sql} {error}")
        status, out, error = ask(sql, "--language", "sql", "--format", "csv")
        check((status, out) == (0, '_sourcehost,_count\n"a,b",2\n'), f"the SQL gives the same rows: {status} {out} {error}")
        status, out, error = ask("* | count by _sourceHost | transpose row _sourceHost column _sourceHost", "--show-sql")
        check(status == 0 and "GROUP BY" in out and "transpose" in error, f"what SQL cannot say is told: {status} {out} {error}")
        looking_up(folder, node, ask)
        status, _, error = ask("* | cuont")
        check(status == 1 and "1:5" in error and "did you mean `count`?" in error, f"a mistake in the query: {error}")


def looking_up(folder, node, ask):
    """Tables: uploaded, listed, used, written by a query, downloaded, deleted."""
    lookup = lambda *arguments: run(folder, "lookup", *arguments, "--url", node.url)
    (folder / "hosts.csv").write_text('host,owner\n"a,b",ann\nc,cid\n')
    status, out, error = lookup("put", "shared/hosts", "hosts.csv", "--key", "host")
    check(status == 0 and out.startswith("2 rows"), f"a table is uploaded: {status} {out} {error}")
    status, out, _ = ask("* | count by _sourceHost | lookup owner from shared/hosts on host=_sourceHost", "--format", "csv")
    check((status, out.splitlines()[-1:]) == (0, ['"a,b",2,ann']), f"a query looks a value up: {status} {out}")
    (folder / "more.csv").write_text("host,owner\nC,eve\nd,dan\n")
    status, out, error = lookup("put", "shared/hosts", "more.csv", "--merge")
    check(status == 0, f"rows are merged by their keys: {status} {out} {error}")
    status, out, _ = lookup("get", "path://\"/shared/hosts\"")
    check((status, out) == (0, 'host,owner\n"a,b",ann\nC,eve\nd,dan\n'), f"a table is downloaded: {status} {out}")
    status, out, _ = ask("SELECT owner, lookup_value('shared/hosts', 'host', 'host', 'd') AS host FROM lookup('shared/hosts') WHERE host = 'C'", "--language", "sql", "--format", "csv")
    check((status, out) == (0, "owner,host\neve,d\n"), f"SQL reads tables, too: {status} {out}")
    status, _, error = ask("* | count by _sourceHost | save path://\"/saved/counts\"")
    check(status == 0, f"a query writes a table: {status} {error}")
    status, out, _ = ask("cat path://\"/saved/counts\"", "--format", "csv")
    check((status, out) == (0, '_sourcehost,_count\n"a,b",2\n'), f"and another shows it: {status} {out}")
    status, out, _ = lookup("list")
    check(status == 0 and [line.split("\t")[0] for line in out.splitlines()] == ["saved/counts", "shared/hosts"], f"all tables are listed: {out}")

    _, tables = call(node.url, "GET", "/api/v1/lookupTables")
    table = next(table for table in tables["data"] if table["name"] == "hosts")
    path = f"/api/v1/lookupTables/{table['id']}"
    check(table["primaryKeys"] == ["host"] and table["contentPath"] == "/shared/hosts", f"a table tells what it is: {table}")
    status, _ = call(node.url, "PUT", f"{path}/row", {"row": [{"columnName": "host", "columnValue": "d"}, {"columnName": "owner", "columnValue": "dora"}]})
    check(status == 204, f"a row is written: {status}")
    status, _ = call(node.url, "PUT", f"{path}/deleteTableRow", {"primaryKey": [{"columnName": "host", "columnValue": "c"}]})
    check(status == 204, f"a row is removed: {status}")
    form = b'--x\r\nContent-Disposition: form-data; name="file"; filename="e.csv"\r\n\r\nhost,owner\ne,emil\n\r\n--x--\r\n'
    status, answer = request(node.url, "POST", f"{path}/upload?merge=true", form, {"Content-Type": "multipart/form-data; boundary=x"})
    check(status == 200, f"a form with a file is taken: {status} {answer}")
    status, answer = call(node.url, "GET", f"/api/v1/lookupTables/jobs/{json.loads(answer)['id']}/status")
    check(status == 200 and answer["status"] == "Success", f"the upload's job has succeeded: {answer}")
    status, out, _ = lookup("get", "shared/hosts")
    check(out == 'host,owner\n"a,b",ann\nd,dora\ne,emil\n', f"all changes are there: {out}")
    status, answer = call(node.url, "POST", "/api/v1/lookupTables", {"name": "t", "fields": [{"fieldName": "n", "fieldType": "int"}], "ttl": 5})
    check(status == 400 and "expire" in str(answer), f"what is not done is refused: {status} {answer}")
    status, _, error = lookup("delete", "shared/hosts")
    check(status == 0, f"a table is deleted: {status} {error}")
    status, _, error = ask("* | lookup owner from shared/hosts on host=_sourceHost")
    check(status == 1 and "no lookup table" in error, f"and is not found any more: {status} {error}")


with workspace() as folder:
    checking(folder)
    asking(folder)
finish()
