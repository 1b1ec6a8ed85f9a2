"""What the agent keeps: its database, log, packets, settings and the vault. All of it takes its paths from outside."""
