"""The service: a headless process that owns vault, store and every run, and answers the contract on loopback."""
