"""Digital Turbine's access token.

https://docs.digitalturbine.com/dt-growth/reporting-api/reporting-api-endpoints/api-v1-token
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tap_reports.exceptions import AccessDenied, BadAnswer, CallRejected, NotSent
from tap_reports.http.responses import json_of
from tap_reports.redaction import add_secrets

if TYPE_CHECKING:
    from requests import Response

    from tap_reports.clock import Clock
    from tap_reports.http.api import ApiSession
    from tap_reports.models import Json

PATH = "/auth/v1/token"
LIFE_SECONDS = 3600.0
"""What the vendor documents, also for an answer that does not say, or says something else."""
MARGIN_SECONDS = 60.0


class AccessToken:
    """The token of one account: asked for once, renewed shortly before its end. For many threads."""

    def __init__(self, api: ApiSession, clock: Clock, credentials: Json) -> None:
        self._api = api
        self._clock = clock
        self._credentials = credentials
        self._lock = threading.Lock()
        self._value: str | None = None
        self._renew_at = 0.0

    def get(self, *, refused: str | None = None) -> str:
        """Return a token that is still good and is not the one that the vendor just refused.

        Raises:
            AccessDenied: The credentials are wrong.
            CallBroken, CallRejected: The call failed.
            NotSent: No token came, so that what needs it can't be sent.
        """
        with self._lock:
            if self._value is None or self._value == refused or self._clock.monotonic() >= self._renew_at:
                self._value = self._ask()
            return self._value

    def _ask(self) -> str:
        asked_at = self._clock.monotonic()
        what = self._api.shown("POST", PATH)
        try:
            body = {"grant_type": "client_credentials", **self._credentials}
            response = self._api.call("POST", PATH, json=body)
        except CallRejected as error:
            if error.status not in {400, 401, 403}:  # wrong credentials are a 400 here
                raise
            answer = f"the vendor refuses client_id and client_secret; check both: {error.answer}"
            raise AccessDenied(what, answer, status=error.status) from error
        except BadAnswer as error:  # not of a submission, which may have been accepted
            raise NotSent(what, error.answer, status=error.status, remedy=error.remedy) from error
        token, seconds = _read_token(response, what)
        self._renew_at = asked_at + max(seconds - MARGIN_SECONDS, seconds / 2)
        return token


def _read_token(response: Response, what: str) -> tuple[str, float]:
    """Return token and life in seconds; the body is never shown, it may hold the token."""
    try:
        answer = json_of(response.content)
    except ValueError:
        answer = None
    fields = answer if isinstance(answer, dict) else {}
    token = fields.get("accessToken")
    if not isinstance(token, str) or not token:
        raise NotSent(what, "no accessToken came", status=response.status_code, remedy=BadAnswer.remedy)
    add_secrets([token])
    return token, _life(fields.get("expiresIn"))


def _life(value: object) -> float:
    """Return a token's life: what the vendor says, if that is a time up to the documented hour."""
    try:
        seconds = float(str(value))
    except ValueError:
        return LIFE_SECONDS
    return seconds if 0 < seconds < LIFE_SECONDS else LIFE_SECONDS
