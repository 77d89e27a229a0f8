"""Which metrics there are, and their numbers as files."""
