"""This emulator, Apache Kafka and kfake side by side on the same work: `python -m benchmarks`."""
