"""The log: written, kept within its budget, read and searched."""
