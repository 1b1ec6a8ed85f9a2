"""Acme as an app: its customers are read and written."""
