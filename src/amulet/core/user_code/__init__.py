"""Code that is not Amulet's own: how it is found, identified by its source, and called."""
