"""What the agent answers to other agents."""
