"""What earlier releases of Kafka served: the highest version of each API, and the features (`--as-version 3.7`).

Versions that 4.3.1 itself no longer defines (Fetch 0 to 3, JoinGroup of 3.x ...) are not to be had: of each API those are
served that both releases know. Facts from the brokers themselves, in KRaft mode: 3.3.2, 3.4.1, 3.5.2, 3.6.2, 3.7.2, 3.8.1, 3.9.1,
4.0.1, 4.1.0, 4.2.0 (tests/api/released.txt has what they advertise). Those before 3.3 had ZooKeeper: what its brokers listened to
by the message definitions inside kafka-clients 3.0.2, 3.1.2 and 3.2.3, but for a last version that is unstable. Between the two, some
APIs (delegation tokens, SCRAM) were away for a while.
"""

from emulator.state import features
from emulator.state.features import ELIGIBLE_LEADER_REPLICAS, GROUP, KRAFT, METADATA, SHARE, STREAMS, TRANSACTION

# Highest versions; "." where there was no such API. An API that is not here is as in 4.3.1 in all of them.
_TABLE = """
#                                   3.0  3.1  3.2  3.3  3.4  3.5  3.6  3.7  3.8  3.9  4.0  4.1  4.2  4.3
0   Produce                           9    9    9    9    9    9    9   10   11   11   12   13   13   13
1   Fetch                            12   13   13   13   13   15   15   16   16   17   17   18   18   18
2   ListOffsets                       7    7    7    7    7    8    8    8    8    9   10   10   11   11
3   Metadata                         11   12   12   12   12   12   12   12   12   12   13   13   13   13
8   OffsetCommit                      8    8    8    8    8    8    8    9    9    9    9    9   10   10
9   OffsetFetch                       8    8    8    8    8    8    8    9    9    9    9    9   10   10
10  FindCoordinator                   4    4    4    4    4    4    4    4    5    6    6    6    6    6
11  JoinGroup                         7    7    9    9    9    9    9    9    9    9    9    9    9    9
13  LeaveGroup                        4    4    5    5    5    5    5    5    5    5    5    5    5    5
15  DescribeGroups                    5    5    5    5    5    5    5    5    5    5    6    6    6    6
16  ListGroups                        4    4    4    4    4    4    4    4    5    5    5    5    5    5
18  ApiVersions                       3    3    3    3    3    3    3    3    3    4    4    4    4    4
22  InitProducerId                    4    4    4    4    4    4    4    4    5    5    5    5    5    5
24  AddPartitionsToTxn                3    3    3    3    3    3    4    4    5    5    5    5    5    5
25  AddOffsetsToTxn                   3    3    3    3    3    3    3    3    4    4    4    4    4    4
26  EndTxn                            3    3    3    3    3    3    3    3    4    4    5    5    5    5
27  WriteTxnMarkers                   1    1    1    1    1    1    1    1    1    1    1    1    2    2
28  TxnOffsetCommit                   3    3    3    3    3    3    3    3    4    4    5    5    5    5
29  DescribeAcls                      2    2    2    3    3    3    3    3    3    3    3    3    3    3
30  CreateAcls                        2    2    2    3    3    3    3    3    3    3    3    3    3    3
31  DeleteAcls                        2    2    2    3    3    3    3    3    3    3    3    3    3    3
35  DescribeLogDirs                   2    2    3    4    4    4    4    4    4    4    4    4    4    5
38  CreateDelegationToken             2    2    2    .    .    .    3    3    3    3    3    3    3    3
39  RenewDelegationToken              2    2    2    .    .    .    2    2    2    2    2    2    2    2
40  ExpireDelegationToken             2    2    2    .    .    .    2    2    2    2    2    2    2    2
41  DescribeDelegationToken           2    2    2    .    .    .    3    3    3    3    3    3    3    3
45  AlterPartitionReassignments       0    0    0    0    0    0    0    0    0    0    0    1    1    1
50  DescribeUserScramCredentials      0    0    0    .    .    0    0    0    0    0    0    0    0    0
51  AlterUserScramCredentials         0    0    0    .    .    0    0    0    0    0    0    0    0    0
55  DescribeQuorum                    .    .    .    1    1    1    1    1    1    2    2    2    2    2
57  UpdateFeatures                    0    0    0    1    1    1    1    1    1    1    2    2    2    2
60  DescribeCluster                   0    0    0    0    0    0    0    1    1    1    2    2    2    2
64  UnregisterBroker                  .    .    .    0    0    0    0    0    0    0    0    0    0    0
66  ListTransactions                  0    0    0    0    0    0    0    0    1    1    1    2    2    2
68  ConsumerGroupHeartbeat            .    .    .    .    .    .    .    0    0    0    1    1    1    1
69  ConsumerGroupDescribe             .    .    .    .    .    .    .    .    0    0    1    1    1    1
71  GetTelemetrySubscriptions         .    .    .    .    .    .    .    0    0    0    0    0    0    0
72  PushTelemetry                     .    .    .    .    .    .    .    0    0    0    0    0    0    0
74  ListConfigResources               .    .    .    .    .    .    .    0    0    0    0    1    1    1
75  DescribeTopicPartitions           .    .    .    .    .    .    .    .    0    0    0    0    0    0
76  ShareGroupHeartbeat               .    .    .    .    .    .    .    .    .    .    .    1    1    1
77  ShareGroupDescribe                .    .    .    .    .    .    .    .    .    .    .    1    1    1
78  ShareFetch                        .    .    .    .    .    .    .    .    .    .    .    1    2    2
79  ShareAcknowledge                  .    .    .    .    .    .    .    .    .    .    .    1    2    2
80  AddRaftVoter                      .    .    .    .    .    .    .    .    .    0    0    0    1    1
81  RemoveRaftVoter                   .    .    .    .    .    .    .    .    .    0    0    0    0    0
83  InitializeShareGroupState         .    .    .    .    .    .    .    .    .    .    .    0    0    0
84  ReadShareGroupState               .    .    .    .    .    .    .    .    .    .    .    0    0    0
85  WriteShareGroupState              .    .    .    .    .    .    .    .    .    .    .    0    1    1
86  DeleteShareGroupState             .    .    .    .    .    .    .    .    .    .    .    0    0    0
87  ReadShareGroupStateSummary        .    .    .    .    .    .    .    .    .    .    .    0    1    1
88  StreamsGroupHeartbeat             .    .    .    .    .    .    .    .    .    .    .    .    0    0
89  StreamsGroupDescribe              .    .    .    .    .    .    .    .    .    .    .    .    0    0
90  DescribeShareGroupOffsets         .    .    .    .    .    .    .    .    .    .    .    0    1    1
91  AlterShareGroupOffsets            .    .    .    .    .    .    .    .    .    .    .    0    0    0
92  DeleteShareGroupOffsets           .    .    .    .    .    .    .    .    .    .    .    0    0    0
"""

# The level of metadata.version; those before 3.3 had no such feature.
_METADATA = {
    "3.3": 7, "3.4": 8, "3.5": 11, "3.6": 14, "3.7": 19, "3.8": 20, "3.9": 21, "4.0": 25, "4.1": 27, "4.2": 29, "4.3": 30,
}  # fmt: skip
_SINCE = {KRAFT: "3.9", GROUP: "4.0", TRANSACTION: "4.0", ELIGIBLE_LEADER_REPLICAS: "4.0", SHARE: "4.1", STREAMS: "4.2"}
_FINALIZED_SINCE = {GROUP: "4.0", TRANSACTION: "4.0", ELIGIBLE_LEADER_REPLICAS: "4.1", SHARE: "4.2", STREAMS: "4.2"}

_HEAD, *_ROWS = [line.split() for line in _TABLE.strip().splitlines()]
RELEASES = tuple(_HEAD[1:])
LATEST = RELEASES[-1]


def versions(release):
    """{api key: highest version or None for no such API} of those that are not as in 4.3.1."""
    column = 2 + RELEASES.index(release)
    return {int(row[0]): None if row[column] == "." else int(row[column]) for row in _ROWS}


def supported(release):
    """{feature: (lowest, highest, finalized level)} as emulator.state.features has it for 4.3.1."""
    at = RELEASES.index(release)
    found = {}
    for name, (lowest, highest, level) in features.SUPPORTED.items():
        if name == METADATA:
            if release in _METADATA:
                found[name] = (lowest if release >= "4.0" else 1, _METADATA[release], _METADATA[release])
        elif RELEASES.index(_SINCE[name]) <= at:
            finalized = name in _FINALIZED_SINCE and RELEASES.index(_FINALIZED_SINCE[name]) <= at
            found[name] = (lowest, highest, level if finalized else 0)
    return found


def limited(handlers, release):
    """Those of `handlers` ({api key: Handler}) that `release` had, with the versions that both know."""
    highest = versions(release)
    found = {}
    for key, handler in handlers.items():
        most = highest.get(key, handler.max_version)
        if most is not None and most >= handler.min_version:
            found[key] = handler.up_to(most)
    return found
