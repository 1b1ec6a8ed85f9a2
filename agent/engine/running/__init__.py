"""Runs a deployed processflow: fetching, delivering, booking."""
