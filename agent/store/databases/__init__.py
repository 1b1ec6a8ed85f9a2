"""The agent's own database: where it is, its schema, who may use it, and what can go wrong with it."""
