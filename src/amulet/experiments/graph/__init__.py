"""Tasks, what they give, where it is kept, and what computes them."""
