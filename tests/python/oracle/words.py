"""Cuts a query into stages, and a stage into words."""

import re
from collections import namedtuple

from . import Unsupported

Word = namedtuple("Word", "kind text")
"""kind: name, quoted (%"…"), text ("…", escapes kept), number, regex, symbol, subquery"""

UNITS = {
    "K": 1e3, "k": 1e3, "M": 1e6, "G": 1e9, "B": 1e9, "T": 1e12, "P": 1e15,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50,
    "ns": 1e-6, "us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4, "h": 36e5, "d": 864e5, "w": 6048e5,
}


def without_comments(text):
    """Blanks out `// …` (at the start or behind a blank) and `/* … */`, outside quotes and patterns."""
    out, place = [], 0
    while place < len(text):
        char = text[place]
        if char == '"':
            end = end_of_text(text, place)
            out.append(text[place:end])
            place = end
        elif text.startswith("/*", place):
            end = text.find("*/", place + 2)
            place = len(text) if end < 0 else end + 2
            out.append(" ")
        elif text.startswith("//", place) and (place == 0 or text[place - 1].isspace()):
            end = text.find("\n", place)
            place = len(text) if end < 0 else end
        elif char == "/" and is_regex_place(text, place):
            end = end_of_regex(text, place)
            out.append(text[place:end])
            place = end
        else:
            out.append(char)
            place += 1
    return "".join(out)


def end_of_text(text, start):
    place = start + 1
    while place < len(text):
        if text[place] == "\\":
            place += 2
        elif text[place] == '"':
            return place + 1
        else:
            place += 1
    raise Unsupported("a text without end")


def is_regex_place(text, place):
    """A pattern stands behind `matches`, or as an argument."""
    before = text[:place].rstrip()
    return bool(re.search(r"(\bmatches|[(,])$", before, re.I)) and not text.startswith("//", place)


def end_of_regex(text, start):
    place = start + 1
    while place < len(text):
        if text[place] == "\\":
            place += 2
        elif text[place] == "/":
            return place + 1
        else:
            place += 1
    raise Unsupported("a pattern without end")


def split_at_bars(text):
    """Cuts at each `|` outside quotes, patterns and brackets of subqueries and joins."""
    pieces, start, place, depth = [], 0, 0, 0
    while place < len(text):
        char = text[place]
        if char == '"':
            place = end_of_text(text, place)
            continue
        if char == "/" and is_regex_place(text, place):
            place = end_of_regex(text, place)
            continue
        if char in "([":
            depth += 1
        elif char in ")]":
            depth = max(depth - 1, 0)
        elif text.startswith("||", place):
            place += 2
            continue
        elif char == "|" and depth == 0:
            pieces.append(text[start:place])
            start = place + 1
        place += 1
    return [*pieces, text[start:]]


NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?(Ki|Mi|Gi|Ti|Pi|ns|us|ms|[KkMGBTPsmhdw])?(?![\w.])")
NAME = re.compile(r"[A-Za-z_][\w]*(?:[.\[][\w*]+\]?)*")
SYMBOLS = ["==", "!=", "<>", "<=", ">=", "&&", "||", *"=<>!(),+-*/%?:$[]{}'"]


def words(text):
    """The words of a stage."""
    found, place = [], 0
    while place < len(text):
        char = text[place]
        if char.isspace():
            place += 1
            continue
        if char == '"':
            end = end_of_text(text, place)
            found.append(Word("text", text[place + 1 : end - 1]))
        elif char == "'" and "'" in text[place + 1 :]:
            end = text.index("'", place + 1) + 1
            found.append(Word("text", text[place + 1 : end - 1]))
        elif text.startswith('%"', place):
            end = end_of_text(text, place + 1)
            found.append(Word("quoted", text[place + 2 : end - 1]))
        elif char == "/" and is_regex_place(text, place):
            end = end_of_regex(text, place)
            found.append(Word("regex", text[place + 1 : end - 1]))
        elif re.match(r"\[\s*subquery", text[place:], re.I):
            end = end_of_brackets(text, place)
            found.append(Word("subquery", text[place + 1 : end - 1]))
        elif match := NUMBER.match(text, place):
            end = match.end()
            found.append(Word("number", match.group()))
        elif match := NAME.match(text, place):
            end = match.end()
            found.append(Word("name", match.group()))
        else:
            symbol = next((symbol for symbol in SYMBOLS if text.startswith(symbol, place)), None)
            if symbol is None:
                raise Unsupported(f"the character {char!r}")
            end = place + len(symbol)
            found.append(Word("symbol", symbol))
        place = end
    return found


def end_of_brackets(text, start):
    depth, place = 0, start
    while place < len(text):
        if text[place] == '"':
            place = end_of_text(text, place)
            continue
        depth += {"[": 1, "]": -1}.get(text[place], 0)
        place += 1
        if depth == 0:
            return place
    raise Unsupported("brackets without end")


def number(text):
    """The value of a number with its unit."""
    match = NUMBER.match(text)
    value = float(match.group(1) + (match.group(2) or "")) * UNITS.get(match.group(3), 1)
    return int(value) if value == int(value) and match.group(3) != "" and "." not in text else value


def unescape(raw):
    """A text as meant."""
    named = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
    return re.sub(r"\\(.)", lambda match: named.get(match.group(1), match.group(0)), raw, flags=re.S)


class Words:
    """The words of a stage, read from the left."""

    def __init__(self, found):
        self.found = found
        self.place = 0

    def peek(self, ahead=0):
        place = self.place + ahead
        return self.found[place] if place < len(self.found) else Word("end", "")

    def next(self):
        word = self.peek()
        self.place += 1
        return word

    def is_word(self, *texts, ahead=0):
        word = self.peek(ahead)
        return word.kind == "name" and word.text.lower() in texts

    def take_word(self, *texts):
        if self.is_word(*texts):
            self.place += 1
            return True
        return False

    def is_symbol(self, *symbols, ahead=0):
        word = self.peek(ahead)
        return word.kind == "symbol" and word.text in symbols

    def take_symbol(self, *symbols):
        if self.is_symbol(*symbols):
            self.place += 1
            return True
        return False

    def expect(self, symbol):
        if not self.take_symbol(symbol):
            raise Unsupported(f"{self.peek()} instead of {symbol}")

    def name(self):
        word = self.next()
        if word.kind in ("name", "quoted"):
            return word.text
        if word == ("symbol", "%") and self.peek().kind == "name":
            return self.next().text
        raise Unsupported(f"{word} instead of a name")

    def names(self):
        names = [self.name()]
        while self.take_symbol(","):
            names.append(self.name())
        return names

    def text(self):
        word = self.next()
        if word.kind != "text":
            raise Unsupported(f"{word} instead of a text")
        return word.text

    def alias(self):
        return self.name() if self.take_word("as") else None

    def is_done(self):
        return self.place >= len(self.found)

    def finish(self):
        if not self.is_done():
            raise Unsupported(f"{self.peek()} at the end of a stage")
