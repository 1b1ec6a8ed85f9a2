"""What a processflow remembers between its runs: bookmarks and variables."""
