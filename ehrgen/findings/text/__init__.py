"""The reports in Markdown."""
