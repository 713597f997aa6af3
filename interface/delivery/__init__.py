"""Pure decisions of delivery: verdicts and the retry schedule."""
