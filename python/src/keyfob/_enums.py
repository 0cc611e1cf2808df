"""The words of keyfob's API: codes, states, reasons, and the three that stand for no value."""

from __future__ import annotations

import enum
from typing import Final

__all__ = [
    "ANY",
    "KEEP",
    "NEVER",
    "Check",
    "Code",
    "EventKind",
    "KeyState",
    "MatchedSecret",
    "Order",
    "Reason",
    "Special",
]


class Special(enum.Enum):
    """The type of `ANY`, `KEEP` and `NEVER`, for annotations: `Literal[Special.KEEP]`."""

    ANY = "any"
    KEEP = "keep"
    NEVER = "never"

    def __repr__(self) -> str:
        return f"keyfob.{self.name}"


#: Any project, or any environment, will do.
ANY: Final = Special.ANY
#: `update` leaves this as it is.
KEEP: Final = Special.KEEP
#: The key does not expire, whatever the store's policy has as its default.
NEVER: Final = Special.NEVER


class Code(enum.IntEnum):
    """The number of an outcome, the same in Rust, C, C++ and Python.

    Numbers are never reused. 100-199 misuse of the API, 200-299 denials, 300-399 a change refused,
    400-499 the store, 900-999 a fault of keyfob's own.
    """

    OK = 0
    DONE = 1
    NO_CREDENTIALS = 2
    INVALID_ARGUMENT = 100
    INVALID_SCOPE = 101
    INVALID_TIME = 102
    LIMIT_EXCEEDED = 103
    INVALID_CURSOR = 104
    INVALID_PEPPER = 105
    EMPTY_REQUIREMENT = 106
    NULL_ARGUMENT = 107
    BUFFER_TOO_SMALL = 108
    UNKNOWN_OPTION = 109
    NOT_UTF8 = 110
    MALFORMED = 200
    NOT_FOUND = 201
    REVOKED = 202
    DISABLED = 203
    NOT_YET_VALID = 204
    EXPIRED = 205
    WRONG_ENVIRONMENT = 206
    WRONG_PROJECT = 207
    IP_NOT_ALLOWED = 208
    INSUFFICIENT_SCOPE = 209
    WRONG_OWNER = 210
    NO_SUCH_KEY = 300
    NO_SUCH_PROJECT = 301
    NAME_TAKEN = 302
    KEY_IS_REVOKED = 303
    KEY_IS_EXPIRED = 304
    SCOPE_NOT_ALLOWED = 305
    REQUEST_ID_REUSED = 306
    AMBIGUOUS_KEY = 307
    POLICY_REFUSED = 308
    TOO_MANY_KEYS = 309
    DIGEST_TAKEN = 310
    NOT_IMPORTABLE = 311
    PROJECT_IS_DISABLED = 312
    PEPPER_REFUSED = 313
    BEYOND_PARENT = 314
    CLOCK_IS_BEHIND = 315
    INTERRUPTED = 316
    NO_STORE = 400
    STORE_EXISTS = 401
    NOT_A_STORE = 402
    NEWER_FORMAT = 403
    PEPPER_REQUIRED = 404
    WRONG_PEPPER = 405
    LOCKED = 406
    BUSY = 407
    READ_ONLY = 408
    NO_SPACE = 409
    CORRUPTED = 410
    REPLACED = 411
    ROLLED_BACK = 412
    GONE = 413
    FORKED = 414
    CLOSED = 415
    OUTCOME_UNKNOWN = 416
    NEEDS_RECOVERY = 417
    IO = 418
    PEPPER_NOT_EXPECTED = 419
    INSECURE_PERMISSIONS = 420
    NOT_A_FILE = 421
    DANGLING_LINK = 422
    EMPTY_FILE = 423
    TRUNCATED = 424
    NETWORK_FILE_SYSTEM = 425
    PERMISSION_DENIED = 426
    OPTIONS_CONTRADICT = 427
    INTERNAL = 900
    POISONED = 901


class _Word(str, enum.Enum):
    """An enum whose members are their own texts, also in `format` and `json`, in every Python."""

    def __str__(self) -> str:
        return str.__str__(self)

    def __format__(self, form: str) -> str:
        return str.__format__(self, form)


class KeyState(_Word):
    """Where a key is in its life. The first that holds, in this order."""

    REVOKED = "revoked"
    DISABLED = "disabled"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    ACTIVE = "active"


class Reason(_Word):
    """Why a key was revoked: the reasons of RFC 5280, section 5.3.1, that fit an API key."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "key_compromise"
    AFFILIATION_CHANGED = "affiliation_changed"
    SUPERSEDED = "superseded"
    PRIVILEGE_WITHDRAWN = "privilege_withdrawn"
    CESSATION_OF_OPERATION = "cessation_of_operation"


class Order(_Word):
    """The order of a listing."""

    CREATED = "created"
    NAME = "name"
    EXPIRES = "expires"


class Check(_Word):
    """A step of a verification, in the order of the steps."""

    SHAPE = "shape"
    CHECKSUM = "checksum"
    RECORD = "record"
    DIGEST = "digest"
    REVOKED = "revoked"
    DISABLED = "disabled"
    NOT_BEFORE = "not_before"
    EXPIRED = "expired"
    ENVIRONMENT = "environment"
    OWNER = "owner"
    PROJECT = "project"
    IP = "ip"
    SCOPES = "scopes"


class MatchedSecret(_Word):
    """Which secret of a key was presented."""

    CURRENT = "current"
    #: The old one, in the grace after a rotation.
    PREVIOUS = "previous"


class EventKind(_Word):
    """What happened to the subject of an event."""

    STORE_CREATED = "store_created"
    KEY_CREATED = "key_created"
    KEY_IMPORTED = "key_imported"
    KEY_UPDATED = "key_updated"
    KEY_DISABLED = "key_disabled"
    KEY_ENABLED = "key_enabled"
    KEY_REVOKED = "key_revoked"
    KEY_ROTATED = "key_rotated"
    ROTATION_FINISHED = "rotation_finished"
    OLD_SECRET_REVOKED = "old_secret_revoked"
    KEY_PRUNED = "key_pruned"
    PROJECT_CREATED = "project_created"
    PROJECT_UPDATED = "project_updated"
    PROJECT_DISABLED = "project_disabled"
    PROJECT_ENABLED = "project_enabled"
    PROJECT_DELETED = "project_deleted"
    PROJECT_PRUNED = "project_pruned"
    POLICY_CHANGED = "policy_changed"
    CLOCK_RESET = "clock_reset"
    PEPPER_CHANGE_BEGUN = "pepper_change_begun"
    PEPPER_CHANGED = "pepper_changed"
    LOG_PRUNED = "log_pruned"
    RESTORED = "restored"
    KEY_RESTORED = "key_restored"
    PROJECT_RESTORED = "project_restored"
