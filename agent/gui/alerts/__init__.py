"""What needs a person: the list of alerts, each with the way to its cure."""
