"""What keyfob raises, sorted by blame.

`KeyfobError` is the base of all. Below it `VerificationError` (the token is not good for what is
asked), `MisuseError` (the caller passed what can never be right), `RefusedError` (the state of the
store does not admit the change), `StoreError` (the store could not answer) and `InternalError`.
No token, secret or pepper is ever in one.
"""

from __future__ import annotations

import errno
from typing import Any, ClassVar

from ._enums import Code

__all__ = [
    "InsufficientScope",
    "InternalError",
    "IpNotAllowed",
    "KeyDisabled",
    "KeyExpired",
    "KeyNotYetValid",
    "KeyRevoked",
    "KeyfobError",
    "MalformedToken",
    "MisuseError",
    "NoSuchKey",
    "NoSuchProject",
    "RefusedError",
    "StoreBusy",
    "StoreClosed",
    "StoreCorrupted",
    "StoreError",
    "StoreExists",
    "StoreForked",
    "StoreLocked",
    "StoreNotFound",
    "StoreReadOnly",
    "StoreReplaced",
    "TokenNotFound",
    "TokenNotShown",
    "VerificationError",
    "WrongEnvironment",
    "WrongOwner",
    "WrongProject",
]


class KeyfobError(Exception):
    """The base of everything that keyfob raises."""

    #: The number, the same in every language.
    code: Code = Code.INTERNAL
    #: The key whose token was refused, where the secret was its own; of a change that was refused, the
    #: key that the message names.
    key_id: str | None = None
    #: Of a verb of many keys that was stopped: what it would have answered, as far as it got. What is
    #: in it is durable.
    outcome: Any = None

    def __init__(self, message: str, code: Code | None = None, key_id: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        if key_id is not None:
            self.key_id = key_id


class VerificationError(KeyfobError):
    """The token is not good for what is asked.

    Which subclass it is, is for the caller's own log. What goes to the holder over HTTP should be
    coarse: `http_status`.
    """

    #: 401 where another token could help, 403 where the token is good but not for this.
    http_status: ClassVar[int] = 401


class MalformedToken(VerificationError):
    """A typing error, or no token of this store: shape, prefix or checksum is wrong."""

    code = Code.MALFORMED


class TokenNotFound(VerificationError):
    """No key has this id and secret."""

    code = Code.NOT_FOUND


class KeyRevoked(VerificationError):
    """The key was revoked, or its project was deleted."""

    code = Code.REVOKED


class KeyDisabled(VerificationError):
    """The key, or its project, is disabled."""

    code = Code.DISABLED


class KeyNotYetValid(VerificationError):
    """The key's not-before lies ahead."""

    code = Code.NOT_YET_VALID


class KeyExpired(VerificationError):
    """The key has expired, or the grace of this old secret has ended."""

    code = Code.EXPIRED


class WrongEnvironment(VerificationError):
    """The key is of another environment than the one required."""

    code = Code.WRONG_ENVIRONMENT
    http_status = 403


class WrongProject(VerificationError):
    """The key is bound to a project that was not stated."""

    code = Code.WRONG_PROJECT
    http_status = 403


class IpNotAllowed(VerificationError):
    """The key has an IP list, and the address was not given or is not on it."""

    code = Code.IP_NOT_ALLOWED
    http_status = 403


class InsufficientScope(VerificationError):
    """The key does not grant the required scopes."""

    code = Code.INSUFFICIENT_SCOPE
    http_status = 403


class WrongOwner(VerificationError):
    """The key belongs to another owner than the one required, or than the stated project's."""

    code = Code.WRONG_OWNER
    http_status = 403


class MisuseError(KeyfobError, ValueError):
    """An argument can never be right, as the message says; nothing was read or written."""

    code = Code.INVALID_ARGUMENT


class TokenNotShown(MisuseError, LookupError):
    """The token was shown to the first request of this `request_id`, and is stored nowhere."""

    code = Code.REQUEST_ID_REUSED


class RefusedError(KeyfobError):
    """The state of the store does not admit the change, as `code` says; nothing was changed."""


class NoSuchKey(RefusedError, LookupError):
    """No key has this id."""

    code = Code.NO_SUCH_KEY


class NoSuchProject(RefusedError, LookupError):
    """No project has this name."""

    code = Code.NO_SUCH_PROJECT


class StoreError(KeyfobError, OSError):
    """The store could not answer, as `code` says: neither yes nor no. Over HTTP this is 503."""

    code = Code.IO
    #: Set where the operating system reported an error, or has a number for what `code` says.
    errno: int | None

    def __init__(self, message: str, code: Code | None = None, key_id: str | None = None) -> None:
        super().__init__(message, code, key_id)
        self.errno = _ERRNO.get(self.code)

    def __reduce__(self) -> tuple[Any, ...]:
        # OSError leaves out an errno that was set afterwards.
        return _error, (self.code.value, str(self), self.errno, self.key_id)


#: Errors of a store for which the operating system has a number.
_ERRNO: dict[Code, int] = {
    Code.NO_STORE: errno.ENOENT,
    Code.STORE_EXISTS: errno.EEXIST,
    Code.BUSY: errno.ETIMEDOUT,
    Code.READ_ONLY: errno.EROFS,
    Code.NO_SPACE: errno.ENOSPC,
    Code.PERMISSION_DENIED: errno.EACCES,
}


class StoreNotFound(StoreError, FileNotFoundError):
    """There is no file at the path."""

    code = Code.NO_STORE


class StoreExists(StoreError, FileExistsError):
    """There is a file at the path already."""

    code = Code.STORE_EXISTS


class StoreLocked(StoreError):
    """Another process holds the store in a way that excludes this open."""

    code = Code.LOCKED


class StoreBusy(StoreError, TimeoutError):
    """The store did not become free in time; a change was not made."""

    code = Code.BUSY


class StoreReadOnly(StoreError):
    """The store is open for reading only, or its file cannot be written."""

    code = Code.READ_ONLY


class StoreCorrupted(StoreError):
    """The file is damaged, or was altered by something other than keyfob."""

    code = Code.CORRUPTED


class StoreReplaced(StoreError):
    """Another file stands at the path now; open the store again."""

    code = Code.REPLACED


class StoreForked(StoreError):
    """The process was forked while it had the store open exclusively; open it after the fork. Or it is
    an iterator that the parent made: make another one."""

    code = Code.FORKED


class StoreClosed(StoreError):
    """The store was closed; open it again."""

    code = Code.CLOSED


class InternalError(KeyfobError, RuntimeError):
    """keyfob found itself in a state that it believed impossible; please report it."""

    code = Code.INTERNAL


#: The classes of single codes. Every other code is raised as its family.
_OF_CODE: dict[Code, type[KeyfobError]] = {
    kind.code: kind
    for kind in (
        MalformedToken,
        TokenNotFound,
        KeyRevoked,
        KeyDisabled,
        KeyNotYetValid,
        KeyExpired,
        WrongEnvironment,
        WrongProject,
        IpNotAllowed,
        InsufficientScope,
        WrongOwner,
        NoSuchKey,
        NoSuchProject,
        StoreNotFound,
        StoreExists,
        StoreLocked,
        StoreBusy,
        StoreReadOnly,
        StoreCorrupted,
        StoreReplaced,
        StoreForked,
        StoreClosed,
    )
}

#: By the hundreds of the number.
_FAMILIES: dict[int, type[KeyfobError]] = {
    1: MisuseError,
    2: VerificationError,
    3: RefusedError,
    4: StoreError,
    9: InternalError,
}


def _error(number: int, message: str, number_of_os: int | None, key_id: str | None) -> KeyfobError:
    """Makes the exception of what the native module says: the one place of translation."""
    code = Code(number)
    error = _OF_CODE.get(code, _FAMILIES[number // 100])(message, code, key_id)
    if number_of_os is not None and isinstance(error, StoreError):
        error.errno = number_of_os
    return error
