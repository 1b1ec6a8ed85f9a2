"""A store to try things out on, a program of its own: it knows nothing of the agent, and the agent nothing of it."""
