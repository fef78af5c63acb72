"""A page of evidence on synthetic rows: one summary object, as HTML, Markdown and JSON."""
