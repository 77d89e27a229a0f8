"""What can be minimised: one pure function a loss."""
