"""Against a real server: where a redirect may lead."""

from __future__ import annotations

import pytest
from download_server import BODY, ETAG, LINK_QUERY, cut, ranged, status, whole

from tap_reports.exceptions import BadAnswer, NotSent


@pytest.mark.parametrize("authenticated", [True, False])
def test_credentials_go_along_within_the_api_s_origin_and_not_to_another(
    authenticated, server, elsewhere, get
):
    server.script = [
        status(307, Location="/other"),
        status(302, Location=f"{elsewhere.url}/signed{LINK_QUERY}"),
    ]
    elsewhere.script = [whole()]
    assert get(authenticated=authenticated) == BODY
    sent = "Bearer sesame" if authenticated else None
    assert [(request.path, request.headers["Authorization"]) for request in server.requests] == [
        ("/file", sent),
        ("/other", sent),
    ]
    assert "Authorization" not in elsewhere.requests[0].headers
    assert "Cookie" not in elsewhere.requests[0].headers


def test_a_broken_transfer_behind_a_redirect_goes_on_with_a_new_link(server, elsewhere, get):
    server.script = [
        status(302, Location=f"{elsewhere.url}/signed?n=1"),
        status(302, Location=f"{elsewhere.url}/signed?n=2"),
    ]
    elsewhere.script = [cut(ETag=ETAG), ranged()]
    assert get(authenticated=True) == BODY
    assert elsewhere.requests[1].path == "/signed?n=2"
    assert "Range" in elsewhere.requests[1].headers


def test_an_expired_link_behind_a_redirect_is_renewed_by_the_api(server, elsewhere, get):
    server.script = [status(302, Location=f"{elsewhere.url}/signed")]
    elsewhere.script = [status(403), whole()]
    assert get(authenticated=True) == BODY
    assert len(server.requests) == 2


@pytest.mark.parametrize("authenticated", [True, False])
def test_at_most_five_redirects_are_followed(authenticated, server, get, left):
    server.script = [status(302, Location="/again")]
    with pytest.raises(BadAnswer, match="redirects"):
        get(authenticated=authenticated)
    assert len(server.requests) == 6
    assert left() == []


def test_redirects_of_the_api_and_of_the_link_count_together(server, elsewhere, get):
    server.script = [status(302, Location=f"{elsewhere.url}/signed")]
    elsewhere.script = [status(302, Location="/again")]
    with pytest.raises(BadAnswer, match="redirects"):
        get(authenticated=True)
    assert len(elsewhere.requests) == 5


@pytest.mark.parametrize("target", ["http://files.example.com/x", "ftp://127.0.0.1/x", "file:///etc/passwd"])
@pytest.mark.parametrize("authenticated", [True, False])
def test_only_https_or_loopback_is_followed(target, authenticated, server, get, left):
    server.script = [status(302, Location=target)]
    with pytest.raises(BadAnswer, match="neither https nor a loopback address"):
        get(authenticated=authenticated)
    assert left() == []


@pytest.mark.parametrize(
    "target", ["http://[::1", "https://a:b/", "https://a..b/x", f"https://{'a' * 64}.com/x"]
)
@pytest.mark.parametrize("authenticated", [True, False])
def test_an_address_that_can_lead_nowhere_is_not_tried_again(target, authenticated, server, get, clock):
    server.script = [status(302, Location=target)]
    with pytest.raises((BadAnswer, NotSent)):
        get(authenticated=authenticated)
    assert (len(server.requests), clock.slept) == (1, [])
    with pytest.raises((BadAnswer, NotSent)):
        get(target)
    assert clock.slept == []


def test_an_authenticated_download_from_another_origin_is_refused(get, elsewhere):
    elsewhere.script = [whole()]
    with pytest.raises(BadAnswer, match="another origin"):
        get(f"{elsewhere.url}/file", authenticated=True)
    assert elsewhere.requests == []
