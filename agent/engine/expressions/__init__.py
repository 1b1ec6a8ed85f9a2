"""JSONata expressions, what they may name, and the functions that they have."""
