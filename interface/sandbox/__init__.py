"""The simulated API: judges every request by the contract files."""
