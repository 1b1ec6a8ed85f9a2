"""Received events, and where they are received."""
