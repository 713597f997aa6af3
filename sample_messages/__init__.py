"""Made-up messages and what `explain --json` must say of each within its story."""
