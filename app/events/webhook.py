"""Events that are posted to a service: `webhook:https://host/path`.

The body is the payload as JSON. Headers: `Podium-Message-Id` (the same whenever it is sent again) and, where there is a
`PODIUM_WEBHOOK_SECRET`, `Podium-Signature: t=<seconds>,v1=<hex>`, HMAC-SHA256 over `<seconds>.<body>`.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections.abc import Sequence

import httpx

from app.events.provider import ProviderMissing, Take
from config.settings import Settings
from workflows.events import EventName

TIMEOUT_SECONDS = 10.0


def connect(settings: Settings) -> WebhookProvider:
    """The provider for these settings."""
    return WebhookProvider(settings.webhook_secret)


def signature(secret: str, body: bytes, at: int) -> str:
    """What the header `Podium-Signature` has for a body that is sent at this time (seconds since the epoch)."""
    digest = hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


class WebhookProvider:
    """Posts; what is not answered with 2xx is sent again later by whoever publishes."""

    def __init__(self, secret: str | None) -> None:
        self._secret = secret
        # An answer that sends elsewhere is a mistake of the address, not a way to follow with a signed body.
        self._client = httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False)

    def publish(self, name: EventName, body: bytes, message_id: str) -> None:
        headers = {"Content-Type": "application/json", "Podium-Message-Id": message_id}
        if self._secret is not None:
            headers["Podium-Signature"] = signature(self._secret, body, int(time.time()))
        answer = self._client.post(name.address, content=body, headers=headers)
        if not answer.is_success:
            raise ConnectionError(f"the service answered {answer.status_code}")

    def receive(self, events: Sequence[str], take: Take, stop: threading.Event) -> None:
        raise ProviderMissing("events go to a webhook, and none come from one")

    def close(self) -> None:
        self._client.close()
