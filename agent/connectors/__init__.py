"""One folder per app, each unaware of the others, and the contract that all of them keep."""
