"""Runs, what each stream has received, and when runs start by themselves."""
