"""What is shown to the vendor, and to who leads a site there: completeness, proof of sharing, the steps. Pure."""
