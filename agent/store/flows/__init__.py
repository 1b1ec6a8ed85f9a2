"""Deployed processflows, their versions and their history."""
