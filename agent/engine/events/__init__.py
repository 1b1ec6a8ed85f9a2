"""Received events as a source, and what their senders are answered with."""
