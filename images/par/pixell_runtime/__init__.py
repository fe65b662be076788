"""`python -m pixell_runtime`: the start command of earlier images."""
