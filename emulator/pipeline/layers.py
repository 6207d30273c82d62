"""What a layer is: something around the requests of one broker, such as quotas or faults.

A layer has `order`, below; `wants(api, version)`, whether it is to see requests of that kind; and `wrap(route)`, which may put
another in the place of `route.parse(buffer, position) -> (request, end)`, `route.handle(request, call) -> response, or None
for no answer` and `route.build(response, out)`. It raises Refused to close the connection. What works on an answer's bytes
appends them to `call.out` by itself and gives None.

Dispatcher.add and .remove put a layer around the routes and take it away; a route is made anew whenever the layers change, so
that only what a layer wants passes through it.
"""

# From the handler outwards.
QUOTAS, FAULTS, RULES, REQUESTS, MEASURES = 0, 10, 20, 30, 40
