"""What a pull request changes."""
