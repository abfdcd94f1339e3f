"""The benchmark's peer: loads a file of NDJSON into chDB and asks the questions of an order, which is a JSON file.

Prints one JSON object with its figures. Everything runs in this process, so its CPU time is the peer's.
"""

import json
import os
import statistics
import sys
import time

from chdb import session

TABLE = """
CREATE TABLE logs (
    _time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    function LowCardinality(String),
    stream LowCardinality(String),
    level LowCardinality(String),
    message String CODEC(ZSTD(1)),
    INDEX words lower(message) TYPE text(tokenizer = 'splitByNonAlpha')
) ENGINE = MergeTree ORDER BY (function, _time)
"""
MEASURED_SECONDS_MIN, RUNS_MAX = 1.0, 200


def cpu_seconds():
    used = os.times()
    return used.user + used.system


def disk(store):
    index = "sum(secondary_indices_compressed_bytes + secondary_indices_marks_bytes)"
    row = store.query(f"SELECT sum(bytes_on_disk) - {index}, {index} FROM system.parts WHERE active AND table = 'logs'", "CSV").data()
    data, index = (int(part) for part in row.strip().split(","))
    return {"data": data, "index": index}


def ask(store, query, runs):
    answer = json.loads(store.query(query, "JSON").data())
    walls, began, cpu_began = [], time.perf_counter(), cpu_seconds()
    while len(walls) < runs or (time.perf_counter() - began < MEASURED_SECONDS_MIN and len(walls) < RUNS_MAX):
        start = time.perf_counter()
        store.query(query, "JSON").data()
        walls.append(time.perf_counter() - start)
    return {
        "wall_ms": statistics.median(walls) * 1e3,
        "cpu_ms": (cpu_seconds() - cpu_began) * 1e3 / len(walls),
        "rows": answer["data"],
    }


def main():
    with open(sys.argv[1]) as file:
        order = json.load(file)
    store = session.Session(order["store"])
    store.query("CREATE DATABASE IF NOT EXISTS bench ENGINE = Atomic")
    store.query("USE bench")
    store.query(TABLE)
    began, cpu_began = time.perf_counter(), cpu_seconds()
    store.query(f"INSERT INTO logs SELECT * FROM file('{order['file']}', JSONEachRow, '_time DateTime64(3), function String, stream String, level String, message String')")
    figures = {"version": store.query("SELECT version()", "CSV").data().strip().strip('"')}
    figures["wall_seconds"], figures["cpu_seconds"] = time.perf_counter() - began, cpu_seconds() - cpu_began
    figures["disk"] = disk(store)
    store.query("OPTIMIZE TABLE logs FINAL")
    figures["merged_cpu_seconds"], figures["merged"] = cpu_seconds() - cpu_began, disk(store)
    figures["answers"] = [ask(store, query, order["runs"]) for query in order["queries"]]
    figures["bounds"] = [json.loads(store.query(query, "JSON").data())["data"] if query else [] for query in order["bounds"]]
    print(json.dumps(figures))


main()
