"""What goes wrong outside the program, done on purpose: nothing wrong may be taken for right, nothing may fail mute."""
