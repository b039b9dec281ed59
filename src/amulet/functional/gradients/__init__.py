"""Gradients of single records: clipped sums as in DP-SGD, attributions, and curvature."""
