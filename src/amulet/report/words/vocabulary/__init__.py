"""Names, numbers and settings as text: the words that all sentences of the report share."""
