"""From a trained model to patients, and what it thinks of real ones."""
