"""Secrets are told by name, and their values by nobody."""

from __future__ import annotations

import pytest

from tests.rest.client import Api


def test_secrets_are_told_by_name(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODIUM_SECRET_BANK_KEY", "open sesame")

    assert api.get("/secrets").json() == ["BANK_KEY"]
    assert api.post("/secrets").json() == ["BANK_KEY"]
    assert api.get("/secrets/BANK_KEY/exists").json() is True
    assert api.get("/secrets/OTHER/exists").json() is False
    assert api.get("/secrets/BANK_KEY").status_code == 404
    assert api.put("/secrets/BANK_KEY", content="new").status_code == 404
    assert "sesame" not in api.get("/admin/config").text
