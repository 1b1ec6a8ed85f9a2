"""Events of other applications: the listener, and the runs that they start."""
