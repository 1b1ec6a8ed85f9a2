"""What an app is asked for: filters, ids and the plans of runs."""
