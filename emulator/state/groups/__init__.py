"""Groups: who is in them, what they agreed on, and the offsets that they committed.

`classic` is one group of the classic protocol as a state machine, `members` its members and `sessions` their
deadlines, `messages` what it is asked and answers, `offsets` the committed offsets, and `coordinator` the one
door to all of them. `consumer/` has the groups of the consumer protocol, `assignors/` who gets which partitions there,
`topics` what groups know of topics, and `java` the order of Java's hash maps, on which Kafka's assignments hang.
"""
