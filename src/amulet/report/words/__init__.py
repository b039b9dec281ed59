"""What the report says: names, numbers and verdicts as text, and the order in which they are read."""
