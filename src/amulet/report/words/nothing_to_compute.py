"""What a run says that finds all results in the store."""

from typing import Final

NOTHING_TO_COMPUTE: Final = "Nothing to compute: the store has it all."
