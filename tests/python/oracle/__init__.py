"""A second, independent reading of the log query language, in plain Python.

It was written from the published descriptions of Sumo Logic's language and not from the engine's
code, to have something to hold the engine's answers against. It is slow, keeps everything in
memory, and refuses (`Unsupported`) what it does not know; where the answer is not determined
(rows that tie at a limit, say) it refuses, too (`Undetermined`).

`words` cuts a query, `expressions` computes, `scope` chooses events, `stages` and `grouping` are
the operators, `run` is a query from its text to rows, `pin` writes the answers down.
"""


class Unsupported(Exception):
    """The query uses something that is not known here."""


class Undetermined(Exception):
    """More than one answer would be right."""
