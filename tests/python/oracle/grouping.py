"""Grouping stages: `count`, `sum(x) as y, … by a, b` and their like."""

import math

from . import Undetermined, Unsupported
from .expressions import Parser, as_number, as_text

NAMES = {
    "count", "sum", "avg", "min", "max", "pct", "stddev", "median", "first", "last", "count_distinct", "values",
    "most_recent", "least_recent", "count_frequent",
}


def is_grouping(words):
    if not words.is_word(*NAMES):
        return False
    # `count / 2 as half` is an expression.
    return words.peek(1).kind in ("end", "name", "quoted") or words.is_symbol("(", ",", ahead=1) or words.is_symbol("%", ahead=1)


def parse(words, query):
    """Returns a function from rows to rows."""
    measures, keys = [], []
    while True:
        measures.append(measure(words, query, keys))
        if not words.take_symbol(","):
            break
    if words.is_word("group"):
        words.next()
    if words.take_word("by"):
        keys.extend(key(words, query))
    words.finish()
    names = [name.lower() for name, _ in keys] + [name.lower() for name, _ in measures]
    if len(set(names)) != len(names):
        raise Unsupported("a name twice in a grouping")
    query.group([name for name, _ in [*keys, *measures]], [name for name, _ in keys])

    def grouped(rows):
        groups = {}
        for row in rows:
            values = tuple(held(row) for _, held in keys)
            groups.setdefault(tuple(map(as_text, values)), (values, []))[1].append(row)
        if not keys and not groups:
            groups[()] = ((), [])
        out = []
        for values, members in groups.values():
            row = query.empty_row()
            for (name, _), value in zip(keys, values):
                row[name] = value
            for name, compute in measures:
                row[name] = compute(members)
            out.append(row)
        return out

    return grouped


def key(words, query):
    keys = []
    while True:
        if words.peek().kind == "name" and words.is_symbol("(", ahead=1):
            raise Unsupported("a computed group")
        name = words.name()
        held = query.field(name)
        keys.append((words.alias() or name, held))
        if not words.take_symbol(","):
            return keys


def measure(words, query, keys):
    function = words.next().text.lower()
    if function not in NAMES:
        raise Unsupported(f"the measure {function}")
    arguments, argument_names, shares = [], [], []
    if words.take_symbol("("):
        while not words.take_symbol(")"):
            if words.take_symbol("*"):
                continue
            word = words.peek()
            if word.kind == "number" and arguments:
                shares.append(words.next().text)
            else:
                argument_names.append(word.text)
                arguments.append(Parser(words, query).whole())
            words.take_symbol(",")
    elif function in ("count", "count_distinct", "count_frequent") and not words.is_word("as", "by", "group"):
        if not words.is_done() and not words.is_symbol(","):
            keys.extend(key(words, query))
    elif not words.is_word("as", "by", "group") and not words.is_done() and function != "count":
        argument_names.append(words.peek().text)
        arguments.append(query.field(words.name()))
    alias = words.alias()
    name = alias or "_" + function
    if function == "count_frequent":
        raise Unsupported("count_frequent")
    if function == "pct":
        if len(shares) != 1:
            raise Unsupported("several percentiles")
        name = alias or f"_{argument_names[0]}_pct_{shares[0]}"
    if function == "count":
        held = arguments[0] if arguments else None
        return name, lambda rows: sum(1 for row in rows if held is None or held(row) is not None)
    if len(arguments) != 1:
        raise Unsupported(f"{len(arguments)} arguments of {function}")
    return name, lambda rows: MEASURES[function](rows, arguments[0], *map(float, shares))


def numbers(rows, held):
    found = [as_number(held(row)) for row in rows]
    return [value for value in found if value is not None]


def percentile(rows, held, share):
    values = sorted(numbers(rows, held))
    if not values:
        return None
    place = (len(values) - 1) * share / 100
    low = math.floor(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


def deviation(rows, held):
    values = numbers(rows, held)
    if len(values) < 2:
        raise Undetermined("the deviation of one value")
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))


def end_of(rows, held, place):
    return held(rows[place]) if rows else None


def by_time(rows, held, choose):
    rows = [row for row in rows if held(row) is not None]
    return held(choose(rows, key=lambda row: row["_messagetime"])) if rows else None


def or_none(values, function):
    return function(values) if values else None


MEASURES = {
    "sum": lambda rows, held: or_none(numbers(rows, held), sum),
    "avg": lambda rows, held: or_none(numbers(rows, held), lambda values: sum(values) / len(values)),
    "min": lambda rows, held: or_none(numbers(rows, held), min),
    "max": lambda rows, held: or_none(numbers(rows, held), max),
    "pct": percentile,
    "median": lambda rows, held: percentile(rows, held, 50),
    "stddev": deviation,
    "first": lambda rows, held: end_of(rows, held, 0),
    "last": lambda rows, held: end_of(rows, held, -1),
    "most_recent": lambda rows, held: by_time(rows, held, max),
    "least_recent": lambda rows, held: by_time(rows, held, min),
    "count_distinct": lambda rows, held: len({as_text(held(row)) for row in rows} - {None}),
    "values": lambda rows, held: "\n".join(sorted({as_text(held(row)) for row in rows} - {None})),
}
