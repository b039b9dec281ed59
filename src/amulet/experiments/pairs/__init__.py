"""Two trained models compared on one set of records."""
