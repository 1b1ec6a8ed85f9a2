"""Where a processflow receives events: its URL, what senders sign with, and what has arrived."""
