"""The report as HTML, as Markdown and in a terminal: of an assessment (matrix) and of two models (pair)."""
