"""The upkeep of a store: verify it, delete what is not needed, export results into one file and import them."""

from amulet.experiments.maintenance.archive import Exported, Imported, NotAnArchive, export_results, import_results
from amulet.experiments.maintenance.deletion import Unneeded, delete, unneeded
from amulet.experiments.maintenance.needed import devices_in, digests_needed
from amulet.experiments.maintenance.verification import Fault, Verification, verify_store

__all__ = [
    "Exported",
    "Fault",
    "Imported",
    "NotAnArchive",
    "Unneeded",
    "Verification",
    "delete",
    "devices_in",
    "digests_needed",
    "export_results",
    "import_results",
    "unneeded",
    "verify_store",
]
