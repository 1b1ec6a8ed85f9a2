"""The operator's guide inside the window: F1 opens the page of the panel on show."""
