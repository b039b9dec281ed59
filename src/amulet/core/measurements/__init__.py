"""What is measured of an outcome beside single numbers: intervals, values by group, curves and images."""
