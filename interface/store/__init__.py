"""Every table, migration and SQL statement of the product; keys and encryption at rest."""
