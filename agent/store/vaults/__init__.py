"""Secrets: the vault, what is sealed, and what keeps secrets out of everything else."""
