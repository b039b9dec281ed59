"""Changes of inputs that change decisions: norm balls, the attacks that search them, and distances to the boundary."""
