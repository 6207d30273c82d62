"""DescribeAcls, CreateAcls, DeleteAcls (AclApis); without an authorizer there is no security to speak of."""

from itertools import groupby

from emulator.api.authorized import CLUSTER_NAME
from emulator.api.registry import handles
from emulator.state.acls import ANY, MATCH, UNKNOWN, Acl, Filter
from wire import errors
from wire.apis.acls import CreateAcls, DeleteAcls, DescribeAcls
from wire.errors import KafkaError

_CLUSTER = 4  # ResourceType
_DISABLED = "No Authorizer is configured."
_REFUSED = "Cluster authorization failed."

_Resource = DescribeAcls.Response.Resources
_Created = CreateAcls.Response.Results
_Deleted = DeleteAcls.Response.FilterResults


def _refusal(operation, call, settings):
    """(error, message) for a client to whom nothing is said, or None."""
    if not call.allowed(operation, "cluster", CLUSTER_NAME):
        return errors.CLUSTER_AUTHORIZATION_FAILED, _REFUSED
    if not settings.authorizer_class_name:
        return errors.SECURITY_DISABLED, _DISABLED
    return None


def _filter(one):
    return Filter(
        one.resource_type_filter, one.resource_name_filter, one.pattern_type_filter,
        one.principal_filter, one.host_filter, one.operation, one.permission_type,
    )  # fmt: skip


def _refuse_unknown(call, things):
    """Kafka does not read a request that has UNKNOWN, by its number, in it."""
    for one in things:
        if UNKNOWN in (one.resource_type, one.pattern_type, one.operation, one.permission_type):
            call.close("An ACL request contains UNKNOWN elements")


@handles(DescribeAcls)
def describe_acls(request, call, acls, settings):
    wanted = _filter(request)
    _refuse_unknown(call, [wanted])
    refused = _refusal("describe", call, settings)
    if refused:
        error, message = refused
        if error == errors.SECURITY_DISABLED:
            message = "No Authorizer is configured on the broker"
        return DescribeAcls.reply(error_code=error, error_message=message)
    resources = []
    for (kind, name, pattern), found in groupby(acls.find(wanted), lambda acl: acl[:3]):
        entries = [_Resource.Acls(principal=a.principal, host=a.host, operation=a.operation, permission_type=a.permission_type) for a in found]
        resources.append(_Resource(resource_type=kind, resource_name=name, pattern_type=pattern, acls=entries))
    return DescribeAcls.reply(error_message="", resources=resources)


@handles(CreateAcls)
def create_acls(request, call, acls, settings):
    asked = [
        Acl(one.resource_type, one.resource_name, one.resource_pattern_type, one.principal, one.host, one.operation, one.permission_type)
        for one in request.creations
    ]
    _refuse_unknown(call, asked)
    refused = _refusal("alter", call, settings)
    if refused is None and any(_ambiguous(acl) for acl in asked):
        refused = errors.UNKNOWN_SERVER_ERROR, None  # Kafka stumbles over them all
    if refused:
        return CreateAcls.reply(results=[_Created(error_code=refused[0], error_message=refused[1]) for _ in asked])
    outcome = {acl: problem for acl in asked if (problem := _name_problem(acl))}
    valid = [acl for acl in asked if acl not in outcome]
    try:
        outcome.update(zip(valid, acls.create(valid)))
    except KafkaError as error:
        outcome.update(dict.fromkeys(valid, error))
    return CreateAcls.reply(results=[_result(_Created(error_message=""), outcome[acl]) for acl in asked])


def _ambiguous(acl):
    return ANY in (acl.resource_type, acl.pattern_type, acl.operation, acl.permission_type) or acl.pattern_type == MATCH


def _name_problem(acl):
    if acl.resource_type == _CLUSTER and acl.resource_name != CLUSTER_NAME:
        return KafkaError(errors.INVALID_REQUEST, f"The only valid name for the CLUSTER resource is {CLUSTER_NAME}")
    if not acl.resource_name:
        return KafkaError(errors.INVALID_REQUEST, "Invalid empty resource name")
    return None


def _result(result, error):
    if error is not None:
        result.error_code, result.error_message = error.error, error.message
    return result


@handles(DeleteAcls)
def delete_acls(request, call, acls, settings):
    filters = [_filter(one) for one in request.filters]
    _refuse_unknown(call, filters)
    refused = _refusal("alter", call, settings)
    try:
        if refused:
            raise KafkaError(*refused)
        found = acls.delete(filters)
    except KafkaError as error:
        found = [error] * len(filters)
    return DeleteAcls.reply(filter_results=[_deletion(one) for one in found])


def _deletion(found):
    if isinstance(found, KafkaError):
        return _result(_Deleted(error_message=None), found)
    matching = [_Deleted.MatchingAcls(error_message=None, **acl._asdict()) for acl in found]
    return _Deleted(error_message=None, matching_acls=matching)
