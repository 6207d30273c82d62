"""docs/control.md and docs/metrics.md, written from the tables of routes and of metrics."""

from emulator.apps.control.metrics import METRICS
from emulator.apps.control.routes import routes

_HEAD = """\
# The control API

Every server answers it over a Unix socket that only its user may open: `kafka-emulator status` and the other commands are
made of it. With `--control 127.0.0.1:8080` (or `control.listen: 127.0.0.1:8080` in config.yaml) it is there over HTTP, too, for tests in any
language and for a browser:

```
kafka-emulator --control 127.0.0.1:8080
curl http://127.0.0.1:8080/topics
curl -H 'Content-Type: application/json' -d '{"name": "orders", "partitions": 6}' http://127.0.0.1:8080/topics
```

- Answers are JSON. What a POST needs comes as a JSON object with `Content-Type: application/json`; names that are not known
  are refused. An error is `{"error": "why, in one line"}` under its status: 400 for what makes no sense, 404 for what is not there, 409
  for what cannot be as things are.
- Whoever reaches the port may do everything there. On a loopback address that is everybody on the machine, unless it has a token; on any
  other address it always has one, and each request says it: `Authorization: Bearer TOKEN` (the scheme `token` of the OpenAPI document;
  401 otherwise). Only the console's own files are there without. [Where it comes from](security.md#control-port).
- Pages of other sites are refused (by Host, Origin and Sec-Fetch-Site).
- A request has at most 8 MiB and comes within 10 s; there are at most 64 clients at a time.
- `GET /openapi.json` describes all of it for programs (OpenAPI 3.1). The same for readers follows; this page is written by `tools/control`.
"""


_METRICS_HEAD = """\
# Metrics

With a control port (`--control 127.0.0.1:8080`) Prometheus finds metrics at `/metrics` there; a port with a token is told it
(`authorization: {credentials_file: ...}`). `--metrics HOST:PORT` (`metrics.listen`) is a port where there are `/metrics` and `/health` alone,
for whoever asks:

```
scrape_configs:
  - job_name: kafka-emulator
    static_configs:
      - targets: [127.0.0.1:8080]
```

What begins with `kafka_` alone has the names and labels of [kafka_exporter](https://github.com/danielqsj/kafka_exporter), what begins with
`process_` those of Prometheus's own clients: dashboards and alerts that are made for them work, and can be tested here.
Requests are counted from when such a port is open (or, without one, from when `/metrics` is first asked for over the control socket);
before that nothing on a request's way knows of them. A topic that is deleted, a group that is gone have no samples any more.

| metric | kind | labels | what it is |
|---|---|---|---|
"""


def metrics_reference():
    """docs/metrics.md."""
    rows = [f"| `{one.name}` | {one.kind} | {', '.join(f'`{label}`' for label in one.labels)} | {one.about} |\n" for one in METRICS]
    return _METRICS_HEAD + "".join(rows)


def reference():
    """docs/control.md."""
    parts = [_HEAD]
    family = None
    for route in routes(0, None):
        here = route.path.split("/")[1].removeprefix("console")
        if here != family:
            family = here
            parts.append(f"## {family}\n" if family else "## The console\n")
        parts.append(_entry(route))
    return "\n".join(parts)


def _entry(route):
    lines = [f"### {route.method} {route.path}\n", f"{route.summary[0].upper()}{route.summary[1:]}.\n"]
    if route.fields:
        lines += [_line(name, schema, "default" in schema) for name, schema in route.fields.items()]
        lines.append("")
    if route.answer is None:
        lines.append(f"Answers with {route.kind}.\n")
    else:
        lines += ["Answers:\n", *_nested(route.answer, "")]
        lines.append("")
    return "\n".join(lines)


def _line(name, schema, may_be_left_out):
    default = f" (default {_shown(schema['default'])})" if may_be_left_out else ""
    return f"- `{name}`: {_kind(schema)}{schema['description']}{default}"


def _shown(value):
    return "none" if value is None else f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`"


def _kind(schema):
    kinds = schema.get("type", [])
    words = [kinds] if isinstance(kinds, str) else list(kinds)
    words = [*(f"one of {', '.join(map(str, schema['enum']))}" if word == "string" and "enum" in schema else word for word in words)]
    return f"{' or '.join(words)}, " if words else ""


def _nested(schema, indent):
    while schema.get("type") == "array":
        schema = schema["items"]
    if "properties" not in schema:
        return [] if indent else [f"- {_kind(schema)}{schema.get('description', '')}"]
    lines = []
    for name, field in schema["properties"].items():
        lines.append(f"{indent}- `{name}`: {_kind(field)}{field.get('description', '')}{' (may be absent)' if 'default' in field else ''}")
        lines += _nested(field, indent + "  ")
    return lines
