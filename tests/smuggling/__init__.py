"""Requests and answers that two servers may read differently."""
