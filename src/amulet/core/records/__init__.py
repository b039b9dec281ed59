"""What is known of records beside their values: their columns, checks, outlines, and synthetic ones."""
