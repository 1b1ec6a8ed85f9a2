"""Settings, built from the service's declarations; Enable Environment; the vault; about this agent."""
