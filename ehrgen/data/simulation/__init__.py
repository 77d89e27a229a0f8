"""The simulated cohort, whose true distribution is known."""
