"""CreateDelegationToken, RenewDelegationToken, ExpireDelegationToken, DescribeDelegationToken (KIP-48, KIP-373).

Only who has proved to be somebody gets one, and not with a token: Kafka looks at that before it looks whether there are any.
Source: KafkaApis and ControllerApis of 4.3.1.
"""

from emulator.api.registry import handles
from emulator.state.principals import ANONYMOUS, USER, Principal
from wire import errors
from wire.apis.delegation_tokens import CreateDelegationToken, DescribeDelegationToken, ExpireDelegationToken, RenewDelegationToken
from wire.errors import KafkaError

_NOT_ALLOWED = errors.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED


@handles(CreateDelegationToken)
def create_delegation_token(request, call, delegation_tokens):
    requester = owner = call.principal
    if request.owner_principal_name:  # v3+: for somebody else
        if request.owner_principal_type is None:
            return _not_created(call, errors.UNKNOWN_SERVER_ERROR, ANONYMOUS, ANONYMOUS)
        owner = Principal(request.owner_principal_type, request.owner_principal_name)
    renewers = [Principal(one.principal_type, one.principal_name) for one in request.renewers]
    if not _may_ask(call):
        return _not_created(call, _NOT_ALLOWED, owner, requester)
    if owner != requester and not call.allowed("create_tokens", "user", str(owner)):
        return _not_created(call, errors.DELEGATION_TOKEN_AUTHORIZATION_FAILED, owner, requester)
    if any(renewer.type != USER for renewer in renewers):
        return _not_created(call, errors.INVALID_PRINCIPAL_TYPE, owner, requester)
    try:
        token = delegation_tokens.create(owner, requester, renewers, request.max_lifetime_ms)
    except KafkaError as error:
        return _created(call, owner, requester, error_code=error.error)
    return _created(
        call,
        owner,
        requester,
        issue_timestamp_ms=token.issued,
        expiry_timestamp_ms=token.expiry,
        max_timestamp_ms=token.max,
        token_id=token.id,
        hmac=delegation_tokens.hmac(token.id),
    )


def _not_created(call, error, owner, requester):
    """What a broker refuses has no times; where its controller does they are 0."""
    return _created(call, owner, requester, error_code=error, issue_timestamp_ms=-1, expiry_timestamp_ms=-1, max_timestamp_ms=-1)


def _created(call, owner, requester, **fields):
    reply = CreateDelegationToken.reply(principal_type=owner.type, principal_name=owner.name, **fields)
    if call.version >= 3:
        reply.token_requester_principal_type, reply.token_requester_principal_name = requester.type, requester.name
    return reply


@handles(RenewDelegationToken)
def renew_delegation_token(request, call, delegation_tokens):
    return _changed(RenewDelegationToken, call, lambda: delegation_tokens.renew(call.principal, request.hmac, request.renew_period_ms))


@handles(ExpireDelegationToken)
def expire_delegation_token(request, call, delegation_tokens):
    return _changed(ExpireDelegationToken, call, lambda: delegation_tokens.expire(call.principal, request.hmac, request.expiry_time_period_ms))


def _changed(api, call, change):
    if not _may_ask(call):
        return api.reply(error_code=_NOT_ALLOWED, expiry_timestamp_ms=-1)
    try:
        return api.reply(expiry_timestamp_ms=change())
    except KafkaError as error:
        return api.reply(error_code=error.error)


@handles(DescribeDelegationToken)
def describe_delegation_token(request, call, delegation_tokens):
    """Owners None: those of everybody; without ACLs one sees those that one owns, asked for or may renew."""
    if not _may_ask(call):
        return DescribeDelegationToken.reply(error_code=_NOT_ALLOWED)
    try:
        tokens = delegation_tokens.all()
    except KafkaError as error:
        return DescribeDelegationToken.reply(error_code=error.error)
    owners = request.owners and [Principal(one.principal_type, one.principal_name) for one in request.owners]

    def shown(token):
        if owners is not None and not any(map(token.concerns, owners)):
            return False
        return (
            token.concerns(call.principal)
            or call.may("describe", "delegation_token", token.id)
            or call.may("describe_tokens", "user", str(token.owner))
        )

    return DescribeDelegationToken.reply(tokens=[_described(token, call, delegation_tokens) for token in tokens if shown(token)])


def _described(token, call, delegation_tokens):
    Token = DescribeDelegationToken.Response.Tokens
    told = Token(
        principal_type=token.owner.type,
        principal_name=token.owner.name,
        issue_timestamp=token.issued,
        expiry_timestamp=token.expiry,
        max_timestamp=token.max,
        token_id=token.id,
        hmac=delegation_tokens.hmac(token.id),
        renewers=[Token.Renewers(principal_type=one.type, principal_name=one.name) for one in token.renewers],
    )
    if call.version >= 3:
        told.token_requester_principal_type, told.token_requester_principal_name = token.requester.type, token.requester.name
    return told


def _may_ask(call):
    protocol = call.security_protocol
    return not (call.principal.by_token or protocol == "PLAINTEXT" or protocol == "SSL" and call.principal == ANONYMOUS)
