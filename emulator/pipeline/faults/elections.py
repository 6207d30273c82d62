"""ElectLeaders of all partitions: to refuse one of them, they must be named."""

from copy import copy

from wire import errors
from wire.apis.topics import ElectLeaders

_Asked = ElectLeaders.Request.TopicPartitions


def name_all(request, known):
    """A request that names what it means; as it is where that is not known, or said."""
    partitions = known.partitions() if request.topic_partitions is None else None
    if partitions is None:
        return request
    request = copy(request)
    request.topic_partitions = [_Asked(topic=topic, partitions=list(range(count))) for topic, count in partitions.items()]
    return request


def leave_out_the_needless(response):
    """Who asks for all is told of those only for which there was something to do."""
    for topic in response.replica_election_results:
        topic.partition_result = [one for one in topic.partition_result if one.error_code != errors.ELECTION_NOT_NEEDED]
    response.replica_election_results = [topic for topic in response.replica_election_results if topic.partition_result]
