"""The small pieces that every panel is made of. They know colours and words, and nothing of the service."""
