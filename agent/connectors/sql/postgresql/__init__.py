"""PostgreSQL: what is its own of reading and writing, behind `agent.connectors.sql.dialect`."""
