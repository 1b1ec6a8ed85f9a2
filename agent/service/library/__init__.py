"""What processflows are made with: functions, lookup tables, filter templates, variables."""
