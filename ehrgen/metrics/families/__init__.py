"""One family of metrics a file."""
