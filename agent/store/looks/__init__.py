"""What is kept for a look into what a run did, or would do."""
