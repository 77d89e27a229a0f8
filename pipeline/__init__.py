"""One file a DVC stage: read, call, write. The only code that knows paths and params."""
