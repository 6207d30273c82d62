"""`kafka-emulator mirror`: a consumer of one cluster and a producer to another, with a bounded queue between them.

names.py says which topics and what they are called there; batches.py makes what was fetched fit to be produced; connection.py and
cluster.py are a client of Kafka's protocol. topics.py keeps topics, partitions and configs alike; marks.py has what has been copied and
where topics come from, circles.py what follows of that, offset_map.py and groups.py have consumer groups follow; partition.py, fetcher.py
and sender.py copy, at least once as producers.py has it, exactly once as transactions.py, which asks coordinators.py. mirror.py is the
whole, command.py what the user sees.
"""
