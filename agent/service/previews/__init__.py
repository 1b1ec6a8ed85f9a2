"""Previews: each in a thread of its own, followed as it goes."""
