"""What somebody is called for: conditions, when each begins and ends, what is said of it, who is told again. Pure."""
