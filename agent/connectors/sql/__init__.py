"""A SQL database as an app: rows are written into tables and read from tables, views and queries."""
