"""Log, snapshots, budgets, settings: what keeps the agent in order."""
