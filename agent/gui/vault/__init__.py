"""The vault on screen: one line where it matters, and one dialog that sets it up or unlocks it."""
