"""How does it learn? The only room that imports torch and transformers."""
