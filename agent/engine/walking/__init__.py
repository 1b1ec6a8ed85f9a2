"""Packets on their way from node to node, and what is noted of it."""
