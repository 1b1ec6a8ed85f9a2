"""Processflows: testing, deploying, versions, samples."""
