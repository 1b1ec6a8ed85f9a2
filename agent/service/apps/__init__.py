"""App Configurations: forms, tests, trips, and what processflows have of them."""
