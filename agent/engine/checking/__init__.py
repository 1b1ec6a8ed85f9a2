"""Checks documents and library functions against what there is, before anything is deployed."""
