"""Addresses of Kafka: `kafka://user:password@host1:9092,host2:9092?ssl.ca.location=/etc/ca.pem`.

`kafka+ssl://` is TLS. A user means SASL, with the mechanism PLAIN unless `sasl.mechanism` says another. What stands behind
the `?` are settings of librdkafka: https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import parse_qsl, unquote

_PROTOCOLS = {"kafka": ("plaintext", "sasl_plaintext"), "kafka+ssl": ("ssl", "sasl_ssl")}


def librdkafka(address: str, allowed: Collection[str] | None = None) -> dict[str, str]:
    """An address, or a bare list of bootstrap servers, as settings of librdkafka.

    allowed: the settings that it may have, where the address is not an operator's: some of them load code.

    Raises:
        ValueError: it is none; the message does not repeat it, for it may hold a password.
    """
    scheme, separator, rest = address.partition("://")
    if not separator:
        scheme, rest = "kafka", address
    if scheme not in _PROTOCOLS:
        raise ValueError("an address of Kafka begins with kafka:// or kafka+ssl://")
    place, _, parameters = rest.partition("?")
    userinfo, _, servers = place.rpartition("@")
    servers = servers.rstrip("/")
    if not servers:
        raise ValueError("an address of Kafka names a server: kafka://host:9092")
    plain, with_user = _PROTOCOLS[scheme]
    found = {"bootstrap.servers": servers, "security.protocol": with_user if userinfo else plain}
    if userinfo:
        user, _, password = userinfo.partition(":")
        found |= {
            "sasl.mechanism": "PLAIN",
            "sasl.username": unquote(user),
            "sasl.password": unquote(password),
        }
    more = dict(parse_qsl(parameters))
    for name in more:
        if allowed is not None and name not in allowed:
            raise ValueError(f"{name[:80]!r} can't be set here; only {' and '.join(sorted(allowed))} can")
    return found | more
