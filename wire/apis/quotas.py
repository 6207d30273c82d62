"""Client quotas (KIP-546)."""

from ..schema import api
from ..types import array, bool_, float64, int16, int32, int8, string

DescribeClientQuotas = api(48, "DescribeClientQuotas", "0-1", flexible="1+",
    request=[
        "components" / array("entity_type" / string, "match_type" / int8, "match" / string(nullable="0+")),
        "strict" / bool_,
    ],
    response=[
        "throttle_time_ms" / int32,
        "error_code" / int16,
        "error_message" / string(nullable="0+"),
        "entries" / array(
            "entity" / array("entity_type" / string, "entity_name" / string(nullable="0+")),
            "values" / array("key" / string, "value" / float64),
            nullable="0+"),
    ])


AlterClientQuotas = api(49, "AlterClientQuotas", "0-1", flexible="1+",
    request=[
        "entries" / array(
            "entity" / array("entity_type" / string, "entity_name" / string(nullable="0+")),
            "ops" / array("key" / string, "value" / float64, "remove" / bool_)),
        "validate_only" / bool_,
    ],
    response=[
        "throttle_time_ms" / int32,
        "entries" / array(
            "error_code" / int16,
            "error_message" / string(nullable="0+"),
            "entity" / array("entity_type" / string, "entity_name" / string(nullable="0+"))),
    ])
