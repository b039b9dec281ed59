"""One trained model under every attack and audit that needs no training."""
