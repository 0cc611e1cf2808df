"""What several verbs take by keyword, as types: for annotations, and for mappings that hold it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TYPE_CHECKING, Literal, TypeAlias, TypedDict

from ._enums import KeyState, Special
from ._info import Policy

if TYPE_CHECKING:
    from ._native import ManualClock

__all__ = ["KeyFilter", "NewKey", "StoreOptions"]

Never: TypeAlias = Literal[Special.NEVER]
Range: TypeAlias = str | IPv4Network | IPv6Network | IPv4Address | IPv6Address


class KeyFilter(TypedDict, total=False):
    """Which keys are meant: those for which everything holds that is stated. The keywords of
    `Store.list`, `count` and `least_recently_used`, and as a mapping what the verbs of many take."""

    #: Bound to this project: its name, or the id of one that was deleted.
    project: str | None
    #: Belongs to this owner.
    owner: str | None
    #: Of this environment.
    environment: str | None
    #: In this state, or one of these.
    state: KeyState | str | Iterable[KeyState | str] | None
    #: Grants this scope by itself.
    scope: str | None
    #: Its name holds this, in whatever case.
    name_contains: str | None
    #: Has this label.
    tag: str | None
    #: Created, or issued where it was imported, then or later.
    created_after: datetime | None
    #: The same, before.
    created_before: datetime | None
    #: Expires then or later, or never.
    expires_after: datetime | None
    #: Expires before then.
    expires_before: datetime | None
    #: Expires within so long from now, and has not yet.
    expires_within: timedelta | None
    #: Never used, with any of its secrets.
    never_used: bool
    #: In the store before then, and not used since.
    unused_since: datetime | None
    #: Due for rotation, and not revoked.
    rotation_due: bool


class _Named(TypedDict):
    #: What people call it.
    name: str


class NewKey(_Named, total=False):
    """A key to be created by `Store.create_many`: the keywords of `create`, with the name."""

    #: What it may do; a single `str` is one scope.
    scopes: str | Iterable[str] | None
    #: When it expires, counted from now.
    expires_in: timedelta | None
    #: When it expires; `NEVER` whatever the policy says.
    expires_at: datetime | Never | None
    #: From when on it is good.
    not_before: datetime | None
    #: The name of the project that it is bound to.
    project: str | None
    #: What it is for: `live` unless another is named.
    environment: str | None
    #: The caller's own id of whom it belongs to.
    owner: str | None
    #: The caller's own pairs.
    metadata: Mapping[str, str] | None
    #: Labels to list by.
    tags: str | Iterable[str] | None
    #: The only addresses that it is good from.
    ip_list: Range | Iterable[Range] | None
    #: How long after a rotation it should be rotated again.
    rotation_due_after: timedelta | None
    #: Makes the request repeatable for 24 hours.
    request_id: str | None


class StoreOptions(TypedDict, total=False):
    """How a store is opened: keywords of `Store.open`, `restore`, `set_pepper` and `remove_pepper`."""

    #: For any number of processes, this process alone, or reading only.
    mode: Literal["shared", "exclusive", "readonly"]
    #: What the store's tokens begin with.
    prefix: str | None
    #: The store's pepper: 32 bytes, or 64 hexadecimal characters.
    pepper: str | bytes | None
    #: A pepper of the past, or several, accepted while a change of peppers is under way.
    retired_pepper: str | bytes | Iterable[str | bytes] | None
    #: Who changes what is changed, as the log shows it.
    actor: str | None
    #: What a new store asks of keys, compared with what an existing one does.
    policy: Policy | None
    #: A store whose sequence is lower is an older copy, and refused.
    least_sequence: int | None
    #: The mode of a new file, and the most that an existing one may have.
    file_mode: int | None
    #: How long a read waits for another process; 250 ms unless it is set.
    read_timeout: timedelta | None
    #: How long a change waits for those before it; 2 s unless it is set.
    write_timeout: timedelta | None
    #: When the whole file is checked as it is opened; `auto` where it was not closed cleanly.
    check_on_open: Literal["auto", "always", "never"]
    #: Memory for pages of the file; 16 MiB unless it is set.
    page_cache_bytes: int | None
    #: Memory for keys that were verified, 121 bytes each; 16 MiB unless it is set, 3 GiB at most.
    key_cache_bytes: int | None
    #: False for a program that truncates the file itself: each verification is slower by it.
    map_header: bool
    #: How often last-used times are written, 5 s unless it is set; `timedelta(0)` for only on
    #: `flush` and `close`.
    flush_every: timedelta | None
    #: Puts up with a file, or a folder, that others own, read or write.
    allow_insecure_permissions: bool
    #: Puts up with a network file system, where locks may not hold.
    allow_network_file_system: bool
    #: Where the time is read, for tests.
    clock: ManualClock | None
