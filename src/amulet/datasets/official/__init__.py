"""Official files of data sets: where they lie, how they are loaded, checked, read and kept."""
