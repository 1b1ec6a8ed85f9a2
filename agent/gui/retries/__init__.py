"""When failed records are tried again by themselves: the Retry dialog."""
