"""Authentication by SASL as it takes place on a connection: who may say what when, and what each mechanism makes of it.

`exchange.py` first. `mechanisms.py` is the table of the mechanisms; what each is made of is in a file of its own.
"""
