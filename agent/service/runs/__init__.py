"""Runs: who starts them, when, and the engine that makes them durable."""
