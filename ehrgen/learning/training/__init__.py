"""From a recipe to a trained model and its history."""
