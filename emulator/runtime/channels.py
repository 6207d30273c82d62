"""How whoever comes to a listener is let in: by the listener's security protocol (ChannelBuilder, Authenticator).

What takes part has `begin(connection)`, called in order and in the connection's own greenlet, before the first request is read. It may
put another object in place of `connection.socket` (`recv`, `recv_into`, `send`, `sendmsg` and the rest of a socket that does not block),
set `connection.call.principal`, and put another `answer` and `largest` in place until the client is authenticated. It raises
Refused or Disconnected where the client is not to be served.
"""

from emulator.state.configs.listener import ListenerConfigs


class ChannelBuilder:
    """Of one listener of a broker: `listener` is its name, `security_protocol` one of Kafka's four."""

    def __init__(self, endpoint):
        self.listener = endpoint.name
        self.security_protocol = endpoint.security_protocol
        self.asks = ()

    def configure(self, services, lifetime):
        """Be ready for clients, with the `services` of a run of the broker, for its Lifetime. Raises ConfigError."""
        broker = services["configs"]
        asks = []
        # Who has none of it pays nothing for it.
        if self.security_protocol.endswith("SSL"):
            from emulator.runtime.tls.door import Tls

            tls = Tls(ListenerConfigs(broker.settings, self.listener), self.security_protocol)
            asks.append(tls)
            with lifetime.hooking(broker.on_change, broker.checks):
                broker.checks.append(lambda settings: tls.check(ListenerConfigs(settings, self.listener)))
                broker.on_change.append(lambda topic: topic is None and tls.reload(ListenerConfigs(broker.settings, self.listener)))
        if self.security_protocol.startswith("SASL_"):
            from emulator.runtime.authenticator import Sasl

            asks.append(Sasl(ListenerConfigs(broker.settings, self.listener), services))
        self.asks = tuple(asks)

    @property
    def dispatchers(self):
        """Those that answer before a client is let in: layers are around their requests, too."""
        return [dispatcher for one in self.asks for dispatcher in getattr(one, "dispatchers", ())]

    def begin(self, connection):
        for one in self.asks:
            one.begin(connection)
