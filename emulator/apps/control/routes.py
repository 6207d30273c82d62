"""All routes: a family's file has its own as ROUTES, and is named here."""

from emulator.apps.control import brokers, clock, configs, counts, events, faults, groups, metrics, partitions, records, requests, snapshots, status, topics, upkeep, web, zookeeper

FAMILIES = (topics, records, partitions, groups, configs, brokers, clock, faults, snapshots, requests, counts, events, metrics, zookeeper, upkeep, web)


def routes(started, stop):
    """See status.py for what is asked."""
    return (*status.routes(started, stop), *(route for family in FAMILIES for route in family.ROUTES))
