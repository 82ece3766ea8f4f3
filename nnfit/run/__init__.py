"""One training run: a config becomes a model, with checkpoints on the way."""
