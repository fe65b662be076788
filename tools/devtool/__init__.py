"""What `./dev` does, one module per task."""
