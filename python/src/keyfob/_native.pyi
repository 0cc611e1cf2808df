"""The native module: the store, over the Rust library. `import keyfob` has all of it."""

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, NoReturn, SupportsIndex, final

from typing_extensions import Self, TypeAlias, Unpack

from ._enums import Code, KeyState, MatchedSecret, Order, Reason, Special
from ._info import (
    Backup,
    BulkOutcome,
    ChainCheck,
    Compacted,
    Denied,
    Event,
    Explanation,
    FoundToken,
    FrozenMap,
    Imported,
    IntegrityReport,
    KeyInfo,
    Policy,
    ProjectInfo,
    Pruned,
    Restored,
    Scanned,
    StoreInfo,
)
from ._keywords import KeyFilter, NewKey, StoreOptions

__all__ = [
    "EventIterator",
    "Issued",
    "KeyIterator",
    "ManualClock",
    "Store",
    "VerifiedKey",
    "__version__",
]

__version__: Final[str]

def _command(arguments: Sequence[str]) -> int: ...
def _codes() -> list[tuple[str, int]]: ...
def _check_requirement(
    *,
    scopes: str | Iterable[str] | None = None,
    any_scopes: str | Iterable[str] | None = None,
    project: str | _Any | None = None,
    environment: str | _Any | None = None,
    owner: str | None = None,
) -> None: ...

_Any: TypeAlias = Literal[Special.ANY]
_Keep: TypeAlias = Literal[Special.KEEP]
_Never: TypeAlias = Literal[Special.NEVER]
_Address: TypeAlias = str | IPv4Address | IPv6Address
_Range: TypeAlias = str | IPv4Network | IPv6Network | IPv4Address | IPv6Address
#: Ids, a filter, or every key.
_Keys: TypeAlias = Iterable[str] | KeyFilter | _Any

@final
class Store:
    """An open store of API keys: one file, which several processes may have open."""

    @staticmethod
    def open(
        path: str | os.PathLike[str],
        *,
        create: bool = False,
        mode: Literal["shared", "exclusive", "readonly"] = "shared",
        prefix: str | None = None,
        pepper: str | bytes | None = None,
        retired_pepper: str | bytes | Iterable[str | bytes] | None = None,
        actor: str | None = None,
        policy: Policy | None = None,
        least_sequence: int | None = None,
        file_mode: int | None = None,
        read_timeout: timedelta | None = None,
        write_timeout: timedelta | None = None,
        check_on_open: Literal["auto", "always", "never"] = "auto",
        page_cache_bytes: int | None = None,
        key_cache_bytes: int | None = None,
        map_header: bool = True,
        flush_every: timedelta | None = None,
        allow_insecure_permissions: bool = False,
        allow_network_file_system: bool = False,
        clock: ManualClock | None = None,
    ) -> Store: ...
    @property
    def path(self) -> Path: ...
    @property
    def prefix(self) -> str: ...
    @property
    def mode(self) -> Literal["shared", "exclusive", "readonly"]: ...
    def with_actor(self, actor: str) -> Store: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...
    def __reduce_ex__(self, _protocol: SupportsIndex, /) -> NoReturn: ...
    def verify(
        self,
        token: str | bytes,
        /,
        *,
        scopes: str | Iterable[str] | None = None,
        any_scopes: str | Iterable[str] | None = None,
        project: str | _Any | None = None,
        environment: str | _Any | None = None,
        owner: str | None = None,
        ip: _Address | None = None,
    ) -> VerifiedKey: ...
    def check(
        self,
        token: str | bytes,
        /,
        *,
        scopes: str | Iterable[str] | None = None,
        any_scopes: str | Iterable[str] | None = None,
        project: str | _Any | None = None,
        environment: str | _Any | None = None,
        owner: str | None = None,
        ip: _Address | None = None,
    ) -> VerifiedKey | Denied: ...
    def verify_at(
        self,
        token: str | bytes,
        /,
        at: datetime,
        *,
        scopes: str | Iterable[str] | None = None,
        any_scopes: str | Iterable[str] | None = None,
        project: str | _Any | None = None,
        environment: str | _Any | None = None,
        owner: str | None = None,
        ip: _Address | None = None,
    ) -> VerifiedKey: ...
    def verify_authorization(
        self,
        value: str | bytes | None,
        /,
        *,
        scopes: str | Iterable[str] | None = None,
        any_scopes: str | Iterable[str] | None = None,
        project: str | _Any | None = None,
        environment: str | _Any | None = None,
        owner: str | None = None,
        ip: _Address | None = None,
    ) -> VerifiedKey | None: ...
    def explain(
        self,
        token: str | bytes,
        /,
        *,
        scopes: str | Iterable[str] | None = None,
        any_scopes: str | Iterable[str] | None = None,
        project: str | _Any | None = None,
        environment: str | _Any | None = None,
        owner: str | None = None,
        ip: _Address | None = None,
    ) -> Explanation: ...
    def refusals(self) -> dict[Code, int]: ...
    def create(
        self,
        name: str,
        *,
        scopes: str | Iterable[str] | None = None,
        expires_in: timedelta | None = None,
        expires_at: datetime | _Never | None = None,
        not_before: datetime | None = None,
        project: str | None = None,
        environment: str | None = None,
        owner: str | None = None,
        metadata: Mapping[str, str] | None = None,
        tags: str | Iterable[str] | None = None,
        ip_list: _Range | Iterable[_Range] | None = None,
        rotation_due_after: timedelta | None = None,
        request_id: str | None = None,
    ) -> Issued: ...
    def create_within(
        self,
        parent: VerifiedKey,
        name: str,
        *,
        scopes: str | Iterable[str] | None = None,
        expires_in: timedelta | None = None,
        expires_at: datetime | _Never | None = None,
        not_before: datetime | None = None,
        project: str | None = None,
        environment: str | None = None,
        owner: str | None = None,
        metadata: Mapping[str, str] | None = None,
        tags: str | Iterable[str] | None = None,
        ip_list: _Range | Iterable[_Range] | None = None,
        rotation_due_after: timedelta | None = None,
        request_id: str | None = None,
    ) -> Issued: ...
    def create_many(self, requests: Iterable[NewKey], /) -> _Issued: ...
    def import_keys(
        self,
        format: str,
        rows: Iterable[str | bytes | Mapping[str, Any]],
        *,
        name: str | None = None,
        scopes: str | Iterable[str] | None = None,
        project: str | None = None,
        environment: str | None = None,
        owner: str | None = None,
        expires_at: datetime | _Never | None = None,
        expires_in: timedelta | None = None,
        tags: str | Iterable[str] | None = None,
    ) -> Imported: ...
    def get(self, key_id: str, /) -> KeyInfo: ...
    def list(
        self,
        *,
        project: str | None = None,
        owner: str | None = None,
        environment: str | None = None,
        state: KeyState | str | Iterable[KeyState | str] | None = None,
        scope: str | None = None,
        name_contains: str | None = None,
        tag: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        expires_after: datetime | None = None,
        expires_before: datetime | None = None,
        expires_within: timedelta | None = None,
        never_used: bool = False,
        unused_since: datetime | None = None,
        rotation_due: bool = False,
        order: Order | str | None = None,
        reverse: bool = False,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> KeyIterator: ...
    def count(self, **filter: Unpack[KeyFilter]) -> int: ...
    def least_recently_used(self, most: int, **filter: Unpack[KeyFilter]) -> _KeyInfos: ...
    def resolve(self, text: str, /) -> str: ...
    def update(
        self,
        key_id: str,
        /,
        *,
        name: str | _Keep = ...,
        scopes: str | Iterable[str] | _Keep | None = ...,
        owner: str | _Keep | None = ...,
        expires_at: datetime | _Never | _Keep | None = ...,
        expires_in: timedelta | None = None,
        not_before: datetime | _Keep | None = ...,
        metadata: Mapping[str, str] | _Keep | None = ...,
        metadata_pairs: Mapping[str, str | None] | None = None,
        tags: str | Iterable[str] | _Keep | None = ...,
        ip_list: _Range | Iterable[_Range] | _Keep | None = ...,
        rotation_due_after: timedelta | _Keep | None = ...,
    ) -> KeyInfo: ...
    def disable(self, key_id: str, /) -> KeyInfo: ...
    def enable(self, key_id: str, /) -> KeyInfo: ...
    def revoke(
        self, key_id: str, /, *, reason: Reason | str | None = None, note: str | None = None
    ) -> KeyInfo: ...
    def revoke_token(
        self,
        token: str | bytes,
        /,
        *,
        whole_key: bool = False,
        reason: Reason | str | None = None,
        note: str | None = None,
    ) -> KeyInfo: ...
    def revoke_many(
        self, keys: _Keys, /, *, reason: Reason | str | None = None, note: str | None = None
    ) -> BulkOutcome: ...
    def disable_many(self, keys: _Keys, /) -> BulkOutcome: ...
    def enable_many(self, keys: _Keys, /) -> BulkOutcome: ...
    def update_many(
        self,
        keys: _Keys,
        /,
        *,
        name: str | _Keep = ...,
        scopes: str | Iterable[str] | _Keep | None = ...,
        owner: str | _Keep | None = ...,
        expires_at: datetime | _Never | _Keep | None = ...,
        expires_in: timedelta | None = None,
        not_before: datetime | _Keep | None = ...,
        metadata: Mapping[str, str] | _Keep | None = ...,
        metadata_pairs: Mapping[str, str | None] | None = None,
        tags: str | Iterable[str] | _Keep | None = ...,
        ip_list: _Range | Iterable[_Range] | _Keep | None = ...,
        rotation_due_after: timedelta | _Keep | None = ...,
    ) -> BulkOutcome: ...
    def rotate(
        self, key_id: str, /, *, grace: timedelta | None = None, request_id: str | None = None
    ) -> Issued: ...
    def finish_rotation(self, key_id: str, /) -> KeyInfo: ...
    def prune(
        self, *, revoked_before: datetime | None = None, expired_before: datetime | None = None
    ) -> Pruned: ...
    def create_project(
        self, name: str, *, scopes: str | Iterable[str] | None = None, owner: str | None = None
    ) -> ProjectInfo: ...
    def project(self, name: str, /) -> ProjectInfo: ...
    def project_by_id(self, project_id: str, /) -> ProjectInfo: ...
    def projects(self, *, deleted: bool = False) -> _Projects: ...
    def update_project(
        self,
        name: str,
        /,
        *,
        scopes: str | Iterable[str] | _Keep | None = ...,
        owner: str | _Keep | None = ...,
    ) -> ProjectInfo: ...
    def disable_project(self, name: str, /) -> ProjectInfo: ...
    def enable_project(self, name: str, /) -> ProjectInfo: ...
    def delete_project(self, name: str, /) -> ProjectInfo: ...
    def stats(self) -> StoreInfo: ...
    def table_sizes(self) -> dict[str, tuple[int, int]]: ...
    def flush(self) -> None: ...
    def reset_clock(self) -> None: ...
    @staticmethod
    def set_pepper(
        path: str | os.PathLike[str], new: str | bytes, /, **options: Unpack[StoreOptions]
    ) -> None: ...
    @staticmethod
    def remove_pepper(
        path: str | os.PathLike[str], /, **options: Unpack[StoreOptions]
    ) -> None: ...
    def policy(self) -> Policy: ...
    def set_policy(self, policy: Policy, /) -> None: ...
    def backup(self, to: str | os.PathLike[str], /) -> Backup: ...
    @staticmethod
    def restore(
        path: str | os.PathLike[str],
        backup: str | os.PathLike[str],
        /,
        *,
        disable_all: bool = False,
        named: str | Iterable[str] | None = None,
        trust_unkeyed: bool = False,
        replace_other_file: bool = False,
        **options: Unpack[StoreOptions],
    ) -> Restored: ...
    def check_integrity(self) -> IntegrityReport: ...
    def compact(self) -> Compacted: ...
    def scan(self, path: str | os.PathLike[str], /) -> Scanned: ...
    def scan_bytes(self, data: str | bytes, /) -> tuple[FoundToken, ...]: ...
    def verify_log(self) -> ChainCheck: ...
    def check_expected(self, sequence: int, hash: bytes) -> bool: ...
    def prune_log(self, through: int, /) -> int: ...
    def log(
        self,
        *,
        after: int | None = None,
        key_id: str | None = None,
        project: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> EventIterator: ...

# `list` is a verb inside of `Store`.
_Projects: TypeAlias = list[ProjectInfo]
_Issued: TypeAlias = list[Issued]
_KeyInfos: TypeAlias = list[KeyInfo]

@final
class VerifiedKey:
    """A key whose token was verified: what the decision knew. It keeps no token."""

    @property
    def id(self) -> str: ...
    @property
    def owner(self) -> str | None: ...
    @property
    def project(self) -> str | None: ...
    @property
    def environment(self) -> str: ...
    @property
    def scopes(self) -> frozenset[str]: ...
    @property
    def expires_at(self) -> datetime | None: ...
    @property
    def matched(self) -> MatchedSecret: ...
    @property
    def name(self) -> str: ...
    @property
    def metadata(self) -> FrozenMap[str]: ...
    def has_scope(self, scope: str, /) -> bool: ...
    def to_dict(self) -> dict[str, Any]: ...
    def __reduce_ex__(self, _protocol: SupportsIndex, /) -> NoReturn: ...
    def __hash__(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...

@final
class Issued:
    """A key with a new token, as `create` and `rotate` return it."""

    @property
    def key(self) -> KeyInfo: ...
    @property
    def token(self) -> str: ...
    @property
    def replayed(self) -> bool: ...
    @property
    def grace_expires_at(self) -> datetime | None: ...
    @property
    def grace_cut(self) -> bool: ...
    def __reduce_ex__(self, _protocol: SupportsIndex, /) -> NoReturn: ...
    def __copy__(self) -> NoReturn: ...
    def __deepcopy__(self, _memo: object) -> NoReturn: ...

@final
class KeyIterator:
    """An iterator over keys, as `Store.list` returns it. Any thread of this process may ask for the next
    one; a child of a fork raises `StoreForked`, and makes one of its own."""

    def __iter__(self) -> Self: ...
    def __next__(self) -> KeyInfo: ...
    @property
    def cursor(self) -> str | None: ...

@final
class EventIterator:
    """An iterator over events, as `Store.log` returns it. Any thread of this process may ask for the next
    one; a child of a fork raises `StoreForked`, and makes one of its own."""

    def __iter__(self) -> Self: ...
    def __next__(self) -> Event: ...

@final
class ManualClock:
    """A clock that stands until it is set, for tests of programs that use a store."""

    def __new__(cls, start: datetime) -> Self: ...
    def now(self) -> datetime: ...
    def set(self, time: datetime, /) -> None: ...
    def advance(self, by: timedelta, /) -> None: ...
