"""On what a training runs: device, precision, processes."""
