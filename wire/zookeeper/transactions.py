"""Transactions, as ZooKeeper's logs and proposals have them: a header, a record by the header's type, sometimes a digest."""

from ..jute import boolean, buffer, int32, long, record, string, vector
from ..types import Malformed
from . import client
from .client import ACL

TxnHeader = record("TxnHeader", "client_id" / long, "cxid" / int32, "zxid" / long, "time" / long, "type" / int32)
CreateTxn = record("CreateTxn", "path" / string, "data" / buffer, "acl" / vector(ACL), "ephemeral" / boolean,
                   "parent_cversion" / int32)
CreateTTLTxn = record("CreateTTLTxn", "path" / string, "data" / buffer, "acl" / vector(ACL), "parent_cversion" / int32,
                      "ttl" / long)
CreateContainerTxn = record("CreateContainerTxn", "path" / string, "data" / buffer, "acl" / vector(ACL),
                            "parent_cversion" / int32)
DeleteTxn = record("DeleteTxn", "path" / string)
SetDataTxn = record("SetDataTxn", "path" / string, "data" / buffer, "version" / int32)
SetACLTxn = record("SetACLTxn", "path" / string, "acl" / vector(ACL), "version" / int32)
CheckVersionTxn = record("CheckVersionTxn", "path" / string, "version" / int32)
CreateSessionTxn = record("CreateSessionTxn", "timeout" / int32)
CloseSessionTxn = record("CloseSessionTxn", "paths" / vector(string))
ErrorTxn = record("ErrorTxn", "err" / int32)
Txn = record("Txn", "type" / int32, "data" / buffer)
MultiTxn = record("MultiTxn", "txns" / vector(Txn))

TXNS = {
    client.CREATE: CreateTxn, client.CREATE2: CreateTxn, client.CREATE_TTL: CreateTTLTxn,
    client.CREATE_CONTAINER: CreateContainerTxn, client.DELETE: DeleteTxn, client.DELETE_CONTAINER: DeleteTxn,
    client.SET_DATA: SetDataTxn, client.RECONFIG: SetDataTxn, client.SET_ACL: SetACLTxn, client.CHECK: CheckVersionTxn,
    client.CREATE_SESSION: CreateSessionTxn, client.CLOSE_SESSION: CloseSessionTxn, client.ERROR: ErrorTxn,
    client.MULTI: MultiTxn,
}


def parse_txn(octets):
    """(TxnHeader, record); a digest behind it is left alone. Raises Malformed."""
    header, position = TxnHeader.parse(octets)
    kind = TXNS.get(header.type)
    if kind is None:
        raise Malformed("txn", position, f"no transaction is of type {header.type}")
    if kind is CloseSessionTxn and len(octets) - position < 4:
        return header, CloseSessionTxn([])
    return header, kind.parse(octets, position)[0]


def parse_part(txn):
    """The record of one Txn of a MultiTxn."""
    kind = TXNS.get(txn.type)
    if kind is None:
        raise Malformed("txn", 0, f"no transaction is of type {txn.type}")
    return kind.parse(txn.data)[0]
