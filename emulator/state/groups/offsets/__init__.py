"""Offsets that groups committed.

`committed` and `pending` are the tables (of commits that count, and of those whose transaction is open), `commits` what
requests do to them, `retention` what age does, `records` what of it lasts.
"""
