"""Reference generators, whose faults are known."""
