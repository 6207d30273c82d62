"""Authentication as far as a plaintext listener has it: SCRAM credentials are kept; handshakes and tokens are refused.

Kafka refuses delegation tokens on PLAINTEXT before it looks whether they are on (KafkaApis.allowTokenRequests).
"""

from emulator.api.authorized import CLUSTER_NAME
from emulator.api.registry import handles
from wire import errors
from wire.apis.sasl import (
    AlterUserScramCredentials, CreateDelegationToken, DescribeDelegationToken, DescribeUserScramCredentials,
    ExpireDelegationToken, RenewDelegationToken, SaslAuthenticate, SaslHandshake,
)  # fmt: skip

_USER, _ANONYMOUS = "User", "ANONYMOUS"  # who everybody is on a plaintext listener
_REFUSED = "Cluster authorization failed."


@handles(SaslHandshake)
def sasl_handshake(request, call):
    return SaslHandshake.reply(error_code=errors.ILLEGAL_SASL_STATE)


@handles(SaslAuthenticate)
def sasl_authenticate(request, call):
    return SaslAuthenticate.reply(
        error_code=errors.ILLEGAL_SASL_STATE, error_message="SaslAuthenticate request received after successful authentication"
    )


@handles(CreateDelegationToken)
def create_delegation_token(request, call):
    reply = CreateDelegationToken.reply(
        error_code=errors.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED,
        principal_type=_USER,
        principal_name=_ANONYMOUS,
        issue_timestamp_ms=-1,
        expiry_timestamp_ms=-1,
        max_timestamp_ms=-1,
    )
    if call.version >= 3:  # v3+: a token for somebody else (KIP-373)
        reply.token_requester_principal_type, reply.token_requester_principal_name = _USER, _ANONYMOUS
        if request.owner_principal_name:
            if request.owner_principal_type is None:
                reply.error_code = errors.UNKNOWN_SERVER_ERROR  # a principal without a type
            else:
                reply.principal_type, reply.principal_name = request.owner_principal_type, request.owner_principal_name
    return reply


@handles(RenewDelegationToken)
def renew_delegation_token(request, call):
    return RenewDelegationToken.reply(error_code=errors.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, expiry_timestamp_ms=-1)


@handles(ExpireDelegationToken)
def expire_delegation_token(request, call):
    return ExpireDelegationToken.reply(error_code=errors.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, expiry_timestamp_ms=-1)


@handles(DescribeDelegationToken)
def describe_delegation_token(request, call):
    return DescribeDelegationToken.reply(error_code=errors.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED)


@handles(DescribeUserScramCredentials)
def describe_user_scram_credentials(request, call, scram):
    Result = DescribeUserScramCredentials.Response.Results
    if not call.allowed("describe", "cluster", CLUSTER_NAME):
        return DescribeUserScramCredentials.reply(
            error_code=errors.CLUSTER_AUTHORIZATION_FAILED,
            results=[Result(error_code=errors.CLUSTER_AUTHORIZATION_FAILED, error_message=None) for _ in request.users or ()],
        )
    results = []
    for user, found in scram.describe(request.users and [user.name for user in request.users]):
        result = Result(user=user, error_message="")
        if isinstance(found, list):
            result.credential_infos = [Result.CredentialInfos(mechanism=number, iterations=count) for number, count in found]
        else:
            result.error_code, result.error_message = found.error, found.message
        results.append(result)
    return DescribeUserScramCredentials.reply(error_message="", results=results)


@handles(AlterUserScramCredentials)
def alter_user_scram_credentials(request, call, scram):
    Result = AlterUserScramCredentials.Response.Results
    deletions = [(one.name, one.mechanism) for one in request.deletions]
    upsertions = [(one.name, one.mechanism, one.iterations, bytes(one.salt), bytes(one.salted_password)) for one in request.upsertions]
    if not call.allowed("alter", "cluster", CLUSTER_NAME):
        users = sorted({user for user, *_ in deletions + upsertions})
        return AlterUserScramCredentials.reply(
            results=[Result(user=user, error_code=errors.CLUSTER_AUTHORIZATION_FAILED, error_message=_REFUSED) for user in users]
        )
    results = []
    for user, error in scram.alter(deletions, upsertions):
        result = Result(user=user, error_message=None)
        if error is not None:
            result.error_code, result.error_message = error.error, error.message
        results.append(result)
    return AlterUserScramCredentials.reply(results=results)
