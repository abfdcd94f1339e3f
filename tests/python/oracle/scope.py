"""Which events a query is about: words, phrases and fields before the first `|`."""

import re

from . import Undetermined, Unsupported
from .words import end_of_brackets, end_of_text, unescape

BARE = re.compile(r'[^\s()"!=<>\[\]|,]+')


def parse(text, query):
    """Returns a condition on an event."""
    parts = list(split(text))
    if not parts:
        return lambda event: True
    condition, rest = either(parts, query)
    if rest:
        raise Unsupported(f"{rest} in a scope")
    return condition


def split(text):
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        if text[place] == '"':
            end = end_of_text(text, place)
            yield ("phrase", unescape(text[place + 1 : end - 1]))
        elif text[place] == "[":
            end = end_of_brackets(text, place)
            yield ("subquery", text[place + 1 : end - 1])
        elif match := re.compile(r'%"([^"]+)"').match(text, place):
            end = match.end()
            yield ("word", match.group(1))
        elif match := re.compile(r"!=|<=|>=|[()!=<>]").match(text, place):
            end = match.end()
            yield ("symbol", match.group())
        elif match := BARE.match(text, place):
            end = match.end()
            yield ("word", match.group())
        else:
            raise Unsupported(f"{text[place:]} in a scope")
        place = end


def is_keyword(part, word):
    return part[0] == "word" and part[1].lower() == word


def either(parts, query):
    condition, parts = both(parts, query)
    while parts and is_keyword(parts[0], "or"):
        left = condition
        right, parts = both(parts[1:], query)
        condition = lambda event, left=left, right=right: left(event) or right(event)
    return condition, parts


def both(parts, query):
    condition, parts = negated(parts, query)
    while parts and parts[0] != ("symbol", ")") and not is_keyword(parts[0], "or"):
        if is_keyword(parts[0], "and"):
            parts = parts[1:]
        left = condition
        right, parts = negated(parts, query)
        condition = lambda event, left=left, right=right: left(event) and right(event)
    return condition, parts


def negated(parts, query):
    if not parts:
        raise Unsupported("a scope that ends early")
    if parts[0] == ("symbol", "!") or is_keyword(parts[0], "not"):
        condition, parts = negated(parts[1:], query)
        return (lambda event: not condition(event)), parts
    return single(parts, query)


def single(parts, query):
    kind, text = parts[0]
    if (kind, text) == ("symbol", "("):
        condition, parts = either(parts[1:], query)
        if not parts or parts[0] != ("symbol", ")"):
            raise Unsupported("a scope without its )")
        return condition, parts[1:]
    if kind == "subquery":
        return query.scope_subquery(text), parts[1:]
    if kind == "symbol":
        raise Unsupported(f"{text} in a scope")
    if kind == "word" and len(parts) > 2 and parts[1][0] == "symbol" and parts[1][1] in ("=", "!=", "<", ">", "<=", ">="):
        operator, value = parts[1][1], parts[2][1]
        if operator not in ("=", "!="):
            raise Unsupported("an order in a scope")
        matches = field_condition(text, value)
        return (lambda event: matches(event) == (operator == "=")), parts[3:]
    return text_condition(text, kind == "phrase"), parts[1:]


def field_condition(name, value):
    if name.lower() in ("_index", "_view"):
        raise Unsupported("a partition")
    pattern = re.compile(".*".join(".".join(map(re.escape, part.split("?"))) for part in value.split("*")), re.I | re.S)

    def matches(event):
        held = event.get(name)
        return held is not None and held != "" and bool(pattern.fullmatch(str(held)))

    return matches


def text_condition(text, is_phrase):
    """A word or phrase is found as a whole, in any case; a run of blanks is any run of blanks."""
    if text == "*":
        return lambda event: True
    star, mark = r"\S*", r"\S"
    out = []
    for part in re.split(r"(\s+|\*|\?)", text.strip() if is_phrase else text):
        out.append(star if part == "*" else mark if part == "?" else r"\s+" if part.isspace() else re.escape(part))
    pattern = "".join(out)
    if text[:1].isalnum():
        pattern = r"(?<![^\W_])" + pattern
    if text[-1:].isalnum():
        pattern += r"(?![^\W_])"
    # Whether `_` parts words is not said.
    strict = re.compile(pattern.replace(r"(?<![^\W_])", r"(?<!\w)").replace(r"(?![^\W_])", r"(?!\w)"), re.I)
    compiled = re.compile(pattern, re.I)

    def matches(event):
        is_found = bool(compiled.search(event.get("_raw")))
        if is_found and not strict.search(event.get("_raw")):
            raise Undetermined("a word beside an underscore")
        return is_found

    return matches
