"""The declarative mapping: one YAML file per part of the request, code tables in tables/."""
