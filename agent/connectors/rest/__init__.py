"""Any REST service as an app, as a description of it says."""
