"""Configurations of topics, brokers, groups and client metrics."""

from ..schema import api
from ..types import array, bool_, int16, int32, int8, string

DescribeConfigs = api(32, "DescribeConfigs", "1-4", flexible="4+",
    request=[
        "resources" / array(
            "resource_type" / int8,
            "resource_name" / string,
            "configuration_keys" / array(string, nullable="0+")),
        "include_synonyms" / bool_,
        "include_documentation" / bool_("3+"),
    ],
    response=[
        "throttle_time_ms" / int32,
        "results" / array(
            "error_code" / int16,
            "error_message" / string(nullable="0+"),
            "resource_type" / int8,
            "resource_name" / string,
            "configs" / array(
                "name" / string,
                "value" / string(nullable="0+"),
                "read_only" / bool_,
                "config_source" / int8(default=-1, ignorable=True),
                "is_sensitive" / bool_,
                "synonyms" / array(
                    "name" / string,
                    "value" / string(nullable="0+"),
                    "source" / int8,
                    ignorable=True),
                "config_type" / int8("3+", ignorable=True),
                "documentation" / string("3+", nullable="3+", ignorable=True))),
    ])


AlterConfigs = api(33, "AlterConfigs", "0-2", flexible="2+",
    request=[
        "resources" / array(
            "resource_type" / int8,
            "resource_name" / string,
            "configs" / array("name" / string, "value" / string(nullable="0+"))),
        "validate_only" / bool_,
    ],
    response=[
        "throttle_time_ms" / int32,
        "responses" / array(
            "error_code" / int16,
            "error_message" / string(nullable="0+"),
            "resource_type" / int8,
            "resource_name" / string),
    ])


IncrementalAlterConfigs = api(44, "IncrementalAlterConfigs", "0-1", flexible="1+",
    request=[
        "resources" / array(
            "resource_type" / int8,
            "resource_name" / string,
            "configs" / array("name" / string, "config_operation" / int8, "value" / string(nullable="0+"))),
        "validate_only" / bool_,
    ],
    response=[
        "throttle_time_ms" / int32,
        "responses" / array(
            "error_code" / int16,
            "error_message" / string(nullable="0+"),
            "resource_type" / int8,
            "resource_name" / string),
    ])


ListConfigResources = api(74, "ListConfigResources", "0-1", flexible="0+",
    request=["resource_types" / array("1+", int8)],
    response=[
        "throttle_time_ms" / int32,
        "error_code" / int16,
        "config_resources" / array(
            "resource_name" / string,
            "resource_type" / int8("1+", default=16, ignorable=True)),
    ])
