"""GetTelemetrySubscriptions, PushTelemetry (KIP-714): served always, advertised when somebody takes what is pushed."""

from emulator.api.registry import handles
from emulator.state.telemetry import ACCEPTED_COMPRESSION
from wire.apis.telemetry import GetTelemetrySubscriptions, PushTelemetry
from wire.errors import KafkaError


@handles(GetTelemetrySubscriptions)
def get_telemetry_subscriptions(request, call, telemetry):
    try:
        client_instance_id, subscription_id, metrics, interval_ms = telemetry.subscribe(request.client_instance_id, call)
    except KafkaError as error:
        return GetTelemetrySubscriptions.reply(error_code=error.error)
    return GetTelemetrySubscriptions.reply(
        client_instance_id=client_instance_id,
        subscription_id=subscription_id,
        accepted_compression_types=ACCEPTED_COMPRESSION,
        push_interval_ms=interval_ms,
        telemetry_max_bytes=telemetry.max_bytes,
        delta_temporality=True,
        requested_metrics=metrics,
    )


@handles(PushTelemetry)
def push_telemetry(request, call, telemetry):
    try:
        telemetry.push(request, call)
    except KafkaError as error:
        return PushTelemetry.reply(error_code=error.error)
    return PushTelemetry.reply()
