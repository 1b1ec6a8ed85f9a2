"""Runs that read something out of turn: the Execute once dialog."""
