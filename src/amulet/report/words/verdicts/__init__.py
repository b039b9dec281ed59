"""One verdict in words: how it reads at a glance, in sentences, and what it depends on."""
