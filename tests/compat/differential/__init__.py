"""The same random requests to Apache Kafka and to the emulator, every field of the answers compared.

`values.py` draws requests, `pairs.py` knows which of one server's ids stands for which of the other's,
`answers.py` compares, `duel.py` plays the rounds.
"""
