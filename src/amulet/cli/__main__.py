"""`python -m amulet.cli`, where the command is not on the path."""

from amulet.cli.commands import app

if __name__ == "__main__":
    app()
