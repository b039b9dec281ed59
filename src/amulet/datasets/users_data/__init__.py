"""Data of the user's own: from columns, arrays and tables to valid records, every problem told together."""
