"""A whole matrix in words: its order, its cells at a glance, its headlines, its pairs of defenses."""
