"""Client quotas (KIP-546, KIP-599, KIP-612): what is set for whom, what each has used, how long who exceeds must wait."""

from emulator.state.quotas.entities import ClientQuotas
from emulator.state.quotas.managers import Quotas

__all__ = ["ClientQuotas", "Quotas"]
