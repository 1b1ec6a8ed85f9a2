"""The log: millions of lines, live, filtered in the service, with detail and copy."""
