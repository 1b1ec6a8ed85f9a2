"""Packages and the library: export, import, and deploy what packages brought."""
