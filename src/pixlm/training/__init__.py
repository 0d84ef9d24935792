"""How it is learnt: run configurations, the training loop, checkpoints."""
