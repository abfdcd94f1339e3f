//! What a question means: syntax, operators, plan, scan, running searches.
