"""`python -m amulet`, which is the command `amulet`, where that is not on the path."""

from amulet.cli.commands import app

if __name__ == "__main__":
    app(prog_name="amulet")
