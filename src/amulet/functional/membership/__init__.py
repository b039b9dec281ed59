"""How likely a record was in the training data: signals of one model, and likelihoods over many."""
