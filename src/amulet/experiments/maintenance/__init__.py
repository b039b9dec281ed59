"""The upkeep of a store: its files are listed and verified."""

from amulet.experiments.maintenance.verification import Fault, Verification, verify_store

__all__ = ["Fault", "Verification", "verify_store"]
