"""Pure tensor mathematics, without data sets, models of our own or I/O."""
