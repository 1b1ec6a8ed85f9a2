"""Processflow documents: their form, and what a deployed one is turned into."""
