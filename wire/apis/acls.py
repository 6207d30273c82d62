"""Access control lists."""

from ..schema import api
from ..types import array, int16, int32, int8, string

DescribeAcls = api(29, "DescribeAcls", "1-3", flexible="2+",
    request=[
        "resource_type_filter" / int8,
        "resource_name_filter" / string(nullable="0+"),
        "pattern_type_filter" / int8(default=3),
        "principal_filter" / string(nullable="0+"),
        "host_filter" / string(nullable="0+"),
        "operation" / int8,
        "permission_type" / int8,
    ],
    response=[
        "throttle_time_ms" / int32,
        "error_code" / int16,
        "error_message" / string(nullable="0+"),
        "resources" / array(
            "resource_type" / int8,
            "resource_name" / string,
            "pattern_type" / int8(default=3),
            "acls" / array(
                "principal" / string,
                "host" / string,
                "operation" / int8,
                "permission_type" / int8)),
    ])


CreateAcls = api(30, "CreateAcls", "1-3", flexible="2+",
    request=[
        "creations" / array(
            "resource_type" / int8,
            "resource_name" / string,
            "resource_pattern_type" / int8(default=3),
            "principal" / string,
            "host" / string,
            "operation" / int8,
            "permission_type" / int8),
    ],
    response=[
        "throttle_time_ms" / int32,
        "results" / array("error_code" / int16, "error_message" / string(nullable="0+")),
    ])


DeleteAcls = api(31, "DeleteAcls", "1-3", flexible="2+",
    request=[
        "filters" / array(
            "resource_type_filter" / int8,
            "resource_name_filter" / string(nullable="0+"),
            "pattern_type_filter" / int8(default=3),
            "principal_filter" / string(nullable="0+"),
            "host_filter" / string(nullable="0+"),
            "operation" / int8,
            "permission_type" / int8),
    ],
    response=[
        "throttle_time_ms" / int32,
        "filter_results" / array(
            "error_code" / int16,
            "error_message" / string(nullable="0+"),
            "matching_acls" / array(
                "error_code" / int16,
                "error_message" / string(nullable="0+"),
                "resource_type" / int8,
                "resource_name" / string,
                "pattern_type" / int8(default=3),
                "principal" / string,
                "host" / string,
                "operation" / int8,
                "permission_type" / int8)),
    ])
