"""DescribeClientQuotas, AlterClientQuotas (KIP-546); what they do to requests is the pipeline's business."""

from emulator.api.authorized import CLUSTER_NAME
from emulator.api.registry import handles
from emulator.state.quotas.entities import as_requested, entity_of, in_order
from wire import errors
from wire.apis.quotas import AlterClientQuotas, DescribeClientQuotas
from wire.errors import KafkaError

_Entry = DescribeClientQuotas.Response.Entries
_Altered = AlterClientQuotas.Response.Entries


@handles(DescribeClientQuotas)
def describe_client_quotas(request, call, client_quotas):
    try:
        if not call.allowed("describe_configs", "cluster", CLUSTER_NAME):
            raise KafkaError(errors.CLUSTER_AUTHORIZATION_FAILED)
        found = client_quotas.describe([(one.entity_type, one.match_type, one.match) for one in request.components], request.strict)
    except KafkaError as error:
        return DescribeClientQuotas.reply(error_code=error.error, error_message=error.message, entries=None)
    entries = [
        _Entry(entity=_named(_Entry, in_order(entity)), values=[_Entry.Values(key=key, value=value) for key, value in values]) for entity, values in found
    ]
    return DescribeClientQuotas.reply(error_message="", entries=entries)


@handles(AlterClientQuotas)
def alter_client_quotas(request, call, client_quotas):
    alterations = [
        (
            entity_of((one.entity_type, one.entity_name) for one in entry.entity),
            [(operation.key, None if operation.remove else operation.value) for operation in entry.ops],
        )
        for entry in request.entries
    ]
    if call.allowed("alter_configs", "cluster", CLUSTER_NAME):
        results = client_quotas.alter(alterations, request.validate_only)
    else:
        refused = KafkaError(errors.CLUSTER_AUTHORIZATION_FAILED, "Cluster authorization failed.")
        results = [(entity, refused) for entity, _ in alterations]
    return AlterClientQuotas.reply(entries=[_result(entity, error) for entity, error in results])


def _named(Entry, pairs):
    return [Entry.Entity(entity_type=kind, entity_name=name) for kind, name in pairs]


def _result(entity, error):
    result = _Altered(error_message=None, entity=_named(_Altered, as_requested(entity)))
    if error is not None:
        result.error_code, result.error_message = error.error, error.message
    return result
