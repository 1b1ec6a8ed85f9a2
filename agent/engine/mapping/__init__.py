"""From source records to destination records."""
