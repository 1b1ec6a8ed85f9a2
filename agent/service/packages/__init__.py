"""Packages: processflows with all that they need, in one file."""
