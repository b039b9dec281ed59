"""Executors, which compute jobs: in this process, in worker processes of this machine, or on a cluster."""
