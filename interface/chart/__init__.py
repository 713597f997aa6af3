"""What is known of a patient, and what follows from it: decisions and open requests."""
