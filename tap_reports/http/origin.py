"""Where a URL leads: the host that requests will really connect to, not what another parser reads."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

PORTS = {"http": 80, "https": 443}


class BadUrl(ValueError):
    """A URL that must not be called; the message says why, without the URL."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The host that a call connects to."""

    scheme: str
    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """True if it is this machine, in any spelling that the resolver accepts."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        try:
            address = ipaddress.ip_address(self.host.partition("%")[0])
        except ValueError:
            try:
                address = ipaddress.ip_address(socket.inet_aton(self.host))  # 127.1, 0x7f000001
            except OSError:
                return False
        address = getattr(address, "ipv4_mapped", None) or address
        return address.is_loopback or address.is_unspecified


@lru_cache(maxsize=1024)
def origin_of(url: str) -> Origin:
    """Return the origin that a call to a URL connects to.

    Raises:
        BadUrl: It is invalid or ambiguous: two programs could read different hosts in it.
    """
    _refuse_odd_characters(url)
    prepared = requests.PreparedRequest()
    try:
        prepared.prepare_url(url, None)
        parsed = parse_url(prepared.url or "")
    except (requests.RequestException, HTTPError, ValueError) as error:
        raise BadUrl("is not a valid URL") from error
    if parsed.scheme not in PORTS:
        raise BadUrl("is neither https nor a loopback address")
    if parsed.auth is not None or parse_url(url).auth is not None:
        raise BadUrl("holds a user name")
    if not parsed.host:
        raise BadUrl("names no host")
    return Origin(parsed.scheme, parsed.host.strip("[]"), parsed.port or PORTS[parsed.scheme])


def last_path_segment(url: str) -> str:
    """Return the last part of a URL's path; "" without a path and for an invalid URL."""
    try:
        path = urlsplit(url).path
    except ValueError:
        return ""
    return path.rstrip("/").rpartition("/")[2]


def password_of(url: str) -> str | None:
    """Return the password in a URL, if any."""
    try:
        return urlsplit(url).password
    except ValueError:
        return None


def joined(base: str, target: str) -> str:
    """Return where a redirect leads.

    Raises:
        BadUrl: The target is invalid or ambiguous.
    """
    _refuse_odd_characters(target)
    try:
        return urljoin(base, target)
    except ValueError as error:
        raise BadUrl("is not a valid URL") from error


def same_origin(url: str, other: str) -> bool:
    """Return whether two URLs have the same scheme, host and port; False if one can't be called."""
    try:
        return origin_of(url) == origin_of(other)
    except BadUrl:
        return False


def safe_origin(url: str, *, loopback: bool = True) -> Origin:
    """Return the origin of a URL that may be called: https, or http on this machine.

    Args:
        url: The URL.
        loopback: Whether this machine may be called at all.

    Raises:
        BadUrl: It may not.
    """
    origin = origin_of(url)
    if origin.is_loopback and not loopback:
        raise BadUrl("leads to this machine, and api_url does not")
    if origin.scheme != "https" and not origin.is_loopback:
        raise BadUrl("is neither https nor a loopback address")
    return origin


def is_safe(url: str) -> bool:
    """Return whether a URL may be called: https, or http on this machine."""
    try:
        safe_origin(url)
    except BadUrl:
        return False
    return True


def is_loopback(url: str) -> bool:
    """Return whether a URL leads to this machine."""
    try:
        return origin_of(url).is_loopback
    except BadUrl:
        return False


def shown_host(base: str, target: str) -> str:
    """Return the host that a redirect leads to, for messages."""
    try:
        origin = origin_of(joined(base, target))
    except BadUrl as error:
        return f"an address that {error}"
    return f"{origin.scheme}://{origin.host}:{origin.port}"


def _refuse_odd_characters(url: str) -> None:
    """Refuse what parsers read differently: `http://a`, a backslash and `@b/` may be a call to `a` or `b`."""
    if "\\" in url or " " in url or not url.isprintable():  # other blanks are not printable
        raise BadUrl("holds a backslash, a blank or a control character")
