"""Lookup tables: which value stands for which, edited, imported and exported."""
