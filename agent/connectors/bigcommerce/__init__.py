"""BigCommerce: customers, orders, the catalogue, stock and what hangs on them, read and written in both account kinds."""
