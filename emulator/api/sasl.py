"""Authentication: what is asked before a client is authenticated, and what afterwards; SCRAM credentials."""

from emulator.api.authorized import CLUSTER_NAME
from emulator.api.api_versions import api_versions
from emulator.api.registry import HANDLERS, Handler, handles
from emulator.state.sasl.exchange import IllegalState
from emulator.state.sasl.mechanism import AuthenticationFailed
from wire import errors
from wire.apis.metadata import ApiVersions
from wire.apis.sasl import AlterUserScramCredentials, DescribeUserScramCredentials, SaslAuthenticate, SaslHandshake

_REFUSED = "Cluster authorization failed."


@handles(SaslHandshake)
def sasl_handshake(request, call):
    return SaslHandshake.reply(error_code=errors.ILLEGAL_SASL_STATE)


@handles(SaslAuthenticate)
def sasl_authenticate(request, call):
    return SaslAuthenticate.reply(
        error_code=errors.ILLEGAL_SASL_STATE, error_message="SaslAuthenticate request received after successful authentication"
    )


# -- before a client is authenticated (SaslServerAuthenticator) ---------------------------------------


def _versions(request, call, cluster, features, telemetry, served):
    response = api_versions(request, call, cluster, features, telemetry, served)
    _in_turn(call, call.exchange.versions, bool(response.error_code))
    return response


def _handshake(request, call):
    error = _in_turn(call, call.exchange.handshake, request.mechanism, call.version)
    if error:
        call.after_failure()
    return SaslHandshake.reply(error_code=error, mechanisms=call.exchange.enabled)


def _authenticate(request, call):
    try:
        told, lifetime_ms = _in_turn(call, call.exchange.token, bytes(request.auth_bytes), call.now)
    except AuthenticationFailed as failed:
        call.after_failure()
        return SaslAuthenticate.reply(error_code=errors.SASL_AUTHENTICATION_FAILED, error_message=failed.message)
    return SaslAuthenticate.reply(error_message="", auth_bytes=told, session_lifetime_ms=lifetime_ms)


def _in_turn(call, ask, *arguments):
    try:
        return ask(*arguments)
    except IllegalState as illegal:
        call.close(str(illegal))


# What may come before a token, and what brings one.
OPENING = {
    ApiVersions.key: Handler(ApiVersions, _versions, None, HANDLERS[ApiVersions.key].advertised),
    SaslHandshake.key: Handler(SaslHandshake, _handshake, None, None),
}
TOKENS = {SaslAuthenticate.key: Handler(SaslAuthenticate, _authenticate, None, None)}

@handles(DescribeUserScramCredentials)
def describe_user_scram_credentials(request, call, scram):
    Result = DescribeUserScramCredentials.Response.Results
    if not call.allowed("describe", "cluster", CLUSTER_NAME):
        return DescribeUserScramCredentials.reply(
            error_code=errors.CLUSTER_AUTHORIZATION_FAILED,
            error_message=None,
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
