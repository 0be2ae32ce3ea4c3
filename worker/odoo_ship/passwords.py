"""Passwords of Odoo's users."""

import secrets


def of_a_user(size):
    """At random from `size` bytes, and with one of each kind of character that the usual policies ask for."""
    return f"{secrets.token_urlsafe(size)}-aA1"
