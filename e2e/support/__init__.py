"""What the end-to-end tests stand on: a real server process, a model's double, a ledger outside, and short words for AWS's calls."""
