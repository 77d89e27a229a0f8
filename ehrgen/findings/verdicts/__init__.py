"""What the numbers say of a loss, and of a sentence of the analysis."""
