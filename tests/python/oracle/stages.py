"""The operators: each is read from the words of its stage and becomes a function from rows to rows."""

import csv
import json
import re
import statistics

from . import Undetermined, Unsupported, grouping
from .expressions import Parser, as_number, as_text, regex
from .words import Word, Words, unescape
from .words import words as cut

MISSING = object()


def parse(words, query):
    """Reads one stage."""
    for names, read in OPERATORS:
        texts = names.split()
        if all(words.is_word(text, ahead=place) for place, text in enumerate(texts)):
            follower = words.peek(len(texts))
            is_expression = follower.kind == "symbol" and follower.text in "=/*<>?" and names not in ("json", "sort", "order")
            if is_expression or words.is_word("as", ahead=len(texts)) or names in CALLS and words.is_symbol("(", ahead=len(texts)):
                continue
            words.place += len(texts)
            return read(words, query)
    if grouping.is_grouping(words):
        return grouping.parse(words, query)
    return assign(words, query)


def assign(words, query):
    start = words.place
    value = Parser(words, query).whole()
    name = words.alias()
    if name is None:
        # A call without a name changes the field that is its first argument, however deep inside.
        found, place = [*words.found, *[Word("end", "")] * 2], start
        while found[place].kind == "name" and found[place + 1] == ("symbol", "("):
            place += 2
        if place == start or found[place].kind not in ("name", "quoted"):
            raise Unsupported("an expression without a name")
        name = found[place].text
    words.finish()
    query.add(name)

    def assigned(rows):
        for row in rows:
            row[name] = value(row)
        return rows

    return assigned


def where(words, query):
    condition = Parser(words, query).whole()
    words.finish()
    return lambda rows: [row for row in rows if condition(row) is True]


# --- parsing -----------------------------------------------------------------------------------


class Extraction:
    """Options that all of the parse family have: `field=`, `nodrop`, in any place.

    A row that a stage with `nodrop` has matched is kept by every later stage.
    """

    def __init__(self, words, query):
        self.words, self.query = words, query
        self.field = "_raw"
        self.is_nodrop = False
        self.is_multi = False

    def options(self):
        words = self.words
        while True:
            if words.is_word("field") and words.is_symbol("=", ahead=1):
                words.place += 2
                self.field = words.name()
            elif words.take_word("nodrop"):
                self.is_nodrop = True
            elif words.take_word("multi"):
                self.is_multi = True
            else:
                return

    def stage(self, names, extract, fills_with=None):
        """`extract` makes of a text the list of what is found: one row for each, None if nothing."""
        self.options()
        self.words.finish()
        held = self.query.field(self.field)
        self.query.add(*names)

        def extracted(rows):
            out = []
            for row in rows:
                text = as_text(held(row))
                found = extract(text) if text is not None else None
                if not found:
                    if not self.is_nodrop and not getattr(row, "was_parsed", False):
                        continue
                    for name in names:
                        row.setdefault(name.lower(), None)
                        row.shown.setdefault(name.lower(), name)
                    out.append(row)
                    continue
                for values in found:
                    copy = row.copy()
                    is_match = all(name in values for name in names)
                    copy.was_parsed = getattr(row, "was_parsed", False) or self.is_nodrop and is_match
                    for name, value in values.items():
                        copy[name] = value
                    out.append(copy)
            return out

        return extracted


def anchored(words, query):
    extraction = Extraction(words, query)
    extraction.options()
    literals = [unescape(part) for part in words.text().split("*")]
    extraction.options()
    if not words.take_word("as"):
        raise Unsupported("parse without as")
    in_parentheses = words.take_symbol("(")
    names = words.names()
    if in_parentheses:
        words.expect(")")
    if len(names) != len(literals) - 1:
        raise Unsupported("names that are not as many as stars")
    tail = "(.*)" if literals[-1] == "" else "(.*?)"
    body = "".join(re.escape(part) + "(.*?)" for part in literals[:-2]) + re.escape(literals[-2]) + tail
    pattern = re.compile(body + re.escape(literals[-1]), re.S)

    def extract(text):
        match = pattern.search(text)
        return match and [dict(zip(names, match.groups()))]

    return extraction.stage(names, extract)


def by_regex(words, query):
    extraction = Extraction(words, query)
    extraction.options()
    pattern = regex(words.text())
    extraction.options()
    if words.is_symbol(",") or words.is_word("as"):
        raise Unsupported("several patterns, or names behind them")
    names = sorted(pattern.groupindex, key=pattern.groupindex.get)
    if len(names) != pattern.groups:
        raise Unsupported("groups without names")

    def extract(text):
        found = list(pattern.finditer(text))
        if not extraction.is_multi:
            found = found[:1]
        return [{name: match.group(name) or "" for name in names} for match in found]

    return extraction.stage(names, extract)


def by_json(words, query):
    if words.is_word("auto"):
        raise Unsupported("json auto")
    extraction = Extraction(words, query)
    extraction.options()
    paths = [unescape(words.text())]
    while words.take_symbol(","):
        paths.append(unescape(words.text()))
    extraction.options()
    names = words.names() if words.take_word("as") else paths
    if len(names) != len(paths):
        raise Unsupported("names that are not as many as paths")
    steps = [json_path(path) for path in paths]

    def extract(text):
        document = embedded_json(text)
        if document is MISSING:
            return None
        values = [follow(document, path) for path in steps]
        if MISSING in values and not extraction.is_nodrop:
            return None
        if all(value is MISSING for value in values):
            return None
        return [{name: json_text(value) for name, value in zip(names, values) if value is not MISSING}]

    return extraction.stage(names, extract)


def embedded_json(text):
    """The JSON that the text is, or that stands in it."""
    decoder = json.JSONDecoder()
    for match in re.finditer(r"[{\[]", text):
        try:
            return decoder.raw_decode(text, match.start())[0]
        except ValueError:
            continue
    return MISSING


def json_path(path):
    steps = []
    for part in re.finditer(r"\['([^']*)'\]|\[(\d+)\]|\[(\*)\]|([^.\[\]]+)", path.removeprefix("$")):
        key, index, star, name = part.groups()
        steps.append(("key", key or name) if key or name else ("index", int(index)) if index else ("all", star))
    if any(kind == "key" and (step.endswith("()") or step == "*") for kind, step in steps) or ".." in path:
        raise Unsupported(f"the path {path}")
    return steps


def follow(value, steps):
    for place, (kind, step) in enumerate(steps):
        if isinstance(value, str) and value[:1] in "{[":
            try:
                value = json.loads(value)
            except ValueError:
                return MISSING
        if kind == "all":
            if not isinstance(value, list):
                return MISSING
            found = [follow(item, steps[place + 1 :]) for item in value]
            return [item for item in found if item is not MISSING]
        if kind == "key" and isinstance(value, dict) and step in value:
            value = value[step]
        elif kind == "index" and isinstance(value, list) and step < len(value):
            value = value[step]
        else:
            return MISSING
    return value


def json_text(value):
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def by_csv(words, query, default=",", is_csv=True):
    field = words.name()
    delimiter = default
    while words.is_word("delim", "escape", "quote") and words.is_symbol("=", ahead=1):
        option = words.next().text.lower()
        words.next()
        if option != "delim":
            raise Unsupported("the option " + option)
        delimiter = unescape(words.text())
    if not words.take_word("extract"):
        raise Unsupported("csv without extract")
    wanted, place = {}, 0
    while True:
        if words.peek().kind == "number":
            place = int(words.next().text)
            if not words.take_word("as"):
                raise Unsupported("a column without a name")
        else:
            place += 1
        name = words.name()
        if name != "_":
            wanted[place] = name
        if not words.take_symbol(","):
            break
    words.finish()
    held = query.field(field)
    query.add(*wanted.values())

    def extracted(rows):
        for row in rows:
            text = held(row)
            if text is not None and ('"' in text or "\\" in text or "'" in text):
                raise Unsupported("quotes in separated values")
            parts = [] if text is None else text.split(delimiter)
            for place, name in wanted.items():
                row[name] = parts[place - 1].strip() if place <= len(parts) else None
        return rows

    return extracted


def by_keys(words, query):
    if words.is_word("auto", "regex"):
        raise Unsupported("keyvalue auto")
    words.take_word("infer")
    extraction = Extraction(words, query)
    extraction.options()
    words.take_word("keys")
    keys = [words.text()]
    while words.take_symbol(","):
        keys.append(words.text())
    extraction.options()
    names = words.names() if words.take_word("as") else [re.sub(r"\W", "_", key) for key in keys]

    def extract(text):
        values = {}
        for key, name in zip(keys, names):
            match = re.search(rf'(?<![\w.]){re.escape(key)}\s*(?:=|:|->)\s*("([^"]*)"|[^\s,;]+)', text)
            if match:
                values[name] = match.group(2) if match.group(2) is not None else match.group(1)
        if len(values) < len(keys) and not extraction.is_nodrop:
            return None
        return [values] if values else None

    return extraction.stage(names, extract)


# --- fields and time ---------------------------------------------------------------------------


def fields(words, query):
    if words.take_symbol("-"):
        names = words.names()
        words.finish()
        for name in names:
            query.field(name)
        query.drop(*names)

        def without(rows):
            for row in rows:
                for name in names:
                    row.pop(name)
            return rows

        return without
    words.take_symbol("+")
    names = words.names()
    words.finish()
    kept = {name.lower() for name in names}
    for name in names:
        query.field(name)
    query.drop(*(query.known - kept if query.is_grouped else {name for name in query.known if not name.startswith("_")} - kept))
    query.made = [name for name in query.made if name.lower() in kept]
    query.add(*names)

    def only(rows):
        for row in rows:
            for name in list(row):
                if name not in kept and (query_is_grouped or not name.startswith("_")):
                    row.pop(name)
        return rows

    query_is_grouped = query.is_grouped
    return only


DURATION = {"ns": 1e-6, "us": 1e-3, "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


def duration(words):
    text = words.next().text
    match = re.fullmatch(r"(\d+)([a-z]+)", text)
    if not match or match.group(2) not in DURATION:
        raise Unsupported(f"the duration {text}")
    return int(match.group(1)) * DURATION[match.group(2)]


def timeslice(words, query):
    words.take_word("by")
    if words.is_done() or words.peek().kind != "number" or words.is_word("buckets", ahead=1):
        raise Unsupported("a timeslice without length")
    length = duration(words)
    name = words.alias() or "_timeslice"
    words.finish()
    query.add(name)
    query.slice_ms = length
    # Weeks begin on Monday; the first Monday was the fifth of January 1970.
    origin = 4 * DURATION["d"] if length % DURATION["w"] == 0 else 0

    def sliced(rows):
        for row in rows:
            row[name] = (row["_messagetime"] - origin) // length * length + origin
        return rows

    return sliced


# --- order -------------------------------------------------------------------------------------


def sort_key(name):
    def key(row):
        value = row.get(name)
        if value is None:
            raise Undetermined("a null in an order")
        return value

    return key


def sort(words, query):
    words.take_word("by")
    keys = []
    while True:
        is_descending = True
        if words.take_symbol("+"):
            is_descending = False
        elif words.take_symbol("-"):
            is_descending = True
        name = words.name()
        query.field(name)
        if words.take_word("asc"):
            is_descending = False
        elif words.take_word("desc"):
            is_descending = True
        keys.append((name, is_descending))
        if not words.take_symbol(","):
            break
    words.finish()
    query.order = keys
    return lambda rows: in_order(rows, keys)


def in_order(rows, keys):
    for name, is_descending in reversed(keys):
        try:
            rows = sorted(rows, key=sort_key(name), reverse=is_descending)
        except TypeError as error:
            raise Undetermined(f"an order of different types: {error}") from error
    return rows


def limit(words, query):
    rows_max = int(words.next().text)
    words.finish()
    order = query.order

    def limited(rows):
        return cut_off(rows, rows_max, order if order else None, query.is_grouped)

    return limited


def cut_off(rows, rows_max, order, is_grouped=True):
    if len(rows) > rows_max:
        if order is None and is_grouped:
            raise Undetermined("a limit without an order")
        if order and all(rows[rows_max - 1].get(name) == rows[rows_max].get(name) for name, _ in order):
            raise Undetermined("rows that tie at a limit")
    return rows[:rows_max]


def top(words, query):
    rows_max = int(words.next().text)
    names = words.names()
    keys = []
    if words.take_word("by"):
        while True:
            name = words.name()
            is_descending = not words.take_word("asc")
            words.take_word("desc")
            keys.append((name, is_descending))
            if not words.take_symbol(","):
                break
    words.finish()
    if not keys:
        for name in names:
            query.field(name)
        inner = grouping.parse(Words(cut("count by " + ", ".join(f'%"{name}"' for name in names))), query)
        query.order = [("_count", True)]
        return lambda rows: cut_off(in_order(inner(rows), [("_count", True)]), rows_max, [("_count", True)])
    if not query.is_grouped:
        raise Unsupported("top by an aggregate")
    for name, _ in keys:
        query.field(name)
    query.order = keys
    return lambda rows: cut_off(in_order(rows, keys), rows_max, keys)


def topk(words, query):
    words.expect("(")
    rows_max = int(words.next().text)
    words.expect(",")
    names = words.names()
    words.expect(")")
    groups = words.names() if words.take_word("by") else []
    words.finish()
    for name in [*names, *groups]:
        query.field(name)
    query.add("_rank")
    order = [(name, True) for name in names]

    def ranked(rows):
        grouped = {}
        for row in rows:
            grouped.setdefault(tuple(as_text(row.get(name)) for name in groups), []).append(row)
        out = []
        for members in grouped.values():
            members = in_order(members, order)
            for before, after in zip(members, members[1:]):
                if all(before.get(name) == after.get(name) for name in names):
                    raise Undetermined("rows of the same rank")
            for place, row in enumerate(members[:rows_max], 1):
                row["_rank"] = place
                out.append(row)
        return out

    query.order = None
    return ranked


def dedup(words, query):
    count = 1
    if words.is_word("consecutive"):
        raise Unsupported("dedup consecutive")
    if words.peek().kind == "number":
        count = int(words.next().text)
    names = words.names() if words.take_word("by") else ["_raw"]
    words.finish()

    def deduplicated(rows):
        if query.is_grouped and not query.order:
            raise Undetermined("dedup without an order")
        seen, out = {}, []
        for row in rows:
            key = tuple(as_text(row.get(name)) for name in names)
            seen[key] = seen.get(key, 0) + 1
            if seen[key] <= count:
                out.append(row)
        return out

    return deduplicated


# --- row by row --------------------------------------------------------------------------------


def running(name, compute):
    """An operator that goes from row to row within groups."""

    def read(words, query):
        field = words.name()
        size = int(words.next().text) if words.take_symbol(",") else None
        alias = words.alias()
        groups = words.names() if words.take_word("by") else []
        alias = alias or words.alias() or name
        words.finish()
        query.field(field)
        order = query.order
        query.add(alias)

        def run(rows):
            if order is None and query.is_grouped:
                raise Undetermined("an operator over rows without an order")
            if order:
                keys = [tuple(row.get(key) for key, _ in order) for row in rows]
                if len(set(keys)) != len(keys):
                    raise Undetermined("an operator over rows that tie")
            grouped = {}
            for row in rows:
                grouped.setdefault(tuple(as_text(row.get(group)) for group in groups), []).append(row)
            for members in grouped.values():
                values = [as_number(row.get(field)) for row in members]
                raw = [row.get(field) for row in members]
                for row, value in zip(members, compute(values, raw, size)):
                    row[alias] = value
            return rows

        return run

    return read


def accumulated(values, raw, size):
    total, out = None, []
    for value in values:
        total = value if total is None else total + (value or 0)
        out.append(total)
    return out


def totals(values, raw, size):
    known = [value for value in values if value is not None]
    return [sum(known) if known else None] * len(values)


def windows(values, size):
    size = size or 10
    return [[value for value in values[max(0, place + 1 - size) : place + 1] if value is not None] for place in range(len(values))]


def smoothed(values, raw, size):
    return [sum(window) / len(window) if window else None for window in windows(values, size)]


def deviations(values, raw, size):
    return [statistics.pstdev(window) if window else None for window in windows(values, size)]


def shifted(values, raw, size):
    size = size or 1
    return ([None] * size + raw)[: len(raw)]


def differences(values, raw, size):
    pairs = zip([None, *values], values)
    return [None if before is None or after is None else after - before for before, after in pairs]


# --- over all rows -----------------------------------------------------------------------------


def transpose(words, query):
    if not words.take_word("row"):
        raise Unsupported("transpose without row")
    keys = words.names()
    if not words.take_word("column"):
        raise Unsupported("transpose without column")
    columns = words.names()
    wanted, takes_rest = [], True
    if words.take_word("as"):
        takes_rest = False
        while True:
            if words.take_symbol("*"):
                takes_rest = True
            else:
                wanted.append(words.name())
            if not words.take_symbol(","):
                break
    words.finish()
    if wanted and len(keys) > 0 and wanted[0].lower() == keys[0].lower():
        raise Unsupported("the row's name among the columns")
    taken = {name.lower() for name in [*keys, *columns]}
    measures = [name for name in query.made if name.lower() not in taken]
    if not query.is_grouped or not measures:
        raise Unsupported("transpose of nothing")
    for name in [*keys, *columns]:
        query.field(name)
    query.group([*keys, *wanted])
    query.is_open = takes_rest

    def transposed(rows):
        out = {}
        for row in rows:
            key = tuple(as_text(row.get(name)) for name in keys)
            if key not in out:
                out[key] = query.empty_row()
                for name in keys:
                    out[key][name] = row.get(name)
            value = "_".join("null" if row.get(name) is None else as_text(row.get(name)) for name in columns)
            for measure in measures:
                column = value if len(measures) == 1 else f"{value}_{measure}"
                if not takes_rest and column.lower() not in {name.lower() for name in wanted}:
                    continue
                if column.lower() in out[key]:
                    raise Undetermined("rows that fall into one cell")
                out[key][column] = row.get(measure)
        shown = {name.lower(): name for name in [*keys, *wanted]}
        shown.update({name.lower(): name for row in out.values() for name in row.named() if takes_rest})
        for row in out.values():
            for lower, name in shown.items():
                if lower not in row:
                    row[name] = None
        query.made = list(shown.values())
        return list(out.values())

    return transposed


def fillmissing(words, query):
    if not query.is_grouped:
        raise Unsupported("fillmissing of events")
    slices, everything = None, []
    while not words.is_done():
        if words.take_word("timeslice"):
            length = None
            if words.take_symbol("("):
                length = duration(words)
                words.expect(")")
            elif words.peek().kind == "number":
                length = duration(words)
            field = words.name() if words.take_word("in") else "_timeslice"
            slices = (field, length or getattr(query, "slice_ms", None))
        elif words.take_word("values"):
            if not (words.take_word("all") and words.take_word("in")):
                raise Unsupported("values that are listed")
            everything.append(words.name())
        else:
            raise Unsupported(f"{words.peek()} in fillmissing")
        words.take_symbol(",")
    keys = [name for name in query.made if name.lower() in {key.lower() for key in everything} | {(slices or [""])[0].lower()}]
    measures = [name for name in query.made if name not in keys]
    is_open = query.is_open
    query.order = [(slices[0], False)] if slices else None

    def filled(rows):
        held = measures
        if is_open:
            held = [name for name in query.made if name not in keys]
        groups = [{}]
        if slices:
            field, length = slices
            start = query.start_ms // length * length
            moments = range(start, query.end_ms, length)
            groups = [{field: moment} for moment in moments]
        for name in everything:
            values = list(dict.fromkeys(row.get(name) for row in rows))
            groups = [{**group, name: value} for group in groups for value in values]
        texts = {name for row in rows for name in held if isinstance(row.get(name), str)}
        by_key = {tuple(as_text(row.get(name)) for name in keys): row for row in rows}
        if len(by_key) != len(rows):
            raise Unsupported("fillmissing with other groups")
        for group in groups:
            row = query.empty_row()
            for name, value in group.items():
                row[name] = value
            key = tuple(as_text(row.get(name)) for name in keys)
            if key not in by_key:
                by_key[key] = row
        for row in by_key.values():
            for name in held:
                if row.get(name) is None:
                    row[name] = None if name in texts else 0
        out = list(by_key.values())
        return sorted(out, key=lambda row: row.get(slices[0])) if slices else out

    return filled


def compare(words, query):
    words.take_word("with")
    if not words.take_word("timeshift"):
        raise Unsupported("compare without timeshift")
    words.take_symbol("-")
    text = words.peek().text
    shift = duration(words)
    if words.peek().kind == "number":
        return compare_mean(words, query, shift, text)
    alias = words.alias() or text
    if words.is_symbol(","):
        raise Unsupported("several shifts")
    words.finish()
    place = len(query.stages)
    keys = [name for name in query.made if name.lower() in query.group_keys]
    measures = [name for name in query.made if name not in keys]
    query.order = None
    query.add(*[f"{name}_{alias}" for name in measures])

    def compared(rows):
        def key(row, moved=0):
            values = [row.get(name) + moved if name.lower() == "_timeslice" else as_text(row.get(name)) for name in keys]
            return tuple(values)

        now = {key(row): row for row in rows}
        for row in query.rows(shift, place):
            moved = key(row, shift)
            if moved not in now:
                now[moved] = query.empty_row()
                for name in keys:
                    now[moved][name] = row.get(name) + shift if name.lower() == "_timeslice" else row.get(name)
            for name in measures:
                now[moved][f"{name}_{alias}"] = row.get(name)
        return list(now.values())

    return compared


def compare_mean(words, query, shift, text):
    raise Unsupported("several shifts")


def outlier(words, query):
    field = words.name()
    groups, options = [], {"window": 10, "threshold": 3.0, "consecutive": 1, "direction": "+-"}
    if words.take_word("by"):
        groups = words.names()
    while not words.is_done():
        name = words.next().text.lower()
        words.expect("=")
        if name == "direction":
            options[name] = ""
            while words.is_symbol("+", "-"):
                options[name] += words.next().text
        elif name in options:
            options[name] = float(words.next().text)
        else:
            raise Unsupported(f"the option {name}")
        words.take_symbol(",")
    if options["consecutive"] != 1:
        raise Unsupported("several violations in a row")
    query.field(field)
    query.field("_timeslice")
    query.add(*[f"{field}_{name}" for name in ("error", "lower", "upper", "std", "indicator", "violation")])
    raise Unsupported("outlier")


def lookup(words, query):
    pairs = []
    while True:
        name = words.name()
        pairs.append((name, words.alias() or name))
        if not words.take_symbol(","):
            break
    if not words.take_word("from"):
        raise Unsupported("lookup without from")
    table = ""
    while not words.is_word("on"):
        if words.is_done():
            raise Unsupported("lookup without on")
        table += words.next().text
    words.next()
    keys = []
    while True:
        column = words.name()
        words.expect("=")
        keys.append((column, words.name()))
        if not words.take_symbol(","):
            break
    words.finish()
    if table not in query.tables:
        raise Unsupported(f"the table {table}")
    records = list(csv.DictReader(query.tables[table].splitlines()))
    for _, field in keys:
        query.field(field)
    query.add(*[name for _, name in pairs])

    def looked_up(rows):
        for row in rows:
            def is_meant(record):
                return all((as_text(row.get(field)) or "").lower() == record[column].lower() for column, field in keys)

            record = next(filter(is_meant, records), {})
            for column, name in pairs:
                row[name] = record.get(column) or None
        return rows

    return looked_up


def join(words, query):
    raise Unsupported("join")


CALLS = ("limit", "total", "diff", "smooth", "top", "fields")
OPERATORS = [
    ("parse regex", by_regex), ("extract", by_regex), ("parse xml", join), ("parse", anchored), ("json", by_json),
    ("csv", by_csv), ("split", by_csv), ("keyvalue", by_keys), ("kv", by_keys), ("where", where), ("fields", fields),
    ("timeslice", timeslice), ("sort", sort), ("order", sort), ("limit", limit), ("top", top), ("topk", topk),
    ("dedup", dedup), ("transpose", transpose), ("fillmissing", fillmissing), ("compare", compare), ("outlier", outlier),
    ("lookup", lookup), ("join", join),
    ("accum", running("_accum", accumulated)), ("total", running("_total", totals)), ("smooth", running("_smooth", smoothed)),
    ("rollingstd", running("_rollingstd", deviations)), ("backshift", running("_backshift", shifted)),
    ("diff", running("_diff", differences)),
] + [(name, join) for name in (
    "count_frequent", "transaction", "transactionize", "sessionize", "logreduce", "logcompare", "predict", "filter",
    "geoip", "threatip", "threatlookup", "withtime", "save", "infer", "bin", "compose", "facets", "summarize",
)]
