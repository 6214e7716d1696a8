"""Addresses of Kafka."""

from __future__ import annotations

import pytest

from config.kafka import librdkafka


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("h:9092,g:9092", {"bootstrap.servers": "h:9092,g:9092", "security.protocol": "plaintext"}),
        ("kafka://h:9092/", {"bootstrap.servers": "h:9092", "security.protocol": "plaintext"}),
        (
            "kafka+ssl://h:9093?ssl.ca.location=/etc/ca.pem",
            {"bootstrap.servers": "h:9093", "security.protocol": "ssl", "ssl.ca.location": "/etc/ca.pem"},
        ),
        (
            "kafka+ssl://shop:p%40ss:w@h:9093?sasl.mechanism=SCRAM-SHA-512",
            {
                "bootstrap.servers": "h:9093",
                "security.protocol": "sasl_ssl",
                "sasl.mechanism": "SCRAM-SHA-512",
                "sasl.username": "shop",
                "sasl.password": "p@ss:w",
            },
        ),
    ],
)
def test_an_address_is_settings_of_librdkafka(address: str, expected: dict[str, str]) -> None:
    assert librdkafka(address) == expected


@pytest.mark.parametrize("address", ["amqp://u:hush@h", "kafka://", "kafka://u:hush@", ""])
def test_what_is_no_address_is_refused_without_being_repeated(address: str) -> None:
    with pytest.raises(ValueError, match="an address of Kafka") as caught:
        librdkafka(address)
    assert "hush" not in str(caught.value)
