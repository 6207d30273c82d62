"""Metrics that clients push (KIP-714)."""

from ..schema import api
from ..types import array, bool_, bytes_, int16, int32, int8, string, uuid

GetTelemetrySubscriptions = api(71, "GetTelemetrySubscriptions", "0", flexible="0+",
    request=["client_instance_id" / uuid],
    response=[
        "throttle_time_ms" / int32,
        "error_code" / int16,
        "client_instance_id" / uuid,
        "subscription_id" / int32,
        "accepted_compression_types" / array(int8),
        "push_interval_ms" / int32,
        "telemetry_max_bytes" / int32,
        "delta_temporality" / bool_,
        "requested_metrics" / array(string),
    ])


PushTelemetry = api(72, "PushTelemetry", "0", flexible="0+",
    request=[
        "client_instance_id" / uuid,
        "subscription_id" / int32,
        "terminating" / bool_,
        "compression_type" / int8,
        "metrics" / bytes_,
    ],
    response=["throttle_time_ms" / int32, "error_code" / int16])
