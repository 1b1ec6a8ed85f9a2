"""Where the vault's key can come from. A person chooses, never the program; each knows whether it works."""
