"""What did we find? Arithmetic on results."""
