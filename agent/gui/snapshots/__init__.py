"""What runs did: the runs of a processflow node by node, record by record, packet by packet; a record's history."""
