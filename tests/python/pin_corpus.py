"""Computes the rows of published queries with the independent reading of the language in `oracle`.

    python3 tests/python/pin_corpus.py CORPUS [ID…]

CORPUS is a file of queries, `{"id", "topic", "query"}` a line, gzip or not. With ids their rows are
printed; without, the rows of all queries of the topics below that are known, determined and not
empty are written to `crates/query/tests/corpus_results/pinned.jsonl`. Nothing of a query's text is.
"""

import gzip
import json
import sys
from pathlib import Path

from oracle import Undetermined, Unsupported
from oracle.run import Row, answer

TESTS = Path(__file__).resolve().parents[2] / "crates/query/tests"
TOPICS = {"aws_lambda", "gcp_functions", "azure_functions", "other_serverless_backend", "monitor", "operator_doc"}
# 2025-11-23T14:00:00Z: times of events count seconds from here.
ZERO_MS = 1_763_906_400_000
RANGE_MS = 7_200_000
METADATA = {"category": "_sourceCategory", "host": "_sourceHost", "name": "_sourceName", "source": "_source", "message": "_raw"}


def events():
    found = []
    for file in sorted((TESTS / "corpus_events").glob("*.ndjson")):
        for line in file.read_text().splitlines():
            values = json.loads(line)
            row = Row({"_messagetime": ZERO_MS + values.pop("time") * 1000})
            for name, value in values.items():
                row[METADATA.get(name, name)] = value
            found.append(row)
    return found


def queries(path):
    opened = gzip.open(path, "rt") if path.endswith(".gz") else open(path)
    with opened as lines:
        return [json.loads(line) for line in lines]


def main(path, *ids):
    everything = events()
    tables = {"sumo://threat/cs": (TESTS / "corpus_events/threats.csv").read_text()}
    pinned, refused = [], 0
    for query in queries(path):
        if query["id"] not in ids if ids else query["topic"] not in TOPICS or "${" in query["query"] or "$$" in query["query"]:
            continue
        try:
            found = answer(query["query"], everything, ZERO_MS, ZERO_MS + RANGE_MS, tables)
        except (Unsupported, Undetermined) as why:
            refused += 1
            if ids:
                print(f"{query['id']}: {type(why).__name__}: {why}")
            continue
        if found["rows"]:
            order = [name.lower() for name, _ in found["order"] or []]
            pinned.append({"id": query["id"], "kind": found["kind"], "order": order, "rows": found["rows"]})
    text = "".join(json.dumps(answer, ensure_ascii=False, separators=(",", ":")) + "\n" for answer in pinned)
    if ids:
        print(text)
        return
    target = TESTS / "corpus_results/pinned.jsonl"
    target.parent.mkdir(exist_ok=True)
    target.write_text(text)
    print(f"{len(pinned)} pinned, {refused} not known or not determined")


if __name__ == "__main__":
    main(*sys.argv[1:])
