"""From an experiment to tasks: every problem before anything is trained, and how long it will take."""
