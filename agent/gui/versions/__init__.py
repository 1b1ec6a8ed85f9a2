"""Versions of a processflow: who deployed what, what differs, and the way back."""
