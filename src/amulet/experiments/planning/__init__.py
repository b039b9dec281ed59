"""Plans: which tasks an experiment needs, what is wrong with it, and how long it will take."""
