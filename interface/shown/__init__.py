"""What people get to see of what messages say: text that does no harm, values that tell nothing of a person."""
