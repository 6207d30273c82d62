"""Authentication: SASL handshakes, SCRAM credentials (KIP-554)."""

from ..schema import api
from ..types import array, bytes_, int16, int32, int64, int8, string

SaslHandshake = api(17, "SaslHandshake", "0-1",
    request=["mechanism" / string],
    response=["error_code" / int16, "mechanisms" / array(string)])


SaslAuthenticate = api(36, "SaslAuthenticate", "0-2", flexible="2+",
    request=["auth_bytes" / bytes_],
    response=[
        "error_code" / int16,
        "error_message" / string(nullable="0+"),
        "auth_bytes" / bytes_,
        "session_lifetime_ms" / int64("1+", ignorable=True),
    ])


DescribeUserScramCredentials = api(50, "DescribeUserScramCredentials", "0", flexible="0+",
    request=["users" / array("name" / string, nullable="0+")],
    response=[
        "throttle_time_ms" / int32,
        "error_code" / int16,
        "error_message" / string(nullable="0+"),
        "results" / array(
            "user" / string,
            "error_code" / int16,
            "error_message" / string(nullable="0+"),
            "credential_infos" / array("mechanism" / int8, "iterations" / int32)),
    ])


AlterUserScramCredentials = api(51, "AlterUserScramCredentials", "0", flexible="0+",
    request=[
        "deletions" / array("name" / string, "mechanism" / int8),
        "upsertions" / array(
            "name" / string,
            "mechanism" / int8,
            "iterations" / int32,
            "salt" / bytes_,
            "salted_password" / bytes_),
    ],
    response=[
        "throttle_time_ms" / int32,
        "results" / array("user" / string, "error_code" / int16, "error_message" / string(nullable="0+")),
    ])
