"""The files of results: their formats, checks, older versions, and the manifest beside them."""
