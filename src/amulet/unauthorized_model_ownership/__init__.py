"""M2: unauthorized model ownership."""
