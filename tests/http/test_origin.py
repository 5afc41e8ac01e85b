"""The origin of a URL is the host that is really called; ambiguous URLs are refused."""

import pytest
import requests
from urllib3.util import parse_url

from tap_reports.http.origin import (
    BadUrl,
    Origin,
    is_loopback,
    is_safe,
    joined,
    last_path_segment,
    origin_of,
    password_of,
    same_origin,
)

ODD = [
    "http://thief\\@api.example.com/x",
    "https://api.example.com\\.thief/",
    "https://user:word@api.example.com/",
    "https://user@api.example.com/",
    "https://api.example.com /x",
    "https://api.example.com/\tx",
    "https://api.example.com/x\r\nHost: thief",
    " https://api.example.com/",
    "https://api.example.com/\u2028",
    "https://api.example.com/\x00",
    "https://[::1/",
    "https://api.example.com:99999/",
    "https:///x",
    "https://",
    "//api.example.com/x",
    "file:///etc/passwd",
    "ftp://api.example.com/",
    "",
]


@pytest.mark.parametrize("url", ["http://[::1/f", "https://a\u2100b/f", "https://example.com", ""])
def test_a_url_without_a_path_and_an_invalid_url_have_no_last_path_segment(url):
    assert last_path_segment(url) == ""
    assert last_path_segment("https://example.com/a/f.csv/?sig=1/2") == "f.csv"
    assert password_of(url) is None


@pytest.mark.parametrize("url", ODD)
def test_an_invalid_or_ambiguous_url_is_refused(url):
    with pytest.raises(BadUrl):
        origin_of(url)
    assert not is_safe(url)
    assert not same_origin(url, url)


@pytest.mark.parametrize(
    "url",
    [
        "https://API.example.com/x",
        "https://api.example.com:443/x",
        "https://api.example.com/a%2Fb?q=@c",
        "https://api.example.com/x?to=http://elsewhere",
        "https://api.example.com/é",
    ],
)
def test_ordinary_spellings_of_one_origin_are_equal(url):
    assert same_origin(url, "https://api.example.com")
    assert parse_url(requests.Request("GET", url).prepare().url).host == "api.example.com"


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com/",
        "https://api.example.com:444/",
        "https://api.example.com./",
        "https://api.example.com.thief/",
        "https://thief/api.example.com",
    ],
)
def test_another_scheme_host_or_port_is_another_origin(url):
    assert not same_origin(url, "https://api.example.com")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1.2.3",
        "localhost",
        "LOCALHOST",
        "[::1]",
        "127.1",
        "0x7f000001",
        "[::ffff:127.0.0.1]",
    ],
)
def test_every_spelling_of_this_machine_is_recognized(host):
    assert is_loopback(f"http://{host}:8080/x")
    assert is_safe(f"http://{host}/")


@pytest.mark.parametrize(
    "host", ["127.0.0.1.any.host", "127.any.host", "localhost.any.host", "128.0.0.1", "example.com", "[::2]"]
)
def test_a_host_that_only_looks_like_this_machine_needs_https(host):
    assert not is_loopback(f"http://{host}/")
    assert not is_safe(f"http://{host}/")
    assert is_safe(f"https://{host}/")


def test_a_relative_redirect_is_resolved():
    assert joined("https://a/b/c", "../d?e=f") == "https://a/d?e=f"
    assert origin_of(joined("https://a/b", "//c:8/d")) == Origin("https", "c", 8)


@pytest.mark.parametrize("target", ["http://[bad", "/x\\y", "https://a/\nb", "/x y"])
def test_an_invalid_or_ambiguous_redirect_is_refused(target):
    with pytest.raises(BadUrl):
        joined("https://a/", target)
