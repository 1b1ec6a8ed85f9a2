"""Sync Info: what became of each record of a processflow."""
