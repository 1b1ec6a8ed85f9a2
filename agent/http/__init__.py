"""How we talk to apps over HTTP: the client, one table from its failures to our errors, pacing and retry."""
