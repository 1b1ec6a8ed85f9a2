"""Processflows: deploy, execute, cancel, progress, last result."""
