"""What became of each record, and setting right by hand."""
