"""Tryton as an app: parties, products, stock, sales and shipments, over its JSON-RPC."""
