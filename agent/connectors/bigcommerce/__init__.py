"""BigCommerce: customers and orders are read, the stock of products is written."""
