"""Has everything but the function that the manifest names."""


def mounted(app):
    """Is not called mount."""
