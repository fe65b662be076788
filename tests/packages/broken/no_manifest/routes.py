"""There is no agent.yaml beside it."""
