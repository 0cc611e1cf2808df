"""What a store answers, as values: frozen, hashable, picklable, and plain data by `to_dict()`."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from ._enums import Check, Code, EventKind, KeyState, Reason

__all__ = [
    "Backup",
    "BulkOutcome",
    "ChainCheck",
    "CheckOutcome",
    "Compacted",
    "Denied",
    "Event",
    "Explanation",
    "Finding",
    "FoundToken",
    "FrozenMap",
    "Imported",
    "ImportedRow",
    "IntegrityReport",
    "KeyInfo",
    "OldSecret",
    "Policy",
    "ProjectInfo",
    "Pruned",
    "Restored",
    "Revocation",
    "Scanned",
    "SecretUse",
    "StoreInfo",
]

_Value = TypeVar("_Value")


class FrozenMap(Mapping[str, _Value], Generic[_Value]):
    """A mapping that cannot be changed, and so can be hashed."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Mapping[str, _Value]) -> None:
        self._pairs = dict(pairs)

    def __getitem__(self, name: str) -> _Value:
        return self._pairs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __reduce__(self) -> tuple[Any, ...]:
        # Protocols 0 and 1 do not know what has no __dict__.
        return type(self), (self._pairs,)

    def __hash__(self) -> int:
        return hash(frozenset(self._pairs.items()))

    def __repr__(self) -> str:
        return repr(self._pairs)


def _plain(value: Any) -> Any:
    """The value as JSON has it: times as ISO 8601, durations in seconds, sets as sorted lists,
    bytes in hexadecimal."""
    if isinstance(value, _Plain):
        return value.to_dict()
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, (IPv4Network, IPv6Network, Path)):
        return str(value)
    return value


class _Plain:
    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data that `json` takes: times as ISO 8601, durations in whole seconds, bytes in
        hexadecimal."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}  # type: ignore[arg-type]


@dataclass(frozen=True)
class Denied(_Plain):
    """Why a token is not good for what is asked, as `Store.check` answers it. It is falsy."""

    #: The number, the same in every language.
    code: Code
    #: What it means.
    message: str
    #: 401 where another token could help, 403 where the token is good but not for this.
    http_status: int
    #: The key whose token it is, where the secret was the key's own; for your log, not for the holder.
    key_id: str | None = None

    def __bool__(self) -> Literal[False]:
        return False


@dataclass(frozen=True)
class SecretUse(_Plain):
    """How a secret was used. Statistics: a crash can lose the last seconds of them."""

    #: When it last verified; None where it never did.
    last_used_at: datetime | None
    #: How often it verified, where several times in the same second may count as one.
    uses: int


@dataclass(frozen=True)
class OldSecret(_Plain):
    """The secret before the last rotation, in its grace."""

    #: Until when it is good, exclusive.
    grace_expires_at: datetime
    #: How it was used.
    used: SecretUse


@dataclass(frozen=True)
class Revocation(_Plain):
    """When and why a key was revoked."""

    #: When.
    at: datetime
    #: Why.
    reason: Reason
    #: Free text of who revoked it.
    note: str | None


@dataclass(frozen=True)
class KeyInfo(_Plain):
    """A key, but for its secret."""

    #: The id: 22 characters, never given twice, and public.
    id: str
    #: What may be shown of its token: `acme_live_…x7Kq2B`.
    hint: str
    #: What people call it.
    name: str
    #: What it may do by itself; its project may allow less.
    scopes: frozenset[str]
    #: The name of the project that it is bound to.
    project: str | None
    #: What it is for: `live`, `test` or another.
    environment: str
    #: The caller's own id of whom it belongs to.
    owner: str | None
    #: Where it is in its life, its project considered.
    state: KeyState
    #: Whether the state is so because of the project.
    state_by_project: bool
    #: When it was created.
    created_at: datetime
    #: When it was last changed.
    updated_at: datetime
    #: When it expires, exclusive; None means never.
    expires_at: datetime | None
    #: From when on it is good, inclusive.
    not_before: datetime | None
    #: The caller's own pairs.
    metadata: FrozenMap[str]
    #: Labels to list by.
    tags: frozenset[str]
    #: The only addresses that it is good from; empty means any.
    ip_list: tuple[IPv4Network | IPv6Network, ...]
    #: When and why it was revoked.
    revocation: Revocation | None
    #: When it got its current secret.
    rotated_at: datetime
    #: How long after a rotation it should be rotated again: a reminder, it refuses nothing.
    rotation_due_after: timedelta | None
    #: When it should be rotated again.
    rotation_due_at: datetime | None
    #: How its current secret was used.
    used: SecretUse
    #: The secret before, while its grace lasts.
    old_secret: OldSecret | None
    #: How all the secrets before those were used, together.
    used_before: SecretUse
    #: When any of its secrets was last used.
    last_used_at: datetime | None
    #: Whether another system issued its string.
    imported: bool
    #: The place of its last change in the log.
    sequence: int


@dataclass(frozen=True)
class ProjectInfo(_Plain):
    """A project, which bounds what all of its tokens may do."""

    #: The id: 22 characters, never given twice.
    id: str
    #: The name, by which keys and verifications state it.
    name: str
    #: What its tokens may do at most.
    scopes: frozenset[str]
    #: Whom it belongs to.
    owner: str | None
    #: Whether its tokens are good.
    enabled: bool
    #: When it was deleted; None while it is there.
    deleted_at: datetime | None
    #: When it was created.
    created_at: datetime
    #: When it was last changed.
    updated_at: datetime


@dataclass(frozen=True)
class Pruned(_Plain):
    """What a pruning took away."""

    #: How many keys.
    keys: int
    #: How many deleted projects that had no key left.
    projects: int


@dataclass(frozen=True)
class BulkOutcome(_Plain):
    """How far a verb of many keys got; what is counted here is durable."""

    #: Keys that were changed.
    changed: int
    #: Keys that were so already.
    unchanged: int


@dataclass(frozen=True)
class ImportedRow(_Plain):
    """What became of a row of an import."""

    #: The key that it became; of DIGEST_TAKEN, the one that it had become before.
    key_id: str | None
    #: OK, or why it was refused.
    code: Code
    #: What that means, without a word of the row.
    message: str | None


@dataclass(frozen=True)
class Imported(_Plain):
    """What became of the rows of an import, in their order. The keys in it are durable."""

    #: A result for each row.
    rows: tuple[ImportedRow, ...]


@dataclass(frozen=True)
class Event(_Plain):
    """A line of the log."""

    #: Its place in the log: 1 for the first, without gaps but for a restore.
    sequence: int
    #: When, by the clock of the process that wrote it, to the millisecond.
    at: datetime
    #: Who, as the caller said when the store was opened.
    actor: str
    #: What happened.
    kind: EventKind
    #: The key that it is about, if it is about one.
    key_id: str | None
    #: The project that it is about, if it is about one.
    project_id: str | None
    #: What belongs to the kind: `{"reason": ..., "note": ...}` of a revocation.
    details: FrozenMap[Any]
    #: The sequence of the event before on the same subject; 0 where there is none.
    previous: int
    #: The hash that chains it to the event before.
    hash: bytes


@dataclass(frozen=True)
class CheckOutcome(_Plain):
    """How one step of a verification came out."""

    #: Which step.
    check: Check
    #: Whether it passed; None where it could not be made, since one before it found nothing.
    passed: bool | None
    #: What a verification answers where this is the first that fails.
    code: Code | None


@dataclass(frozen=True)
class Explanation(_Plain):
    """Every step of a verification, also those after the first that fails."""

    #: What a verification answers: OK, or the code of the denial.
    code: Code
    #: The key, where the secret is one of its own.
    key_id: str | None
    #: The steps, in order.
    checks: tuple[CheckOutcome, ...]


@dataclass(frozen=True)
class Policy(_Plain):
    """What a store asks of keys that are created, imported or given another expiry."""

    #: The lifetime of a key that is created without naming an expiry.
    default_lifetime: timedelta | None = None
    #: The longest lifetime, from the time of the change.
    longest_lifetime: timedelta | None = None
    #: Whether a key must expire.
    expiry_required: bool = False
    #: The most keys of one owner that are neither revoked nor expired.
    most_keys_per_owner: int | None = None


@dataclass(frozen=True)
class Backup(_Plain):
    """What a backup holds."""

    #: The sequence that it stands at.
    sequence: int
    #: How many keys.
    keys: int
    #: The length of its file.
    bytes: int


@dataclass(frozen=True)
class IntegrityReport(_Plain):
    """What the full check of a store found."""

    #: What is wrong, a sentence each; empty where the store is whole.
    damage: tuple[str, ...]
    #: How many keys were read.
    keys: int
    #: How many projects were read.
    projects: int
    #: How many events were read.
    events: int
    #: The sequence of the last event.
    sequence: int
    #: The hash of the last event.
    head: bytes


@dataclass(frozen=True)
class ChainCheck(_Plain):
    """What a check of the log found: every event follows from the one before."""

    #: The first event that the log holds; 0 where it holds none.
    first: int
    #: The last.
    last: int
    #: The hash of the last. Noted elsewhere, it proves what the log said by then.
    head: bytes


@dataclass(frozen=True)
class Compacted(_Plain):
    """What a compaction did."""

    #: The length of the file before.
    bytes_before: int
    #: Its length now.
    bytes_after: int


@dataclass(frozen=True)
class Restored(_Plain):
    """What a restore did."""

    #: How many keys were brought in.
    keys: int
    #: How many projects were brought in.
    projects: int
    #: The sequence that the store goes on from.
    sequence: int
    #: The last event that the backup and the store have in common, where anything tells which.
    common_sequence: int | None
    #: Keys of the backup that stay away, because the store pruned them, or may have.
    kept_away: int
    #: Keys that both changed since: revoked where either revoked them, else disabled.
    conflicts: tuple[KeyInfo, ...]
    #: Names of projects that both changed since: deleted where either deleted them, else disabled.
    project_conflicts: tuple[str, ...]
    #: Keys that may have been revoked since the backup, because there was nothing to read.
    uncertain: tuple[KeyInfo, ...]
    #: Where the file that could not be read was put.
    set_aside: Path | None


@dataclass(frozen=True)
class FoundToken(_Plain):
    """A token that was found in bytes or in a `str`. Its text is not in it."""

    #: Where it begins: in bytes, or in characters of a `str`.
    start: int
    #: Where it ends.
    end: int
    #: On which line, from 1.
    line: int
    #: What may be shown of it.
    hint: str
    #: The key that it says it is of.
    key_id: str
    #: That key, where the secret is one of its own.
    key: KeyInfo | None
    #: Whether it is good now, for whatever a verification may require.
    works: bool


@dataclass(frozen=True)
class Finding(_Plain):
    """A token that was found in a file. Its text is not in it."""

    #: The file.
    path: Path
    #: Where it begins, in bytes.
    offset: int
    #: On which line, from 1.
    line: int
    #: What may be shown of it.
    hint: str
    #: The key that it says it is of.
    key_id: str
    #: That key, where the secret is one of its own.
    key: KeyInfo | None
    #: Whether it is good now, for whatever a verification may require.
    works: bool


@dataclass(frozen=True)
class Scanned(_Plain):
    """What a scan found, and what it went through."""

    #: The tokens; one that stands in two places is there twice.
    findings: tuple[Finding, ...]
    #: What could not be read, and why.
    skipped: tuple[tuple[Path, str], ...]
    #: Files that were read to their end.
    files: int
    #: Bytes that were read.
    bytes: int


@dataclass(frozen=True)
class StoreInfo(_Plain):
    """What a store tells of itself."""

    #: Where it is.
    path: Path
    #: The format of its file.
    format: int
    #: Its own id, drawn when it was created; a backup has the same.
    store_id: bytes
    #: The prefix of its tokens.
    prefix: str
    #: When it was created.
    created_at: datetime
    #: The sequence of its last event.
    sequence: int
    #: The hash of its last event. Noted elsewhere with the sequence, it proves the log.
    head: bytes
    #: The last event that was pruned from the log; 0 where none was.
    log_begins_after: int
    #: Keys, of every state.
    keys: int
    #: Projects, those deleted that still have keys included.
    projects: int
    #: Digests of imported secrets, those of pruned keys included.
    digests: int
    #: Revoked keys that were pruned.
    tombstones: int
    #: Whether it has a pepper.
    pepper: Literal["none", "set", "changing"]
    #: The latest time that its own clock showed, by which expiry goes while the clock is behind it.
    mark: datetime
    #: What its clock shows now.
    clock: datetime
    #: Whether the clock runs so far ahead that the mark does not follow it.
    clock_ahead: bool
    #: What it asks of keys.
    policy: Policy
    #: The length of its file.
    file_bytes: int
    #: Whether it was opened for reading only.
    read_only: bool
    #: The regular expression that finds its tokens, for secret scanners.
    scanner_expression: str
