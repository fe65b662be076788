"""Is fine; requirements.txt is not."""


def mount(app):
    """Needs nothing."""
