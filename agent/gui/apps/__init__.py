"""App Configurations: a card per app, and the credential form."""
