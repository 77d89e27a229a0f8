"""How good are the patients it makes? Never sees a model."""
