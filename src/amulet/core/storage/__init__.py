"""Files and folders: written whole or not at all, and what is kept of earlier runs."""
