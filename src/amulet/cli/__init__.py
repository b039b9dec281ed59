"""The command. Heavy packages are imported where they are used, so that --help answers at once."""

from amulet.cli.commands import app

__all__ = ["app"]
