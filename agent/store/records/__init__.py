"""What became of each record, and what people changed by hand."""
