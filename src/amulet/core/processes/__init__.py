"""Worker processes, on this machine and on machines of a cluster."""
