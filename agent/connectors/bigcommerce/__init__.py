"""BigCommerce: customers, orders, catalogue, stock and what hangs on them, read and written in both account kinds."""
