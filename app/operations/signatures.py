"""Signed addresses: who has one may upload or download one file for a short while, without a token.

The keys are in the database, so that every API process takes what another has signed; the newest signs, and each is
replaced after some time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from enum import StrEnum

from app.errors import AccessForbidden, WrongTransfer
from app.runtime.clock import id_before, new_id
from app.runtime.engine import Engine
from app.store import files
from app.store.files import SigningKey
from app.store.unit_of_work import Session

_SIGNS_MS = 30 * 86_400_000
"""So long a key signs; for as long again what it has signed is taken, should it be good for that long."""


class Transfer(StrEnum):
    """What an address is for; written into it."""

    UPLOAD = "upload"
    DOWNLOAD = "download"


@dataclass(frozen=True, slots=True)
class Grant:
    """What an address allows."""

    transfer: Transfer
    workflow_id: str
    file_id: str
    expires: int
    """Seconds since the epoch."""
    upload_id: str | None = None
    part: int | None = None
    """The number of a part, from 1."""

    def text(self) -> bytes:
        """What is signed."""
        parts = (
            "v1",
            self.transfer,
            self.workflow_id,
            self.file_id,
            self.expires,
            self.upload_id or "",
            self.part or "",
        )
        return "\n".join(map(str, parts)).encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class Signed:
    """A grant with its signature, and the id of the key that made it."""

    grant: Grant
    key_id: str
    signature: str


def sign(
    engine: Engine,
    transfer: Transfer,
    workflow_id: str,
    file_id: str,
    *,
    upload_id: str | None = None,
    part: int | None = None,
) -> Signed:
    """Allow a transfer from now on, for PODIUM_FILE_URL_SECONDS."""
    expires = int(engine.clock() / 1000 + engine.settings.file_url_seconds)
    grant = Grant(transfer, workflow_id, file_id, expires, upload_id, part)
    key = _key_that_signs(engine)
    return Signed(grant, key.id, _signature(key, grant))


def check(engine: Engine, signed: Signed, transfer: Transfer) -> None:
    """That a grant was signed here, is not over, and is for this.

    Raises:
        AccessForbidden: it was not signed here, or is over.
        WrongTransfer: it is good for the other.
    """
    if signed.grant.expires * 1000 <= engine.clock():
        raise AccessForbidden("this address is over; ask for another one")
    key = engine.store.read(lambda s: files.key(s, signed.key_id))
    good = key is not None and hmac.compare_digest(
        _signature(key, signed.grant).encode(), signed.signature.encode("utf-8", "surrogatepass")
    )
    if not good:
        raise AccessForbidden("this address was not signed here, or not for this; ask for another one")
    if signed.grant.transfer is not transfer:
        raise WrongTransfer(signed.grant.transfer)


def _key_that_signs(engine: Engine) -> SigningKey:
    now = engine.clock()
    newest = engine.store.read(files.newest_key)
    if newest is not None and newest.created > now - _SIGNS_MS:
        return newest
    # Two processes may each make one: both are good.
    made = SigningKey(new_id(), secrets.token_urlsafe(32), now)

    def work(session: Session) -> None:
        if files.key(session, made.id) is None:
            files.insert_key(session, made)
        files.delete_keys(session, id_before(now - 2 * _SIGNS_MS))

    engine.store.transact(work)
    return made


def _signature(key: SigningKey, grant: Grant) -> str:
    digest = hmac.new(key.secret.encode(), grant.text(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
