"""Values and what is computed of them.

Whatever is read from a message is a text; a text counts as a number where a number is needed.
"""

import math
import re
import urllib.parse
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal

from . import Unsupported
from .words import number, unescape


def as_number(value):
    """The value as a number, or None."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        return value
    text = value.strip()
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text):
        return None
    return int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)


def as_text(value):
    """The value as it is shown."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if value == int(value) and abs(value) < 1e7:
            return str(int(value))
        return repr(value)
    return str(value)


def glob(pattern):
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*")), re.S)


def regex(pattern, flags=0):
    """A Java pattern as a Python one."""
    text = pattern.replace("(?<", "(?P<").replace("(?P<=", "(?<=").replace("(?P<!", "(?<!")
    # Flags in the middle hold from there on; Python wants them around something.
    if match := re.search(r"\(\?i\)", text):
        before, after = text[: match.start()], text[match.end() :]
        if before == "":
            text, flags = after, flags | re.I
        elif before.count("(") - before.count("\\(") == before.count(")") - before.count("\\)"):
            text = f"{before}(?i:{after})"
        else:
            raise Unsupported("a flag inside a group")
    text = text.replace("\\/", "/").replace('\\"', '"')
    try:
        return re.compile(text, flags | re.A)
    except re.error as error:
        raise Unsupported(f"the pattern {pattern}: {error}") from error


class Parser:
    """Reads an expression and returns a function of a row."""

    def __init__(self, words, query):
        self.words = words
        self.query = query

    def whole(self):
        condition = self.either()
        if self.words.take_symbol("?"):
            then = self.whole()
            self.words.expect(":")
            otherwise = self.whole()
            return lambda row: then(row) if condition(row) is True else otherwise(row)
        return condition

    def either(self):
        parts = [self.both()]
        while self.words.take_word("or") or self.words.take_symbol("||"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else lambda row: any_of([truth(part(row)) for part in parts])

    def both(self):
        parts = [self.negated()]
        while self.words.take_word("and") or self.words.take_symbol("&&"):
            parts.append(self.negated())
        return parts[0] if len(parts) == 1 else lambda row: all_of([truth(part(row)) for part in parts])

    def negated(self):
        if self.words.take_word("not") or self.words.take_symbol("!"):
            part = self.negated()
            return lambda row: None if truth(part(row)) is None else not truth(part(row))
        return self.compared()

    def compared(self):
        left = self.summed()
        words = self.words
        if words.is_symbol("=", "==", "!=", "<>", "<", "<=", ">", ">="):
            operator = words.next().text
            is_constant = words.peek().kind == "text"
            right = self.summed()
            return lambda row: compare(operator, left(row), right(row), is_constant)
        if words.is_word("matches"):
            words.next()
            if words.peek().kind == "regex":
                pattern = regex(words.next().text)
                return lambda row: None if left(row) is None else bool(pattern.search(as_text(left(row))))
            right = self.summed()

            def matches(row):
                text, pattern = as_text(left(row)), as_text(right(row))
                return None if text is None or pattern is None else bool(glob(pattern).fullmatch(text))

            return matches
        if words.take_word("contains"):
            right = self.summed()
            return lambda row: contains(left(row), right(row))
        if words.is_word("in") or words.is_word("not") and words.is_word("in", ahead=1):
            negates = words.take_word("not")
            words.next()
            return self.listed(left, negates)
        return left

    def listed(self, left, negates):
        self.words.expect("(")
        items = [self.summed()]
        while self.words.take_symbol(","):
            items.append(self.summed())
        self.words.expect(")")

        def is_listed(row):
            value = left(row)
            if value is None:
                return None
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                found = any(as_number(item(row)) == value for item in items)
            else:
                found = any(as_text(item(row)) == as_text(value) for item in items)
            return found != negates

        return is_listed

    def summed(self):
        left = self.multiplied()
        while self.words.is_symbol("+", "-"):
            left = arithmetic(self.words.next().text, left, self.multiplied())
        return left

    def multiplied(self):
        left = self.signed()
        while self.words.is_symbol("*", "/", "%"):
            left = arithmetic(self.words.next().text, left, self.signed())
        return left

    def signed(self):
        if self.words.take_symbol("-"):
            part = self.signed()
            return lambda row: None if as_number(part(row)) is None else -as_number(part(row))
        if self.words.take_symbol("!"):
            part = self.signed()
            return lambda row: None if truth(part(row)) is None else not truth(part(row))
        return self.single()

    def single(self):
        words = self.words
        word = words.peek()
        if word.kind == "text":
            value = unescape(words.next().text)
            return lambda row: value
        if word.kind == "number":
            value = number(words.next().text)
            return lambda row: value
        if word.kind == "subquery":
            rows = self.query.subquery(words.next().text)
            return lambda row: any(
                all(as_text(row.get(name)) == as_text(value) for name, value in keys.items()) for keys in rows
            )
        if words.take_symbol("("):
            inside = self.whole()
            words.expect(")")
            return inside
        if word.kind == "name" and words.is_symbol("(", ahead=1):
            return self.call()
        if words.take_word("true"):
            return lambda row: True
        if words.take_word("false"):
            return lambda row: False
        if words.take_word("null"):
            return lambda row: None
        return self.query.field(words.name())

    def call(self):
        name = self.words.next().text
        self.words.expect("(")
        arguments, patterns = [], []
        while not self.words.take_symbol(")"):
            if self.words.peek().kind == "regex":
                patterns.append(self.words.next().text)
                arguments.append(None)
            else:
                arguments.append(self.whole())
            if not self.words.is_symbol(")"):
                self.words.expect(",")
        if name.lower() == "if":
            condition, then, otherwise = arguments
            return lambda row: then(row) if condition(row) is True else otherwise(row)
        if name.lower() == "replace" and patterns:
            pattern, replacement = regex(patterns[0]), arguments[2]
            return lambda row: replaced(arguments[0](row), pattern, replacement(row))
        function = FUNCTIONS.get(name.lower())
        if function is None or patterns:
            raise Unsupported(f"the function {name}")
        query = self.query
        return lambda row: function(query, *[argument(row) for argument in arguments])


def truth(value):
    if value is None or isinstance(value, bool):
        return value
    raise Unsupported(f"{value!r} as a condition")


def any_of(values):
    return True if True in values else None if None in values else False


def all_of(values):
    return False if False in values else None if None in values else True


def compare(operator, left, right, is_text_constant):
    if left is None or right is None:
        return None
    if isinstance(left, bool) or isinstance(right, bool):
        left, right = as_text(left), as_text(right)
    numbers = (as_number(left), as_number(right))
    is_number = isinstance(left, (int, float)) or isinstance(right, (int, float))
    if not is_text_constant and not is_number and None not in numbers:
        is_number = True
    if is_number:
        if None in numbers:
            return None
        left, right = numbers
    return {
        "=": left == right, "==": left == right, "!=": left != right, "<>": left != right,
        "<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right,
    }[operator]


def arithmetic(operator, left, right):
    def compute(row):
        a, b = as_number(left(row)), as_number(right(row))
        if a is None or b is None:
            return None
        if operator == "+":
            return a + b
        if operator == "-":
            return a - b
        if operator == "*":
            return a * b
        if operator == "%":
            return math.fmod(a, b) if b else None
        if b == 0:
            return math.nan if a == 0 else math.copysign(math.inf, a)
        return a / b

    return compute


def contains(text, part):
    return None if text is None or part is None else as_text(part) in as_text(text)


def replaced(text, pattern, replacement):
    if text is None or replacement is None:
        return None
    template = re.sub(r"\$\{(\w+)\}|\$(\d)", lambda found: f"\\g<{found.group(1) or found.group(2)}>", replacement)
    return pattern.sub(template, as_text(text))


def java_format(query, pattern, *values):
    """`String.format` for %s, %d and %f with width, precision, `,`, `0` and `-`."""
    if any(value is None for value in values):
        return None
    left = list(values)

    def one(match):
        flags, width, precision, kind = match.groups()
        if kind in "%n":
            return {"%": "%", "n": "\n"}[kind]
        value = left.pop(0)
        if kind == "s":
            text = as_text(value)
        else:
            amount = as_number(value)
            if amount is None:
                raise Unsupported("a text in a numeric format")
            digits = int((precision or (".6" if kind == "f" else ".0"))[1:])
            if kind == "d" and amount != int(amount):
                raise Unsupported("a fraction in %d")
            exact = Decimal(repr(amount)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
            text = f"{exact:{',' if ',' in flags else ''}f}"
        if "-" in flags:
            return text.ljust(int(width or 0))
        return text.rjust(int(width or 0), "0" if "0" in flags else " ")

    return re.sub(r"%([-,0+ ]*)(\d*)(\.\d+)?([sdfn%])", one, pattern)


def format_date(query, ms, pattern="MM/dd/yyyy hh:mm:ss a Z", zone="UTC"):
    if as_number(ms) is None:
        return None
    if zone not in ("UTC", "Etc/UTC", "GMT"):
        import zoneinfo

        moment = datetime.fromtimestamp(as_number(ms) / 1000, zoneinfo.ZoneInfo(zone))
    else:
        moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=as_number(ms))
    out = []
    for match in re.finditer(r"'([^']*)'|(([A-Za-z])\3*)|([^A-Za-z']+)", pattern):
        quoted, run, letter, other = match.groups()
        out.append(quoted if quoted is not None else other if other is not None else date_part(moment, letter, len(run)))
    return "".join(out)


def date_part(moment, letter, length):
    padded = {"d": moment.day, "H": moment.hour, "h": moment.hour % 12 or 12, "m": moment.minute, "s": moment.second}
    if letter in padded:
        return str(padded[letter]).zfill(length)
    if letter in "yY":
        return str(moment.year)[-2:] if length == 2 else str(moment.year).zfill(length)
    if letter == "M":
        if length >= 3:
            return moment.strftime("%b" if length == 3 else "%B")
        return str(moment.month).zfill(length)
    if letter == "S":
        return str(moment.microsecond // 1000).zfill(length)
    if letter == "a":
        return moment.strftime("%p")
    if letter == "E":
        return moment.strftime("%a" if length <= 3 else "%A")
    if letter == "Z":
        return moment.strftime("%z")
    raise Unsupported(f"the letter {letter} of a date")


def text_function(function):
    def applied(query, value, *rest):
        return None if value is None or None in rest else function(as_text(value), *rest)

    return applied


def number_function(function):
    def applied(query, value, *rest):
        amount = as_number(value)
        return None if amount is None else function(amount, *[as_number(more) for more in rest])

    return applied


def rounded(value, digits=0):
    result = Decimal(repr(value)).quantize(Decimal(1).scaleb(-int(digits)), ROUND_HALF_UP)
    return float(result)


def is_ipv4(text):
    parts = (text or "").split(".")
    return len(parts) == 4 and all(part.isdigit() and len(part) < 4 and int(part) < 256 for part in parts)


def ipv4(text):
    a, b, c, d = (int(part) for part in text.split("."))
    return ((a * 256 + b) * 256 + c) * 256 + d


def in_network(text, network, bits):
    shift = 32 - int(bits)
    return ipv4(text) >> shift == ipv4(network) >> shift


def is_private(query, value):
    text = as_text(value)
    if not is_ipv4(text):
        return None
    networks = [("10.0.0.0", 8), ("172.16.0.0", 12), ("192.168.0.0", 16), ("127.0.0.0", 8), ("169.254.0.0", 16)]
    return any(in_network(text, *network) for network in networks)


def substring(text, start, end=None):
    return text[int(start) : None if end is None else int(end)]


def is_empty(query, value):
    return value is None or value == ""


FUNCTIONS = {
    "isnull": lambda query, value: value is None,
    "isempty": is_empty,
    "isblank": lambda query, value: value is None or as_text(value).strip() == "",
    "isnumeric": lambda query, value: as_number(value) is not None,
    "concat": lambda query, *values: "".join(as_text(value) or "" for value in values),
    "contains": lambda query, text, part: contains(text, part),
    "tolowercase": text_function(str.lower), "lower": text_function(str.lower),
    "touppercase": text_function(str.upper), "upper": text_function(str.upper),
    "trim": text_function(str.strip),
    "length": text_function(len),
    "substring": text_function(substring),
    "replace": lambda query, text, old, new: None if None in (text, old, new) else as_text(text).replace(old, new),
    "urldecode": text_function(urllib.parse.unquote_plus),
    "urlencode": text_function(urllib.parse.quote_plus),
    "num": number_function(float), "number": number_function(float), "todouble": number_function(float),
    "double": number_function(float), "tonumber": number_function(float),
    "toint": number_function(int), "int": number_function(int), "tolong": number_function(int), "long": number_function(int),
    "tostring": lambda query, value: as_text(value),
    "abs": number_function(abs), "floor": number_function(math.floor), "ceil": number_function(math.ceil),
    "sqrt": number_function(math.sqrt), "pow": number_function(math.pow), "log": number_function(math.log),
    "round": number_function(rounded),
    "format": java_format,
    "formatdate": format_date,
    "fromseconds": number_function(lambda value: value * 1000), "frommillis": number_function(lambda value: value),
    "tomillis": number_function(lambda value: value),
    "querystarttime": lambda query: query.start_ms,
    "queryendtime": lambda query: query.end_ms,
    "querytimerange": lambda query: query.end_ms - query.start_ms,
    "isprivateip": is_private,
    "ispublicip": lambda query, value: None if is_private(query, value) is None else not is_private(query, value),
    "isvalidipv4": lambda query, value: None if value is None else is_ipv4(as_text(value)),
    "comparecidrprefix": lambda query, a, b, bits: None if None in (a, b) else in_network(a, b, bits),
    "ipv4tonumber": text_function(lambda text: ipv4(text) if is_ipv4(text) else None),
    "tourl": lambda query, url, label=None: None if url is None else f"[{label or url}]({url})",
}
