"""Numbers, verdicts and gates of an assessment, and the files that hold them."""
