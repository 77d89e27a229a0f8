"""How do the stages run? Side by side, with what they wait for first, and one line for what became of each."""
