"""How it is learnt: run configurations, the runner on transformers' Trainer, checkpoints."""
