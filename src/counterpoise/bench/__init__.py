"""The benchmark: tables, protocols, methods, runs, and the tables of results made of them."""
