"""The contract between the service and its clients: its models, its end point on disk, and the one typed client."""
