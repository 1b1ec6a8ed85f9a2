"""Runs one processflow: documents and their check, filters, mapping, the pipeline, and what is booked when."""
