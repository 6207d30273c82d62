"""Delegation tokens (KIP-48, KIP-373)."""

from ..schema import api
from ..types import array, bytes_, int16, int32, int64, string

CreateDelegationToken = api(38, "CreateDelegationToken", "1-3", flexible="2+",
    request=[
        "owner_principal_type" / string("3+", nullable="3+"),
        "owner_principal_name" / string("3+", nullable="3+"),
        "renewers" / array("principal_type" / string, "principal_name" / string),
        "max_lifetime_ms" / int64,
    ],
    response=[
        "error_code" / int16,
        "principal_type" / string,
        "principal_name" / string,
        "token_requester_principal_type" / string("3+"),
        "token_requester_principal_name" / string("3+"),
        "issue_timestamp_ms" / int64,
        "expiry_timestamp_ms" / int64,
        "max_timestamp_ms" / int64,
        "token_id" / string,
        "hmac" / bytes_,
        "throttle_time_ms" / int32,
    ])


RenewDelegationToken = api(39, "RenewDelegationToken", "1-2", flexible="2+",
    request=["hmac" / bytes_, "renew_period_ms" / int64],
    response=["error_code" / int16, "expiry_timestamp_ms" / int64, "throttle_time_ms" / int32])


ExpireDelegationToken = api(40, "ExpireDelegationToken", "1-2", flexible="2+",
    request=["hmac" / bytes_, "expiry_time_period_ms" / int64],
    response=["error_code" / int16, "expiry_timestamp_ms" / int64, "throttle_time_ms" / int32])


DescribeDelegationToken = api(41, "DescribeDelegationToken", "1-3", flexible="2+",
    request=["owners" / array("principal_type" / string, "principal_name" / string, nullable="0+")],
    response=[
        "error_code" / int16,
        "tokens" / array(
            "principal_type" / string,
            "principal_name" / string,
            "token_requester_principal_type" / string("3+"),
            "token_requester_principal_name" / string("3+"),
            "issue_timestamp" / int64,
            "expiry_timestamp" / int64,
            "max_timestamp" / int64,
            "token_id" / string,
            "hmac" / bytes_,
            "renewers" / array("principal_type" / string, "principal_name" / string)),
        "throttle_time_ms" / int32,
    ])
