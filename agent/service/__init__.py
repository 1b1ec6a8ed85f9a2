"""The service: a headless process that owns the vault, the store and every run, and answers the contract on loopback."""
