"""All routes: a family's file has its own as ROUTES, and is named here."""

from emulator.apps.control import brokers, clock, configs, events, groups, metrics, partitions, records, requests, snapshots, status, topics, upkeep

FAMILIES = (topics, records, partitions, groups, configs, brokers, clock, snapshots, requests, events, metrics, upkeep)


def routes(started, stop):
    """See status.py for what is asked."""
    return (*status.routes(started, stop), *(route for family in FAMILIES for route in family.ROUTES))
