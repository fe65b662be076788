"""Imports what nobody installed."""

import there_is_no_such_module


def mount(app):
    """Is never reached."""
    there_is_no_such_module.mount(app)
