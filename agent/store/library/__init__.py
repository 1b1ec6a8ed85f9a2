"""What processflows are made with, as rows."""
