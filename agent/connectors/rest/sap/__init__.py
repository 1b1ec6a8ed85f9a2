"""SAP Business One, through its Service Layer: a REST service whose description is ours, with a form of its own."""
