"""A query, from its text to its rows."""

import re

from . import Unsupported, expressions, scope, stages
from .words import Words, split_at_bars, without_comments, words


class Row(dict):
    """Values by name, in any case; the name that was given last is shown."""

    def __init__(self, values=()):
        super().__init__()
        self.shown = {}
        for name, value in dict(values).items():
            self[name] = value

    def __setitem__(self, name, value):
        self.shown[name.lower()] = name
        super().__setitem__(name.lower(), value)

    def get(self, name, default=None):
        return super().get(name.lower(), default)

    def pop(self, name):
        self.shown.pop(name.lower(), None)
        return super().pop(name.lower(), None)

    def copy(self):
        row = Row()
        row.shown = dict(self.shown)
        dict.update(row, self)
        row.was_parsed = getattr(self, "was_parsed", False)
        return row

    def named(self):
        return {self.shown[name]: value for name, value in self.items()}


class Query:
    """What the stages know of the query they are part of."""

    def __init__(self, text, events, start_ms, end_ms, tables=None):
        self.events = events
        self.start_ms, self.end_ms = start_ms, end_ms
        self.tables = tables or {}
        # Names that are known; None when anything may be there.
        self.known = {name.lower() for event in events for name in event}
        self.made = []
        self.is_grouped = False
        self.is_open = False
        # The keys of the last sorting, as (name, is_descending), as long as they are what they were.
        self.order = None
        self.group_keys = set()
        text = without_comments(re.sub(r"\{\{\{?[^{}]*\}?\}\}", "*", text))
        first, *rest = split_at_bars(text)
        self.condition = scope.parse(first, self)
        self.stages = []
        for stage in rest:
            self.text = stage
            read = Words(words(stage))
            self.stages.append(stages.parse(read, self))

    def field(self, name):
        if not self.is_open and name.lower() not in self.known:
            raise Unsupported(f"nobody knows the field {name}")
        return lambda row: row.get(name)

    def add(self, *names):
        for name in names:
            self.known.add(name.lower())
            if name.lower() not in [made.lower() for made in self.made]:
                self.made.append(name)
            if self.order and any(name.lower() == key.lower() for key, _ in self.order):
                self.order = None

    def drop(self, *names):
        dropped = {name.lower() for name in names}
        self.known -= dropped
        self.made = [name for name in self.made if name.lower() not in dropped]
        if self.order and any(key.lower() in dropped for key, _ in self.order):
            self.order = None

    def group(self, names, keys=()):
        self.is_grouped = True
        self.group_keys = {name.lower() for name in keys}
        self.known = {name.lower() for name in names}
        self.made = list(names)
        self.order = None
        self.is_open = False

    def empty_row(self):
        return Row()

    def inner(self, text):
        """A subquery: its rows, and the fields that it hands on."""
        match = re.fullmatch(r"\s*subquery\s*(from=\([^)]*\))?\s*(to=\([^)]*\))?\s*:(.*)", text, re.S | re.I)
        if not match or match.group(1) or match.group(2):
            raise Unsupported("the range of a subquery")
        *body, last = split_at_bars(match.group(3))
        compose = Words(words(last))
        if not compose.take_word("compose"):
            raise Unsupported("a subquery without compose")
        names = compose.names()
        is_keywords = compose.take_word("keywords")
        compose.finish()
        query = Query("|".join(body), self.events, self.start_ms, self.end_ms, self.tables)
        rows = [{name: row.get(name) for name in names} for row in query.rows()]
        return [row for row in rows if all(value not in (None, "") for value in row.values())], is_keywords

    def subquery(self, text):
        return self.inner(text)[0]

    def scope_subquery(self, text):
        rows, is_keywords = self.inner(text)

        def condition(name, value):
            value = expressions.as_text(value)
            return scope.text_condition(value, True) if is_keywords else scope.field_condition(name, value)

        sets = [[condition(name, value) for name, value in row.items()] for row in rows]
        return lambda event: any(all(holds(event) for holds in conditions) for conditions in sets)

    def matching(self, start_ms, end_ms):
        chosen = [event for event in self.events if start_ms <= event["_messagetime"] < end_ms and self.condition(event)]
        chosen.sort(key=lambda event: -event["_messagetime"])
        return [event.copy() for event in chosen]

    def rows(self, shift_ms=0, stages_max=None):
        rows = self.matching(self.start_ms - shift_ms, self.end_ms - shift_ms)
        for stage in self.stages[:stages_max]:
            rows = stage(rows)
        return rows


def answer(text, events, start_ms, end_ms, tables=None):
    """The rows of a query as texts, and what they are ordered by."""
    query = Query(text, events, start_ms, end_ms, tables)
    rows = query.rows()
    out = []
    for row in rows:
        # Answers show null as an empty text, or not at all.
        named = {name: expressions.as_text(value) for name, value in row.named().items() if value not in (None, "")}
        if not query.is_grouped:
            made = {name.lower() for name in query.made} | {"_messagetime"}
            named = {name: value for name, value in named.items() if name.lower() in made}
        out.append({name.lower(): value for name, value in named.items()})
    return {"kind": "records" if query.is_grouped else "messages", "rows": out, "order": query.order}
