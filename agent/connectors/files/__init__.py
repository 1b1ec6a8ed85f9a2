"""Files in a folder: CSV, JSON, JSON Lines and XML, read once each and written whole or not at all."""
