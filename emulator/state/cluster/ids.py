"""Topic ids: 16 random bytes, printed as Kafka prints them (org.apache.kafka.common.Uuid)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

_RESERVED = 100  # Kafka keeps the ids 0 to 99 for itself: 0 is "no id", 1 the metadata topic.


def new_uuid(random):
    """A version 4 UUID from the given random.Random: never reserved, its text never starts with '-'."""
    while True:
        bits = random.getrandbits(128) & ~(0xF << 76) & ~(0x3 << 62) | 4 << 76 | 2 << 62
        made = bits.to_bytes(16, "big")
        if bits >= _RESERVED and not uuid_text(made).startswith("-"):
            return made


def uuid_text(uuid):
    """The 22 characters of base64 in which tools and logs show an id."""
    return urlsafe_b64encode(uuid).rstrip(b"=").decode()


def uuid_of(text):
    """The 16 bytes of such a text; ValueError for any other."""
    uuid = urlsafe_b64decode(text + "==")
    if len(uuid) != 16 or len(text) != 22:
        raise ValueError(f"{text!r} is no id")
    return uuid
