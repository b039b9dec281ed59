"""Charts of the report: Vega-Lite specifications, trade-offs, and the small strips inside table cells."""
