"""What all HTTP sessions share."""

from __future__ import annotations

import requests

REDIRECTS = frozenset({301, 302, 303, 307, 308})


def plain_session() -> requests.Session:
    """Return a session that takes no credentials from netrc and can serve many threads."""
    session = requests.Session()
    session.trust_env = True
    session.auth = _no_auth  # keeps requests from reading ~/.netrc
    adapter = requests.adapters.HTTPAdapter(pool_connections=8, pool_maxsize=64)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
