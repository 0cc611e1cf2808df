/*
 * SPDX-License-Identifier: MIT OR Apache-2.0
 * Made of ffi/src and ffi/header by scripts/header; do not edit.
 */

/** \file keyfob.h
 *  \brief The C API of keyfob; its conventions are on the main page. */

/** \mainpage keyfob in C
 *
 *  An embedded store of API keys: one file, no server, no network. The process that needs to know
 *  whether a token is good asks a function.
 *
 *  \section errors Statuses and errors
 *
 *  A function that can fail returns a \ref keyfob_status, of which 0, \ref KEYFOB_OK, is the only
 *  one that says that it did what it was asked; a number that you do not know is a failure. The
 *  last parameter of most is `keyfob_error **err`. NULL is allowed there, and then no error is
 *  made. Otherwise *err becomes NULL on success and an object on failure, to be freed with
 *  keyfob_error_free(); what it held before is not looked at. Its message never holds a token, a
 *  secret or a pepper, unless you passed one as a path. The errors of a function are named without the prefix, the most telling
 *  ones first; NULL_ARGUMENT, NOT_UTF8, UNKNOWN_OPTION, INTERNAL, POISONED and what a store says
 *  of its file (BUSY, CLOSED, CORRUPTED, IO, REPLACED ...) may come from any that could mean it.
 *  The hot verifications have no such parameter: their status says all that there is to say.
 *
 *  \section ownership What is whose
 *
 *  Every non-const `T **out` you get is yours: free it once with the `_free` of its type (a
 *  store: keyfob_store_close()); NULL is allowed there. A pointer that a function *returns*, or
 *  writes through a `const T **out`, is borrowed, and lives as long as the object that it came
 *  from, or as its function says. Nothing you pass in is kept or freed: inputs are copied before
 *  a function returns; only what `user` points to has to live as long as its callback may be
 *  called. No function but the `_free` or `_close` of its type consumes an object. What keyfob
 *  allocated must not be given to free(). No output may overlap an input or another output:
 *  outputs are emptied before inputs are looked at.
 *
 *  Outputs are written on success only: on failure pointers become NULL, numbers 0, structs zeros
 *  but for their size, and the buffer of a token an empty text. The exceptions are the bulk
 *  verbs, keyfob_store_create_keys() and keyfob_store_import(), which say how far they got
 *  whatever the status is. An output that may be NULL says so.
 *
 *  \section text Text, bytes and times
 *
 *  Text goes in as a pointer and a size; \ref KEYFOB_NUL as the size says that a NUL ends it.
 *  NULL with a size of 0 is an empty text, in a \ref keyfob_text one that is not stated; NULL
 *  with another size is NULL_ARGUMENT. Text is UTF-8, tokens and paths are any bytes. Text comes
 *  out with a NUL behind it, and is counted where you ask: `const char *f(object, size_t
 *  *size_or_NULL)`. Look at what read() gave before you pass it on: -1 as a size_t is KEYFOB_NUL.
 *
 *  Times are whole seconds since 1970, those of events milliseconds. In an answer \ref
 *  KEYFOB_NO_TIME says that there is none; in a struct that you fill in 0 does.
 *
 *  \section structs Structs with a size
 *
 *  A struct that begins with `size` is initialised by its _INIT, `keyfob_new_key k =
 *  KEYFOB_NEW_KEY_INIT;`, which is all zeros but for the size: the defaults. A library that is
 *  older than your header accepts it as long as what it does not know is zero, and else answers
 *  UNKNOWN_OPTION; a newer one fills in the default. Its fields are only ever added to, at the
 *  end. A size of less than the first version had, such as that of a pointer, is
 *  INVALID_ARGUMENT. Where a pointer to one may be NULL, that is the defaults.
 *
 *  \section tokens Tokens
 *
 *  A token is put into a buffer of yours, of keyfob_token_max() bytes at least, which is looked
 *  at before anything is stored. It is shown there once and cannot be had again. Wipe the buffer
 *  with keyfob_memzero(). What is swapped out or dumped is the program's to prevent.
 *
 *  \section threads Threads and forks
 *
 *  Every function says which threads may call it. "any": any number at the same time, with the
 *  same object too, but for the call that frees or closes it. "one at a time": no other call with
 *  the same object at the same time; it may move between threads. There is nothing to be
 *  initialised, no global state but what a store has open, no signal handler, and nothing is ever
 *  printed. In a signal handler nothing may be called but keyfob_memzero().
 *
 *  In a child of a fork the handle of a store may be used, and opens the file again there; an
 *  exclusive one answers FORKED. So may a requirement; other objects of the parent may not.
 *
 *  A callback is called in the thread that asked, with no lock held, and must return: what happens after
 *  a C++ exception or a longjmp() through keyfob is undefined.
 *
 *  \section faults Faults of keyfob's own
 *
 *  A panic inside is caught and becomes \ref KEYFOB_INTERNAL. The handle that it happened on is
 *  spoilt, and all that were made of it: each further call on them answers \ref KEYFOB_POISONED.
 *  Close it and open the store again. So that nothing is printed, the panic hook of the library's
 *  own Rust runtime is replaced at the first call; the installed libkeyfob.a has a runtime of its
 *  own as well, the archive that cargo makes shares that of other Rust code in the program. Memory
 *  that runs out ends the process.
 *
 *  The shared library stays loaded once it is: dlclose() does not unload it, since its thread that
 *  writes last-used times may still run.
 *
 *  The layout of the structs is stated and tested for 64-bit systems.
 */

#ifndef KEYFOB_H
#define KEYFOB_H

#include <stddef.h>
#include <stdint.h>

/** The major version of this header. */
#define KEYFOB_VERSION_MAJOR 0
/** The minor version of this header. */
#define KEYFOB_VERSION_MINOR 1
/** The patch version of this header. */
#define KEYFOB_VERSION_PATCH 0
/** The version of this header; keyfob_version() tells that of the library. */
#define KEYFOB_VERSION_STRING "0.1.0"
/** The version of this header as a number; keyfob_version_number() tells that of the library. */
#define KEYFOB_VERSION_NUMBER \
    (KEYFOB_VERSION_MAJOR * 1000000 + KEYFOB_VERSION_MINOR * 1000 + KEYFOB_VERSION_PATCH)

/** The ABI that this header describes; keyfob_abi_version() tells that of the library. */
#define KEYFOB_ABI_VERSION 0

/** As the size of a text: it is a C string, which a NUL ends. */
#define KEYFOB_NUL SIZE_MAX

/** As a time in an answer: there is none. Smaller than any time, so that a careless comparison
 *  with an expiry refuses. */
#define KEYFOB_NO_TIME INT64_MIN

/** How a check of keyfob_store_explain() came out that could not be made, because one before it
 *  found nothing to check. */
#define KEYFOB_NOT_REACHED (-1)

/** Before a function whose status must be looked at. */
#ifndef KEYFOB_NODISCARD
#  if defined(__cplusplus)
#    if __cplusplus >= 201703L
#      define KEYFOB_NODISCARD [[nodiscard]]
#    endif
#  elif defined(__STDC_VERSION__)
#    if __STDC_VERSION__ > 201710L
#      define KEYFOB_NODISCARD [[nodiscard]]
#    endif
#  endif
#  if !defined(KEYFOB_NODISCARD) && defined(__GNUC__)
#    define KEYFOB_NODISCARD __attribute__((__warn_unused_result__))
#  endif
#  ifndef KEYFOB_NODISCARD
#    define KEYFOB_NODISCARD
#  endif
#endif

/** Behind every function: none of them throws. */
#ifndef KEYFOB_NOEXCEPT
#  ifdef __cplusplus
#    define KEYFOB_NOEXCEPT noexcept
#  else
#    define KEYFOB_NOEXCEPT
#  endif
#endif

/**
 * The size of a buffer that holds the id of a key or a project as text, its NUL included.
 */
#define KEYFOB_ID_MAX 23

/**
 * The size of a buffer that holds a pepper in hexadecimal, its NUL included.
 */
#define KEYFOB_PEPPER_HEX_MAX 65

/**
 * The size of a buffer that holds any token of this ABI, its NUL included. keyfob_token_max()
 * tells that of the library that is loaded.
 */
#define KEYFOB_TOKEN_MAX 111

/**
 * The values of \ref keyfob_status; the same names and numbers in every language.
 *
 * 0 to 2 are no errors; 100-199 misuse of the API; 200-299 denials of a verification; 300-399 a
 * change that was refused; 400-499 the store; 900-999 a fault of keyfob's own. Numbers are never
 * reused, and new ones may come: treat what you do not know as a failure.
 */
typedef enum keyfob_statuses {
  /**
   * It worked.
   */
  KEYFOB_OK = 0,
  /**
   * The end of an iteration.
   */
  KEYFOB_DONE = 1,
  /**
   * An Authorization value holds no bearer token: nothing was presented, and nothing verified.
   */
  KEYFOB_NO_CREDENTIALS = 2,
  /**
   * An argument can never be right, as the message says.
   */
  KEYFOB_INVALID_ARGUMENT = 100,
  /**
   * A scope does not parse.
   */
  KEYFOB_INVALID_SCOPE = 101,
  /**
   * A time or a duration is out of range, or in the wrong order.
   */
  KEYFOB_INVALID_TIME = 102,
  /**
   * A value is past its bound.
   */
  KEYFOB_LIMIT_EXCEEDED = 103,
  /**
   * A cursor of another store or another listing, or one that was altered.
   */
  KEYFOB_INVALID_CURSOR = 104,
  /**
   * A pepper is not 64 hexadecimal characters, or not of this use.
   */
  KEYFOB_INVALID_PEPPER = 105,
  /**
   * Any of no scopes at all was required.
   */
  KEYFOB_EMPTY_REQUIREMENT = 106,
  /**
   * A pointer is NULL that must not be. In C only, as those up to 110.
   */
  KEYFOB_NULL_ARGUMENT = 107,
  /**
   * The caller's buffer is too small; nothing was done.
   */
  KEYFOB_BUFFER_TOO_SMALL = 108,
  /**
   * An option, a flag or a number that this version does not know was asked for.
   */
  KEYFOB_UNKNOWN_OPTION = 109,
  /**
   * A text is not UTF-8.
   */
  KEYFOB_NOT_UTF8 = 110,
  /**
   * Not a token: the shape or the checksum is wrong.
   */
  KEYFOB_MALFORMED = 200,
  /**
   * No key has this id and secret.
   */
  KEYFOB_NOT_FOUND = 201,
  /**
   * The key, or its project, was taken away for good.
   */
  KEYFOB_REVOKED = 202,
  /**
   * The key, or its project, is disabled.
   */
  KEYFOB_DISABLED = 203,
  /**
   * The key is not good yet.
   */
  KEYFOB_NOT_YET_VALID = 204,
  /**
   * The key, or the grace of its old secret, has ended.
   */
  KEYFOB_EXPIRED = 205,
  /**
   * The key is of another environment.
   */
  KEYFOB_WRONG_ENVIRONMENT = 206,
  /**
   * The key is bound to another project, or no project was stated.
   */
  KEYFOB_WRONG_PROJECT = 207,
  /**
   * The key has an IP list and the address is not on it, or was not given.
   */
  KEYFOB_IP_NOT_ALLOWED = 208,
  /**
   * The key does not grant what is required.
   */
  KEYFOB_INSUFFICIENT_SCOPE = 209,
  /**
   * The key belongs to another owner.
   */
  KEYFOB_WRONG_OWNER = 210,
  /**
   * No key has this id.
   */
  KEYFOB_NO_SUCH_KEY = 300,
  /**
   * No project has this name.
   */
  KEYFOB_NO_SUCH_PROJECT = 301,
  /**
   * A project of this name exists.
   */
  KEYFOB_NAME_TAKEN = 302,
  /**
   * The key is revoked, which is final.
   */
  KEYFOB_KEY_IS_REVOKED = 303,
  /**
   * The key is expired; give it a later expiry first.
   */
  KEYFOB_KEY_IS_EXPIRED = 304,
  /**
   * A scope goes beyond what the project, or the creating key, allows.
   */
  KEYFOB_SCOPE_NOT_ALLOWED = 305,
  /**
   * The request id was used for another request.
   */
  KEYFOB_REQUEST_ID_REUSED = 306,
  /**
   * Several keys end in these characters.
   */
  KEYFOB_AMBIGUOUS_KEY = 307,
  /**
   * The store's policy does not admit the expiry.
   */
  KEYFOB_POLICY_REFUSED = 308,
  /**
   * The owner has as many keys as the policy admits.
   */
  KEYFOB_TOO_MANY_KEYS = 309,
  /**
   * A key with this digest exists, or existed.
   */
  KEYFOB_DIGEST_TAKEN = 310,
  /**
   * The string may not be imported, as the message says.
   */
  KEYFOB_NOT_IMPORTABLE = 311,
  /**
   * The project is disabled.
   */
  KEYFOB_PROJECT_IS_DISABLED = 312,
  /**
   * The pepper verb does not fit the store's state.
   */
  KEYFOB_PEPPER_REFUSED = 313,
  /**
   * The creating key may not give this away: project, owner, environment or expiry.
   */
  KEYFOB_BEYOND_PARENT = 314,
  /**
   * The clock is so far behind the latest time that it showed that the key would be expired
   * from the start.
   */
  KEYFOB_CLOCK_IS_BEHIND = 315,
  /**
   * The caller's own callback stopped the work.
   */
  KEYFOB_INTERRUPTED = 316,
  /**
   * There is no file at the path.
   */
  KEYFOB_NO_STORE = 400,
  /**
   * There is a file at the path already.
   */
  KEYFOB_STORE_EXISTS = 401,
  /**
   * The file is not a keyfob store.
   */
  KEYFOB_NOT_A_STORE = 402,
  /**
   * The file was written by a newer keyfob.
   */
  KEYFOB_NEWER_FORMAT = 403,
  /**
   * The store has a pepper, and it was not given.
   */
  KEYFOB_PEPPER_REQUIRED = 404,
  /**
   * The pepper is not this store's.
   */
  KEYFOB_WRONG_PEPPER = 405,
  /**
   * Another process holds the store in a way that excludes this open.
   */
  KEYFOB_LOCKED = 406,
  /**
   * The store did not become free in time.
   */
  KEYFOB_BUSY = 407,
  /**
   * The store is open for reading only, or its file cannot be written.
   */
  KEYFOB_READ_ONLY = 408,
  /**
   * The disk, or what is kept of it for revocations, is full.
   */
  KEYFOB_NO_SPACE = 409,
  /**
   * The file is damaged, or was altered by something other than keyfob.
   */
  KEYFOB_CORRUPTED = 410,
  /**
   * Another file stands at the path now.
   */
  KEYFOB_REPLACED = 411,
  /**
   * The store's sequence is below the least that the caller accepts.
   */
  KEYFOB_ROLLED_BACK = 412,
  /**
   * The log no longer reaches back that far.
   */
  KEYFOB_GONE = 413,
  /**
   * The process was forked after the store was opened.
   */
  KEYFOB_FORKED = 414,
  /**
   * The store was closed.
   */
  KEYFOB_CLOSED = 415,
  /**
   * A commit failed in a way that leaves open whether it happened.
   */
  KEYFOB_OUTCOME_UNKNOWN = 416,
  /**
   * The last writer crashed; open the store once for writing.
   */
  KEYFOB_NEEDS_RECOVERY = 417,
  /**
   * The operating system reported an error.
   */
  KEYFOB_IO = 418,
  /**
   * A pepper was given, and the store has none.
   */
  KEYFOB_PEPPER_NOT_EXPECTED = 419,
  /**
   * Others can read or write the file or its folder.
   */
  KEYFOB_INSECURE_PERMISSIONS = 420,
  /**
   * The path is a directory, a FIFO, a device or a socket.
   */
  KEYFOB_NOT_A_FILE = 421,
  /**
   * The path is a symbolic link that leads nowhere.
   */
  KEYFOB_DANGLING_LINK = 422,
  /**
   * The file is empty.
   */
  KEYFOB_EMPTY_FILE = 423,
  /**
   * The file is shorter than its own header says.
   */
  KEYFOB_TRUNCATED = 424,
  /**
   * The file lies on a network file system.
   */
  KEYFOB_NETWORK_FILE_SYSTEM = 425,
  /**
   * The operating system denies access to the file.
   */
  KEYFOB_PERMISSION_DENIED = 426,
  /**
   * An option at open contradicts the file.
   */
  KEYFOB_OPTIONS_CONTRADICT = 427,
  /**
   * keyfob found itself in a state that it believed impossible.
   */
  KEYFOB_INTERNAL = 900,
  /**
   * An earlier internal fault left this handle unusable; open the store again. In C only.
   */
  KEYFOB_POISONED = 901,
} keyfob_statuses;

/**
 * Bits of keyfob_store_options.flags.
 */
typedef enum keyfob_open_flags {
  /**
   * Open for reading only: every change answers READ_ONLY, and last-used times are not kept.
   */
  KEYFOB_OPEN_READ_ONLY = 1,
  /**
   * Open for this process alone: any other open is LOCKED, and a child of a fork is FORKED.
   */
  KEYFOB_OPEN_EXCLUSIVE = 2,
  /**
   * Read the first page of the file with system calls instead of mapping it, which a program
   * needs that truncates the file itself; each verification is slower by them.
   */
  KEYFOB_OPEN_NO_MAPPING = 4,
  /**
   * Keep no key in memory: each verification reads the file.
   */
  KEYFOB_OPEN_NO_KEY_CACHE = 8,
  /**
   * Write last-used times only on close and on keyfob_store_flush().
   */
  KEYFOB_OPEN_NO_FLUSHING = 16,
  /**
   * Put up with a file, or a folder, that others own, read or write.
   */
  KEYFOB_OPEN_ALLOW_INSECURE_PERMISSIONS = 32,
  /**
   * Put up with a network file system, where locks may not hold.
   */
  KEYFOB_OPEN_ALLOW_NETWORK_FILE_SYSTEM = 64,
} keyfob_open_flags;

/**
 * Values of keyfob_store_options.check: when the whole file is checked as it is opened.
 */
typedef enum keyfob_checks_on_open {
  /**
   * Where nobody else has the store open and it was not closed cleanly.
   */
  KEYFOB_CHECK_AUTO = 0,
  /**
   * Each time.
   */
  KEYFOB_CHECK_ALWAYS = 1,
  /**
   * Not at all.
   */
  KEYFOB_CHECK_NEVER = 2,
} keyfob_checks_on_open;

/**
 * Bits of keyfob_policy.flags.
 */
typedef enum keyfob_policy_flags {
  /**
   * Every key must expire.
   */
  KEYFOB_POLICY_EXPIRY_REQUIRED = 1,
  /**
   * keyfob_policy.most_keys_per_owner holds; without it there is no such bound.
   */
  KEYFOB_POLICY_MOST_KEYS_PER_OWNER = 2,
} keyfob_policy_flags;

/**
 * Bits of keyfob_requirement_spec.flags.
 */
typedef enum keyfob_requirement_flags {
  /**
   * Accept the tokens of any project.
   */
  KEYFOB_REQUIRE_ANY_PROJECT = 1,
  /**
   * Accept any environment.
   */
  KEYFOB_REQUIRE_ANY_ENVIRONMENT = 2,
} keyfob_requirement_flags;

/**
 * Bits of keyfob_verification.flags.
 */
typedef enum keyfob_verification_flags {
  /**
   * The token holds the old secret of a rotation, whose grace runs: its holder should change to
   * the new one.
   */
  KEYFOB_VERIFIED_PREVIOUS_SECRET = 1,
} keyfob_verification_flags;

/**
 * Which kind of expiry is stated.
 */
typedef enum keyfob_expiry_kinds {
  /**
   * As the store's policy says; without one, never.
   */
  KEYFOB_EXPIRY_DEFAULT = 0,
  /**
   * Never.
   */
  KEYFOB_EXPIRY_NEVER = 1,
  /**
   * At a time, in seconds since 1970: the key is good until the second before.
   */
  KEYFOB_EXPIRY_AT = 2,
  /**
   * So many seconds from now.
   */
  KEYFOB_EXPIRY_IN = 3,
} keyfob_expiry_kinds;

/**
 * Bits of keyfob_key_update.set and keyfob_key_update.clear: which fields an update is about.
 */
typedef enum keyfob_key_fields {
  /**
   * What people call it; cannot be cleared.
   */
  KEYFOB_KEY_NAME = 1,
  /**
   * What it may do.
   */
  KEYFOB_KEY_SCOPES = 2,
  /**
   * Whom it belongs to.
   */
  KEYFOB_KEY_OWNER = 4,
  /**
   * When it expires; cleared means never. An expired key may be given a later one.
   */
  KEYFOB_KEY_EXPIRY = 8,
  /**
   * From when on it is good.
   */
  KEYFOB_KEY_NOT_BEFORE = 16,
  /**
   * All of its metadata at once.
   */
  KEYFOB_KEY_METADATA = 32,
  /**
   * All of its tags.
   */
  KEYFOB_KEY_TAGS = 64,
  /**
   * All of its IP list; only clearing empties it, after which it is good from any address.
   */
  KEYFOB_KEY_IP_LIST = 128,
  /**
   * After how many seconds since the last rotation it should be rotated.
   */
  KEYFOB_KEY_ROTATION_DUE_AFTER = 256,
} keyfob_key_fields;

/**
 * Bits of keyfob_revoke_options.flags.
 */
typedef enum keyfob_revoke_flags {
  /**
   * Of keyfob_store_revoke_token(): end the whole key where its old secret is presented, and not
   * that secret alone.
   */
  KEYFOB_REVOKE_WHOLE_KEY = 1,
} keyfob_revoke_flags;

/**
 * Bits of keyfob_rotate_result.flags.
 */
typedef enum keyfob_rotate_result_flags {
  /**
   * The grace is shorter than what was asked for.
   */
  KEYFOB_ROTATED_GRACE_CUT = 1,
  /**
   * This is the answer to a request that was made before; the token is empty.
   */
  KEYFOB_ROTATED_REPLAYED = 2,
} keyfob_rotate_result_flags;

/**
 * What a key is at a time: the first that applies. Each is a bit, so that a filter can name
 * several.
 */
typedef enum keyfob_key_states {
  /**
   * Taken away for good, or its project was deleted.
   */
  KEYFOB_STATE_REVOKED = 1,
  /**
   * Disabled, or its project is.
   */
  KEYFOB_STATE_DISABLED = 2,
  /**
   * Its not-before lies ahead.
   */
  KEYFOB_STATE_NOT_YET_VALID = 4,
  /**
   * Its expiry has passed.
   */
  KEYFOB_STATE_EXPIRED = 8,
  /**
   * Good.
   */
  KEYFOB_STATE_ACTIVE = 16,
} keyfob_key_states;

/**
 * Why a key was revoked: the reasons of RFC 5280, section 5.3.1, that fit an API key.
 */
typedef enum keyfob_reasons {
  /**
   * No reason was given.
   */
  KEYFOB_REASON_UNSPECIFIED = 0,
  /**
   * The token leaked, or may have.
   */
  KEYFOB_REASON_KEY_COMPROMISE = 1,
  /**
   * The holder's relation to the owner changed.
   */
  KEYFOB_REASON_AFFILIATION_CHANGED = 3,
  /**
   * Another key took its place.
   */
  KEYFOB_REASON_SUPERSEDED = 4,
  /**
   * What the key was for has ended.
   */
  KEYFOB_REASON_CESSATION_OF_OPERATION = 5,
  /**
   * The holder no longer may do what the key allows.
   */
  KEYFOB_REASON_PRIVILEGE_WITHDRAWN = 9,
} keyfob_reasons;

/**
 * Which of a key's secrets a question is about.
 */
typedef enum keyfob_secrets {
  /**
   * All that it ever had, together: no rotation makes a key look unused.
   */
  KEYFOB_SECRETS_ALL = 0,
  /**
   * The newest.
   */
  KEYFOB_SECRETS_CURRENT = 1,
  /**
   * The one before the last rotation, while its grace runs.
   */
  KEYFOB_SECRETS_PREVIOUS = 2,
  /**
   * Those that are no longer good.
   */
  KEYFOB_SECRETS_EARLIER = 3,
} keyfob_secrets;

/**
 * Bits of keyfob_filter.flags.
 */
typedef enum keyfob_filter_flags {
  /**
   * Never used, with any of the secrets that it ever had.
   */
  KEYFOB_FILTER_NEVER_USED = 1,
  /**
   * Due for rotation, and not revoked.
   */
  KEYFOB_FILTER_ROTATION_DUE = 2,
} keyfob_filter_flags;

/**
 * Values of keyfob_list_options.order. Ties go by id.
 */
typedef enum keyfob_orders {
  /**
   * By creation in this store, which is the order of the ids.
   */
  KEYFOB_ORDER_CREATED = 0,
  /**
   * By name, byte by byte. No index has it: each page looks at every key that the filter leaves,
   * so that few large pages cost less than many small ones.
   */
  KEYFOB_ORDER_NAME = 1,
  /**
   * By expiry; keys that never expire come last.
   */
  KEYFOB_ORDER_EXPIRES = 2,
} keyfob_orders;

/**
 * Bits of keyfob_list_options.flags.
 */
typedef enum keyfob_list_flags {
  /**
   * The last first.
   */
  KEYFOB_LIST_REVERSE = 1,
} keyfob_list_flags;

/**
 * Bits of keyfob_project_update.set and keyfob_project_update.clear.
 */
typedef enum keyfob_project_fields {
  /**
   * The scopes that its tokens may hold at most, from now on.
   */
  KEYFOB_PROJECT_SCOPES = 1,
  /**
   * Whom it belongs to.
   */
  KEYFOB_PROJECT_OWNER = 2,
} keyfob_project_fields;

/**
 * Bits of keyfob_log_query.flags.
 */
typedef enum keyfob_log_flags {
  /**
   * Begin after keyfob_log_query.after, which may be 0: GONE where events behind it were pruned.
   * Without it the log is read from where it begins.
   */
  KEYFOB_LOG_AFTER = 1,
} keyfob_log_flags;

/**
 * What an event is about.
 */
typedef enum keyfob_subjects {
  /**
   * The store as a whole.
   */
  KEYFOB_SUBJECT_STORE = 0,
  /**
   * One key.
   */
  KEYFOB_SUBJECT_KEY = 1,
  /**
   * One project.
   */
  KEYFOB_SUBJECT_PROJECT = 2,
} keyfob_subjects;

/**
 * Whether a store has a pepper.
 */
typedef enum keyfob_pepper_states {
  /**
   * It has none: its tags find corruption, and not who can write the file.
   */
  KEYFOB_PEPPER_NONE = 0,
  /**
   * It has one.
   */
  KEYFOB_PEPPER_SET = 1,
  /**
   * One is being introduced, changed or removed.
   */
  KEYFOB_PEPPER_CHANGING = 2,
} keyfob_pepper_states;

/**
 * Bits of keyfob_restore_options.flags.
 */
typedef enum keyfob_restore_flags {
  /**
   * Disable every key that the restore brings in, to be enabled one by one.
   */
  KEYFOB_RESTORE_DISABLE_ALL = 1,
  /**
   * Accept, into a store that has a pepper, a backup from before it had one: nothing but its
   * origin says that nobody altered it.
   */
  KEYFOB_RESTORE_TRUST_UNKEYED = 2,
  /**
   * Put the backup in the place of a file that does not begin as a store does. The file is kept
   * beside it.
   */
  KEYFOB_RESTORE_REPLACE_OTHER_FILE = 4,
} keyfob_restore_flags;

/**
 * What a line of an import is in: the bare string or a JSON object for the first three, a JSON
 * object with the foreign system's own column names for the others.
 */
typedef enum keyfob_import_formats {
  /**
   * The original string.
   */
  KEYFOB_IMPORT_RAW = 1,
  /**
   * SHA-256 of the original string, in hexadecimal.
   */
  KEYFOB_IMPORT_SHA256_HEX = 2,
  /**
   * SHA-256 of the original string, in base64.
   */
  KEYFOB_IMPORT_SHA256_BASE64 = 3,
  /**
   * A row of djangorestframework-api-key 3.
   */
  KEYFOB_IMPORT_DRF_API_KEY = 4,
  /**
   * A row of django-rest-knox 4.2 or 5.
   */
  KEYFOB_IMPORT_KNOX = 5,
  /**
   * Prefix, short token and hash of the long token, of Seam's prefixed-api-key.
   */
  KEYFOB_IMPORT_PREFIXED_API_KEY = 6,
  /**
   * A row of Laravel Sanctum's personal_access_tokens.
   */
  KEYFOB_IMPORT_SANCTUM = 7,
  /**
   * A key of Unkey.
   */
  KEYFOB_IMPORT_UNKEY = 8,
} keyfob_import_formats;

/**
 * A clock that a test sets, for keyfob_store_options.clock.
 */
typedef struct keyfob_clock keyfob_clock;

/**
 * The keys that a bulk creation made, with their tokens, which are wiped when it is freed.
 */
typedef struct keyfob_created_list keyfob_created_list;

/**
 * What a call says of its failure. It never holds a token, a secret or a pepper.
 */
typedef struct keyfob_error keyfob_error;

/**
 * One line of the log.
 */
typedef struct keyfob_event keyfob_event;

/**
 * The events of a query, one after the other. It has a reference to the store of its own, and no
 * read stays open between two calls.
 */
typedef struct keyfob_event_iter keyfob_event_iter;

/**
 * Every check of a verification with its outcome.
 */
typedef struct keyfob_explanation keyfob_explanation;

/**
 * A token that was found. Its text is not in it.
 */
typedef struct keyfob_finding keyfob_finding;

/**
 * The tokens that were found in bytes.
 */
typedef struct keyfob_finding_list keyfob_finding_list;

/**
 * What became of the lines of an import: of the first so many of them.
 */
typedef struct keyfob_import_result keyfob_import_result;

/**
 * What a store told of itself, as it was then.
 */
typedef struct keyfob_info keyfob_info;

/**
 * What the full check found.
 */
typedef struct keyfob_integrity_report keyfob_integrity_report;

/**
 * What the store told of a key, as it was then.
 */
typedef struct keyfob_key keyfob_key;

/**
 * The keys of a listing, one after the other. It has a reference to the store of its own, and no
 * read stays open between two calls: what is created, changed or pruned meanwhile neither repeats
 * nor hides another key.
 */
typedef struct keyfob_key_iter keyfob_key_iter;

/**
 * Several keys.
 */
typedef struct keyfob_key_list keyfob_key_list;

/**
 * 32 secret bytes that are kept outside the file, with which a store notices edits of it. Wiped
 * when it is freed.
 */
typedef struct keyfob_pepper keyfob_pepper;

/**
 * What the store told of a project, as it was then.
 */
typedef struct keyfob_project keyfob_project;

/**
 * Several projects.
 */
typedef struct keyfob_project_list keyfob_project_list;

/**
 * What a token must be good for. It never changes, so that any number of threads may use one at
 * the same time.
 */
typedef struct keyfob_requirement keyfob_requirement;

/**
 * What a restore did.
 */
typedef struct keyfob_restore_result keyfob_restore_result;

/**
 * A store of API keys in one file.
 *
 * Any number of threads may use one at the same time, but for keyfob_store_close(). Handles that
 * one process opens on the same file share one store. After a fork the parent's handle goes on in
 * the parent; its first use in the child opens the file again there.
 */
typedef struct keyfob_store keyfob_store;

/**
 * What each table of the file costs.
 */
typedef struct keyfob_table_list keyfob_table_list;

/**
 * A token that was good for what was required, as it was then. Only a verification makes one.
 */
typedef struct keyfob_verified keyfob_verified;

/**
 * How a call came out: one of \ref keyfob_statuses. Any other number is as well defined; it
 * is one that this version does not know.
 */
typedef int32_t keyfob_status;

/**
 * A text, or bytes, of the caller's. It is looked at during the call and not kept.
 *
 * NULL with a size of 0 is a text that is not stated; any other pointer with a size of 0 is an
 * empty one. NULL with any other size, \ref KEYFOB_NUL too, is a mistake and answers NULL_ARGUMENT. The layout
 * of this struct never changes.
 */
typedef struct keyfob_text {
  /**
   * The first byte, UTF-8; NULL where the text is not stated.
   */
  const char *data;
  /**
   * How many bytes, or \ref KEYFOB_NUL where a NUL ends them.
   */
  size_t size;
} keyfob_text;

/**
 * What a store asks of the expiry of keys, and how many keys an owner may have. It is judged when
 * a key is created, imported or given another expiry; keys that exist already stay as they are.
 */
typedef struct keyfob_policy {
  /**
   * sizeof(keyfob_policy).
   */
  uint32_t size;
  /**
   * Bits of \ref keyfob_policy_flags.
   */
  uint32_t flags;
  /**
   * The lifetime of a key that is created without naming an expiry, in seconds; 0 for none.
   */
  int64_t default_lifetime;
  /**
   * The longest lifetime from the time of the change, in seconds; 0 for none.
   */
  int64_t longest_lifetime;
  /**
   * The most keys of one owner that are neither revoked nor expired, where its flag is set.
   */
  uint64_t most_keys_per_owner;
} keyfob_policy;

/** A \ref keyfob_policy of zeros, with its size. */
#define KEYFOB_POLICY_INIT \
    { sizeof(keyfob_policy), 0, 0, 0, 0 }

/**
 * How a store is created or opened. All zeros but for the size: a store without a pepper, shared
 * between processes, its file for its owner alone.
 */
typedef struct keyfob_store_options {
  /**
   * sizeof(keyfob_store_options).
   */
  uint32_t size;
  /**
   * Bits of \ref keyfob_open_flags.
   */
  uint32_t flags;
  /**
   * The prefix of the store's tokens, [a-z][a-z0-9_]{0,19}: needed to create one, and compared
   * with the file's where one is opened.
   */
  struct keyfob_text prefix;
  /**
   * Who does what is done through this store, as the log shows it: 1-200 bytes; "unknown" where
   * it is not stated.
   */
  struct keyfob_text actor;
  /**
   * The store's pepper, if it has one.
   */
  const struct keyfob_pepper *pepper;
  /**
   * Peppers of the past: accepted only while a change of peppers is under way, and by
   * keyfob_restore() for a backup of their time.
   */
  const struct keyfob_pepper *const *retired_peppers;
  /**
   * How many.
   */
  size_t retired_peppers_count;
  /**
   * The policy that a new store begins with, compared with the file's where one is opened; NULL
   * where none is stated.
   */
  const struct keyfob_policy *policy;
  /**
   * Where the time is read; NULL for the system's clock.
   */
  const struct keyfob_clock *clock;
  /**
   * Refuse a store whose sequence is lower, with ROLLED_BACK: an older copy was put in its
   * place. 0 refuses none.
   */
  uint64_t least_sequence;
  /**
   * Memory that the engine may use for pages, in bytes; 0 for 16 MiB.
   */
  uint64_t page_cache_bytes;
  /**
   * Memory for keys that were verified, in bytes, 121 for each key; 0 for 16 MiB.
   */
  uint64_t key_cache_bytes;
  /**
   * How long a read waits for a lock of another process, in milliseconds; 0 for 250.
   */
  uint32_t read_timeout_ms;
  /**
   * How long a change waits for those before it, in milliseconds; 0 for 2,000.
   */
  uint32_t write_timeout_ms;
  /**
   * How often last-used times are written, in milliseconds; 0 for 5,000.
   */
  uint32_t flush_every_ms;
  /**
   * The mode of a new file, and the most that an existing one may have: 0600, 0640 or 0660; 0
   * for 0600.
   */
  uint32_t file_mode;
  /**
   * One of \ref keyfob_checks_on_open.
   */
  uint32_t check;
  /**
   * Reserved; 0.
   */
  uint32_t reserved;
} keyfob_store_options;

/** A \ref keyfob_store_options of zeros, with its size. */
#define KEYFOB_STORE_OPTIONS_INIT \
    { sizeof(keyfob_store_options), 0, { NULL, 0 }, { NULL, 0 }, NULL, NULL, 0, NULL, NULL, 0, 0, \
    0, 0, 0, 0, 0, 0, 0 }

/**
 * Is told how far a piece of work is, in the thread that asked for it and with no lock held, so
 * that it may use the store. `total` is 0 where nobody knows. Any answer but 0 stops the work,
 * which then fails with INTERRUPTED. It must return: neither throw nor longjmp().
 *
 * \param done   how much is done
 * \param total  of how much
 * \param user   what was passed beside it
 */
typedef int (*keyfob_progress_fn)(uint64_t done, uint64_t total, void *user);

/**
 * What a requirement is made from. What it does not state is not granted: without a project only a
 * key without a project is good, and the environment is "live".
 */
typedef struct keyfob_requirement_spec {
  /**
   * sizeof(keyfob_requirement_spec).
   */
  uint32_t size;
  /**
   * Bits of \ref keyfob_requirement_flags.
   */
  uint32_t flags;
  /**
   * All of these scopes are required; at most 64, and none holds a "*". NULL requires none.
   */
  const struct keyfob_text *scopes;
  /**
   * How many. 0 of a pointer that is not NULL are EMPTY_REQUIREMENT: a list that happened to be
   * empty does not let everybody in.
   */
  size_t scopes_count;
  /**
   * At least one of these is required, beside the others; NULL requires none of any.
   */
  const struct keyfob_text *any_scopes;
  /**
   * How many; 0 as above.
   */
  size_t any_scopes_count;
  /**
   * The project: its tokens are good, and keys without a project.
   */
  struct keyfob_text project;
  /**
   * The environment, instead of "live".
   */
  struct keyfob_text environment;
  /**
   * The owner.
   */
  struct keyfob_text owner;
} keyfob_requirement_spec;

/** A \ref keyfob_requirement_spec of zeros, with its size. */
#define KEYFOB_REQUIREMENT_SPEC_INIT \
    { sizeof(keyfob_requirement_spec), 0, NULL, 0, NULL, 0, { NULL, 0 }, { NULL, 0 }, \
    { NULL, 0 } }

/**
 * What only one request knows of what is required. It goes before what the requirement says of the
 * same. Nothing in it is copied: verifying allocates nothing.
 */
typedef struct keyfob_request {
  /**
   * sizeof(keyfob_request).
   */
  uint32_t size;
  /**
   * How many bytes the address has: 4, 16, or 0 where it is not known.
   */
  uint32_t ip_size;
  /**
   * The address that the token came from, in network order: the peer's own, not what a header
   * claims. IPv4-mapped IPv6 counts as IPv4.
   */
  uint8_t ip[16];
  /**
   * The project. A name that no project has makes every key WRONG_PROJECT.
   */
  struct keyfob_text project;
  /**
   * The owner.
   */
  struct keyfob_text owner;
} keyfob_request;

/** A \ref keyfob_request of zeros, with its size. */
#define KEYFOB_REQUEST_INIT \
    { sizeof(keyfob_request), 0, { 0 }, { NULL, 0 }, { NULL, 0 } }

/**
 * What a verification tells of a token that is good. Of each text only its bytes and a NUL are
 * written; what was there before may stand behind it. Where a verification fails all of it is
 * zeros, but for the size.
 */
typedef struct keyfob_verification {
  /**
   * sizeof(keyfob_verification), set by the caller.
   */
  uint32_t size;
  /**
   * Bits of \ref keyfob_verification_flags.
   */
  uint32_t flags;
  /**
   * When the token ends, with the key or with the grace, in seconds since 1970; KEYFOB_NO_TIME
   * for never.
   */
  int64_t expires_at;
  /**
   * The length of environment.
   */
  uint8_t environment_size;
  /**
   * The length of project; 0 where the key is bound to none.
   */
  uint8_t project_size;
  /**
   * The length of owner; 0 where the key has none.
   */
  uint8_t owner_size;
  /**
   * Reserved; 0.
   */
  uint8_t reserved[5];
  /**
   * The id of the key: 22 characters and a NUL.
   */
  char key_id[24];
  /**
   * The environment of the key, and a NUL.
   */
  char environment[24];
  /**
   * The name of the project that the key is bound to, and a NUL.
   */
  char project[72];
  /**
   * Whom the key belongs to, and a NUL.
   */
  char owner[136];
} keyfob_verification;

/** A \ref keyfob_verification of zeros, with its size. */
#define KEYFOB_VERIFICATION_INIT \
    { sizeof(keyfob_verification), 0, 0, 0, 0, 0, { 0 }, { 0 }, { 0 }, { 0 }, { 0 } }

/**
 * Is told of a verification that is refused, in the thread that asked, with no lock held; never of
 * the token. It must return: neither throw nor longjmp().
 *
 * \param denial  why
 * \param key_id  the id of the key, where the secret was one of its own, with a NUL behind it; lent
 *                until it returns; NULL where it was not
 * \param user    what was passed beside it
 */
typedef void (*keyfob_refusal_fn)(keyfob_status denial, const char *key_id, void *user);

/**
 * A key and its value in the metadata of an API key. The layout of this struct never changes.
 */
typedef struct keyfob_pair {
  /**
   * The key.
   */
  struct keyfob_text key;
  /**
   * The value.
   */
  struct keyfob_text value;
} keyfob_pair;

/**
 * What a key is made from. Only the name is needed; a key without scopes verifies only where no
 * scope is required.
 */
typedef struct keyfob_new_key {
  /**
   * sizeof(keyfob_new_key).
   */
  uint32_t size;
  /**
   * When it expires: one of \ref keyfob_expiry_kinds.
   */
  uint32_t expiry_kind;
  /**
   * The time, or the seconds, of the kinds that have one.
   */
  int64_t expires;
  /**
   * From when on it is good, in seconds since 1970; 0 where that is not stated.
   */
  int64_t not_before;
  /**
   * After how many seconds since the last rotation it should be rotated, a reminder that
   * listings show; 0 where that is not stated.
   */
  int64_t rotation_due_after;
  /**
   * What people call it: 1-200 bytes without control characters; need not be unique.
   */
  struct keyfob_text name;
  /**
   * The name of the project that it is bound to, for good.
   */
  struct keyfob_text project;
  /**
   * "live" unless another is named; part of the token, and fixed.
   */
  struct keyfob_text environment;
  /**
   * The caller's own id of whom it belongs to; where none is named, the project's owner.
   */
  struct keyfob_text owner;
  /**
   * Makes the creation repeatable: within 24 hours the same actor's same request answers what
   * was made, without the token.
   */
  struct keyfob_text request_id;
  /**
   * What it may do; at most 64.
   */
  const struct keyfob_text *scopes;
  /**
   * How many.
   */
  size_t scopes_count;
  /**
   * The caller's own pairs: at most 32, 4 KiB together.
   */
  const struct keyfob_pair *metadata;
  /**
   * How many.
   */
  size_t metadata_count;
  /**
   * Labels to list by: at most 16 of 64 bytes.
   */
  const struct keyfob_text *tags;
  /**
   * How many.
   */
  size_t tags_count;
  /**
   * The only addresses that it is good from, "192.0.2.0/24" or "2001:db8::1"; at most 32. None
   * means any.
   */
  const struct keyfob_text *ip_list;
  /**
   * How many.
   */
  size_t ip_list_count;
} keyfob_new_key;

/** A \ref keyfob_new_key of zeros, with its size. */
#define KEYFOB_NEW_KEY_INIT \
    { sizeof(keyfob_new_key), 0, 0, 0, 0, { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, \
    { NULL, 0 }, NULL, 0, NULL, 0, NULL, 0, NULL, 0 }

/**
 * What is changed of a key. A field stays as it is unless its bit is set: in `set` it becomes what
 * is given here, in `clear` it becomes empty. Prefix, environment and project are fixed.
 */
typedef struct keyfob_key_update {
  /**
   * sizeof(keyfob_key_update).
   */
  uint32_t size;
  /**
   * These become what is given: bits of \ref keyfob_key_fields.
   */
  uint32_t set;
  /**
   * These become empty: bits of \ref keyfob_key_fields.
   */
  uint32_t clear;
  /**
   * When it expires: one of \ref keyfob_expiry_kinds.
   */
  uint32_t expiry_kind;
  /**
   * The time, or the seconds, of the kinds that have one.
   */
  int64_t expires;
  /**
   * From when on it is good, in seconds since 1970.
   */
  int64_t not_before;
  /**
   * After how many seconds since the last rotation it should be rotated.
   */
  int64_t rotation_due_after;
  /**
   * What people call it.
   */
  struct keyfob_text name;
  /**
   * Whom it belongs to.
   */
  struct keyfob_text owner;
  /**
   * What it may do.
   */
  const struct keyfob_text *scopes;
  /**
   * How many.
   */
  size_t scopes_count;
  /**
   * All of its metadata.
   */
  const struct keyfob_pair *metadata;
  /**
   * How many.
   */
  size_t metadata_count;
  /**
   * Single pairs, which need no bit: set where there is a value, removed where it is not stated.
   * They are looked at after `metadata`.
   */
  const struct keyfob_pair *metadata_pairs;
  /**
   * How many.
   */
  size_t metadata_pairs_count;
  /**
   * All of its tags.
   */
  const struct keyfob_text *tags;
  /**
   * How many.
   */
  size_t tags_count;
  /**
   * All of its IP list.
   */
  const struct keyfob_text *ip_list;
  /**
   * How many.
   */
  size_t ip_list_count;
} keyfob_key_update;

/** A \ref keyfob_key_update of zeros, with its size. */
#define KEYFOB_KEY_UPDATE_INIT \
    { sizeof(keyfob_key_update), 0, 0, 0, 0, 0, 0, { NULL, 0 }, { NULL, 0 }, NULL, 0, NULL, 0, \
    NULL, 0, NULL, 0, NULL, 0 }

/**
 * Why a key is revoked.
 */
typedef struct keyfob_revoke_options {
  /**
   * sizeof(keyfob_revoke_options).
   */
  uint32_t size;
  /**
   * Bits of \ref keyfob_revoke_flags.
   */
  uint32_t flags;
  /**
   * One of \ref keyfob_reasons.
   */
  uint32_t reason;
  /**
   * Reserved; 0.
   */
  uint32_t reserved;
  /**
   * Free text, at most 1,000 bytes without control characters.
   */
  struct keyfob_text note;
} keyfob_revoke_options;

/** A \ref keyfob_revoke_options of zeros, with its size. */
#define KEYFOB_REVOKE_OPTIONS_INIT \
    { sizeof(keyfob_revoke_options), 0, 0, 0, { NULL, 0 } }

/**
 * How a key is given a new secret.
 */
typedef struct keyfob_rotate_options {
  /**
   * sizeof(keyfob_rotate_options).
   */
  uint32_t size;
  /**
   * Reserved; 0.
   */
  uint32_t reserved;
  /**
   * How long the old secret stays good, in seconds: at most 90 days, never beyond the key's
   * expiry. 0 ends the secret that is replaced now. While a grace runs this says nothing: the
   * newest secret is the one that ends, and the old one keeps its deadline.
   */
  int64_t grace;
  /**
   * Makes the rotation repeatable, as for a creation.
   */
  struct keyfob_text request_id;
} keyfob_rotate_options;

/** A \ref keyfob_rotate_options of zeros, with its size. */
#define KEYFOB_ROTATE_OPTIONS_INIT \
    { sizeof(keyfob_rotate_options), 0, 0, { NULL, 0 } }

/**
 * What a rotation answers beside the token.
 */
typedef struct keyfob_rotate_result {
  /**
   * sizeof(keyfob_rotate_result), set by the caller.
   */
  uint32_t size;
  /**
   * Bits of \ref keyfob_rotate_result_flags.
   */
  uint32_t flags;
  /**
   * Until when the old token stays good, in seconds since 1970; KEYFOB_NO_TIME where it ended at
   * once.
   */
  int64_t grace_expires_at;
} keyfob_rotate_result;

/** A \ref keyfob_rotate_result of zeros, with its size. */
#define KEYFOB_ROTATE_RESULT_INIT \
    { sizeof(keyfob_rotate_result), 0, 0 }

/**
 * Which keys are meant: those for which everything that is stated holds. Zeros mean every key. A
 * time or a duration of 0 is one that is not stated.
 */
typedef struct keyfob_filter {
  /**
   * sizeof(keyfob_filter).
   */
  uint32_t size;
  /**
   * Bits of \ref keyfob_filter_flags.
   */
  uint32_t flags;
  /**
   * In one of these states: bits of \ref keyfob_key_states; 0 means any.
   */
  uint32_t states;
  /**
   * Reserved; 0.
   */
  uint32_t reserved;
  /**
   * Bound to this project: the name of one that exists, or the id of any, also of one that was
   * deleted.
   */
  struct keyfob_text project;
  /**
   * Belongs to this owner.
   */
  struct keyfob_text owner;
  /**
   * Of this environment.
   */
  struct keyfob_text environment;
  /**
   * Grants this scope by its own scopes, whatever its project allows.
   */
  struct keyfob_text scope;
  /**
   * Its name holds this part, whatever the case.
   */
  struct keyfob_text name_part;
  /**
   * Has this tag.
   */
  struct keyfob_text tag;
  /**
   * Created at this time or later, in seconds since 1970.
   */
  int64_t created_after;
  /**
   * Created before this time.
   */
  int64_t created_before;
  /**
   * Expires at this time or later, or never.
   */
  int64_t expires_after;
  /**
   * Expires before this time.
   */
  int64_t expires_before;
  /**
   * Expires within so many seconds from now, and has not yet.
   */
  int64_t expires_within;
  /**
   * In this store before this time, and not used at it or later, with any of the secrets that it
   * ever had.
   */
  int64_t unused_since;
} keyfob_filter;

/** A \ref keyfob_filter of zeros, with its size. */
#define KEYFOB_FILTER_INIT \
    { sizeof(keyfob_filter), 0, 0, 0, { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, \
    { NULL, 0 }, { NULL, 0 }, 0, 0, 0, 0, 0, 0 }

/**
 * Which keys a bulk verb is about: those that are named, or those that a filter means.
 */
typedef struct keyfob_selection {
  /**
   * sizeof(keyfob_selection).
   */
  uint32_t size;
  /**
   * Reserved; 0.
   */
  uint32_t reserved;
  /**
   * The ids of the keys.
   */
  const struct keyfob_text *key_ids;
  /**
   * How many.
   */
  size_t key_ids_count;
  /**
   * The filter; NULL where keys are named. One of nothing but zeros means every key of the
   * store.
   */
  const struct keyfob_filter *filter;
} keyfob_selection;

/** A \ref keyfob_selection of zeros, with its size. */
#define KEYFOB_SELECTION_INIT \
    { sizeof(keyfob_selection), 0, NULL, 0, NULL }

/**
 * How far a bulk verb got; what is counted here is durable. It is filled in whatever the status
 * is, once the arguments were looked at.
 */
typedef struct keyfob_bulk_result {
  /**
   * sizeof(keyfob_bulk_result), set by the caller.
   */
  uint32_t size;
  /**
   * Reserved; 0.
   */
  uint32_t reserved;
  /**
   * Keys that were changed.
   */
  uint64_t changed;
  /**
   * Keys that were so already.
   */
  uint64_t unchanged;
} keyfob_bulk_result;

/** A \ref keyfob_bulk_result of zeros, with its size. */
#define KEYFOB_BULK_RESULT_INIT \
    { sizeof(keyfob_bulk_result), 0, 0, 0 }

/**
 * How keys are listed.
 */
typedef struct keyfob_list_options {
  /**
   * sizeof(keyfob_list_options).
   */
  uint32_t size;
  /**
   * Bits of \ref keyfob_list_flags.
   */
  uint32_t flags;
  /**
   * One of \ref keyfob_orders.
   */
  uint32_t order;
  /**
   * How many keys are read at once, from 1 to 1,000; 0 for 100. What is read at once is of one
   * moment, and is held in memory.
   */
  uint32_t page_size;
  /**
   * Where to go on: what keyfob_key_iter_cursor() gave for the same filter and order.
   */
  struct keyfob_text after;
} keyfob_list_options;

/** A \ref keyfob_list_options of zeros, with its size. */
#define KEYFOB_LIST_OPTIONS_INIT \
    { sizeof(keyfob_list_options), 0, 0, 0, { NULL, 0 } }

/**
 * What a project is made from.
 */
typedef struct keyfob_new_project {
  /**
   * sizeof(keyfob_new_project).
   */
  uint32_t size;
  /**
   * Reserved; 0.
   */
  uint32_t reserved;
  /**
   * Its name: [a-z0-9][a-z0-9._-]{0,63}, unique among the projects that exist, fixed.
   */
  struct keyfob_text name;
  /**
   * The caller's own id of whom it belongs to, at most 128 bytes.
   */
  struct keyfob_text owner;
  /**
   * The scopes that its tokens may hold at most; none lets them hold nothing.
   */
  const struct keyfob_text *scopes;
  /**
   * How many.
   */
  size_t scopes_count;
} keyfob_new_project;

/** A \ref keyfob_new_project of zeros, with its size. */
#define KEYFOB_NEW_PROJECT_INIT \
    { sizeof(keyfob_new_project), 0, { NULL, 0 }, { NULL, 0 }, NULL, 0 }

/**
 * What is changed of a project. A field stays as it is unless its bit is set.
 */
typedef struct keyfob_project_update {
  /**
   * sizeof(keyfob_project_update).
   */
  uint32_t size;
  /**
   * These become what is given: bits of \ref keyfob_project_fields.
   */
  uint32_t set;
  /**
   * These become empty: bits of \ref keyfob_project_fields.
   */
  uint32_t clear;
  /**
   * Reserved; 0.
   */
  uint32_t reserved;
  /**
   * Whom it belongs to.
   */
  struct keyfob_text owner;
  /**
   * The scopes that its tokens may hold at most.
   */
  const struct keyfob_text *scopes;
  /**
   * How many.
   */
  size_t scopes_count;
} keyfob_project_update;

/** A \ref keyfob_project_update of zeros, with its size. */
#define KEYFOB_PROJECT_UPDATE_INIT \
    { sizeof(keyfob_project_update), 0, 0, 0, { NULL, 0 }, NULL, 0 }

/**
 * Which events are meant: those for which everything that is stated holds. A time of 0 is one that
 * is not stated.
 */
typedef struct keyfob_log_query {
  /**
   * sizeof(keyfob_log_query).
   */
  uint32_t size;
  /**
   * Bits of \ref keyfob_log_flags.
   */
  uint32_t flags;
  /**
   * The sequence after which to begin, where its flag is set.
   */
  uint64_t after;
  /**
   * About this key: its id.
   */
  struct keyfob_text key_id;
  /**
   * About this project or a key of it: the name of a project that exists, or the id of any, also
   * of one that was deleted or pruned.
   */
  struct keyfob_text project;
  /**
   * At this time or later, in seconds since 1970.
   */
  int64_t from;
  /**
   * Before this time.
   */
  int64_t until;
} keyfob_log_query;

/** A \ref keyfob_log_query of zeros, with its size. */
#define KEYFOB_LOG_QUERY_INIT \
    { sizeof(keyfob_log_query), 0, 0, { NULL, 0 }, { NULL, 0 }, 0, 0 }

/**
 * What a verification of the log found: every event follows from the one before.
 */
typedef struct keyfob_verify_log_result {
  /**
   * sizeof(keyfob_verify_log_result), set by the caller.
   */
  uint32_t size;
  /**
   * Reserved; 0.
   */
  uint32_t reserved;
  /**
   * The first event that the log holds; 0 where it holds none.
   */
  uint64_t first;
  /**
   * The last.
   */
  uint64_t last;
  /**
   * The hash of the last. Noted elsewhere, it proves what the log said by then.
   */
  uint8_t head[32];
} keyfob_verify_log_result;

/** A \ref keyfob_verify_log_result of zeros, with its size. */
#define KEYFOB_VERIFY_LOG_RESULT_INIT \
    { sizeof(keyfob_verify_log_result), 0, 0, 0, { 0 } }

/**
 * Which keys are pruned: those for which one of the conditions holds. A time of 0 is a condition
 * that is not stated.
 */
typedef struct keyfob_prune_options {
  /**
   * sizeof(keyfob_prune_options).
   */
  uint32_t size;
  /**
   * Reserved; 0.
   */
  uint32_t reserved;
  /**
   * Revoked before this time, in seconds since 1970.
   */
  int64_t revoked_before;
  /**
   * Expired before this time, in seconds since 1970.
   */
  int64_t expired_before;
} keyfob_prune_options;

/** A \ref keyfob_prune_options of zeros, with its size. */
#define KEYFOB_PRUNE_OPTIONS_INIT \
    { sizeof(keyfob_prune_options), 0, 0, 0 }

/**
 * What a backup holds.
 */
typedef struct keyfob_backup_result {
  /**
   * sizeof(keyfob_backup_result), set by the caller.
   */
  uint32_t size;
  /**
   * Reserved; 0.
   */
  uint32_t reserved;
  /**
   * The sequence that it stands at.
   */
  uint64_t sequence;
  /**
   * Its keys.
   */
  uint64_t keys;
  /**
   * The length of its file.
   */
  uint64_t bytes;
} keyfob_backup_result;

/** A \ref keyfob_backup_result of zeros, with its size. */
#define KEYFOB_BACKUP_RESULT_INIT \
    { sizeof(keyfob_backup_result), 0, 0, 0, 0 }

/**
 * How a backup is restored.
 */
typedef struct keyfob_restore_options {
  /**
   * sizeof(keyfob_restore_options).
   */
  uint32_t size;
  /**
   * Bits of \ref keyfob_restore_flags.
   */
  uint32_t flags;
  /**
   * The ids of keys that are brought back although the present store pruned them.
   */
  const struct keyfob_text *named;
  /**
   * How many.
   */
  size_t named_count;
} keyfob_restore_options;

/** A \ref keyfob_restore_options of zeros, with its size. */
#define KEYFOB_RESTORE_OPTIONS_INIT \
    { sizeof(keyfob_restore_options), 0, NULL, 0 }

/**
 * What an import gives to its keys where their lines do not say it themselves.
 */
typedef struct keyfob_import_defaults {
  /**
   * sizeof(keyfob_import_defaults).
   */
  uint32_t size;
  /**
   * When keys expire whose line has no expiry, or says never: one of \ref keyfob_expiry_kinds.
   */
  uint32_t expiry_kind;
  /**
   * The time, or the seconds, of the kinds that have one.
   */
  int64_t expires;
  /**
   * The name of keys whose line has none.
   */
  struct keyfob_text name;
  /**
   * The name of the project that every key of the import is bound to.
   */
  struct keyfob_text project;
  /**
   * The environment of keys whose line has none; "live" where this is not stated.
   */
  struct keyfob_text environment;
  /**
   * Whom keys belong to whose line does not say; where this is not stated, the project's owner.
   */
  struct keyfob_text owner;
  /**
   * The scopes of keys whose line has none.
   */
  const struct keyfob_text *scopes;
  /**
   * How many.
   */
  size_t scopes_count;
  /**
   * The tags of every key of the import.
   */
  const struct keyfob_text *tags;
  /**
   * How many.
   */
  size_t tags_count;
} keyfob_import_defaults;

/** A \ref keyfob_import_defaults of zeros, with its size. */
#define KEYFOB_IMPORT_DEFAULTS_INIT \
    { sizeof(keyfob_import_defaults), 0, 0, { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, \
    NULL, 0, NULL, 0 }

/**
 * Is told of a token that was found, in the thread that scans and with no lock held, so that it
 * may revoke it. The finding is lent until it returns. It must return: neither throw nor
 * longjmp().
 *
 * \param finding  what was found
 * \param user     what was passed beside it
 */
typedef void (*keyfob_scan_found_fn)(const struct keyfob_finding *finding, void *user);

/**
 * Is told of a file or a folder that could not be read. It must return: neither throw nor
 * longjmp().
 *
 * \param path      which, with a NUL behind it; lent until it returns
 * \param os_errno  why, the errno of the operating system; 0 where it has none
 * \param user      what was passed beside it
 */
typedef void (*keyfob_scan_skipped_fn)(const char *path, int os_errno, void *user);

/**
 * What a scan went through.
 */
typedef struct keyfob_scan_result {
  /**
   * sizeof(keyfob_scan_result), set by the caller.
   */
  uint32_t size;
  /**
   * Reserved; 0.
   */
  uint32_t reserved;
  /**
   * Files that were read to their end.
   */
  uint64_t files;
  /**
   * Bytes that were read.
   */
  uint64_t bytes;
  /**
   * Tokens that were found; one that stands in two places counts twice.
   */
  uint64_t findings;
  /**
   * How many of them work.
   */
  uint64_t working;
  /**
   * Files and folders that could not be read.
   */
  uint64_t skipped;
} keyfob_scan_result;

/** A \ref keyfob_scan_result of zeros, with its size. */
#define KEYFOB_SCAN_RESULT_INIT \
    { sizeof(keyfob_scan_result), 0, 0, 0, 0, 0, 0 }

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of the library that is loaded, "0.1.0". Never NULL; it lives as long as the library.
 *
 * Threads: any.
 *
 * \since 0.1
 */
const char *keyfob_version(void) KEYFOB_NOEXCEPT;

/**
 * The version of the library that is loaded as a number, to be compared with
 * \ref KEYFOB_VERSION_NUMBER which is made the same way: major * 1,000,000 + minor * 1,000 +
 * patch.
 *
 * Threads: any.
 *
 * \since 0.1
 */
uint32_t keyfob_version_number(void) KEYFOB_NOEXCEPT;

/**
 * The ABI of the library that is loaded, which is also the number in its soname. A program that
 * was compiled with another \ref KEYFOB_ABI_VERSION must not call it.
 *
 * Threads: any.
 *
 * \since 0.1
 */
uint32_t keyfob_abi_version(void) KEYFOB_NOEXCEPT;

/**
 * The name of a status without its prefix, "NO_SUCH_KEY"; "UNKNOWN" of one that this version does
 * not know. Never NULL; it lives as long as the library.
 *
 * Threads: any.
 *
 * \param status  any number
 * \since 0.1
 */
const char *keyfob_status_name(keyfob_status status) KEYFOB_NOEXCEPT;

/**
 * What a status means, a sentence or two. An error has more to say: \ref keyfob_error_message.
 * Never NULL; it lives as long as the library.
 *
 * Threads: any.
 *
 * \param status  any number
 * \since 0.1
 */
const char *keyfob_status_message(keyfob_status status) KEYFOB_NOEXCEPT;

/**
 * Whether a status says that a token is not good for what is asked: 1 for 200-299, else 0. An
 * error of the store is no denial, and \ref KEYFOB_NO_CREDENTIALS neither: no token was there.
 *
 * Threads: any.
 *
 * \param status  any number
 * \since 0.1
 */
int keyfob_status_is_denial(keyfob_status status) KEYFOB_NOEXCEPT;

/**
 * What to answer over HTTP where a verification came out so: 200; 401 without credentials, or
 * where another token could help (RFC 6750, invalid_token); 403 where the token is good, but not
 * for this; 503 where the store could not answer; 500 for anything else.
 *
 * Threads: any.
 *
 * \param status  any number
 * \since 0.1
 */
int keyfob_status_http_status(keyfob_status status) KEYFOB_NOEXCEPT;

/**
 * The status that came with the error; \ref KEYFOB_OK of NULL.
 *
 * Threads: any.
 *
 * \param error  the error, or NULL
 * \since 0.1
 */
keyfob_status keyfob_error_code(const struct keyfob_error *error) KEYFOB_NOEXCEPT;

/**
 * What went wrong, and what to do: a sentence in English, for a log or an operator. It never
 * holds a token, a secret or a pepper. Never NULL; an empty text of NULL.
 *
 * Threads: any.
 *
 * \param error  the error, or NULL
 * \param size   where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the error
 * \since 0.1
 */
const char *keyfob_error_message(const struct keyfob_error *error, size_t *size) KEYFOB_NOEXCEPT;

/**
 * The errno of the operating system behind \ref KEYFOB_IO; 0 where there is none.
 *
 * Threads: any.
 *
 * \param error  the error, or NULL
 * \since 0.1
 */
int keyfob_error_os_errno(const struct keyfob_error *error) KEYFOB_NOEXCEPT;

/**
 * The id of the key that is in the way: of \ref KEYFOB_DIGEST_TAKEN the one that the string was
 * imported as, of \ref KEYFOB_KEY_IS_REVOKED and \ref KEYFOB_KEY_IS_EXPIRED that one. NULL where
 * there is none.
 *
 * Threads: any.
 *
 * \param error  the error, or NULL
 * \param size   where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the error, or NULL
 * \since 0.1
 */
const char *keyfob_error_key_id(const struct keyfob_error *error, size_t *size) KEYFOB_NOEXCEPT;

/**
 * A place in the log: of \ref KEYFOB_GONE the first event that is still there, of
 * \ref KEYFOB_ROLLED_BACK the last that the store has; else 0.
 *
 * Threads: any.
 *
 * \param error  the error, or NULL
 * \since 0.1
 */
uint64_t keyfob_error_sequence(const struct keyfob_error *error) KEYFOB_NOEXCEPT;

/**
 * Frees an error.
 *
 * Threads: one at a time.
 *
 * \param error  the error; NULL is allowed
 * \since 0.1
 */
void keyfob_error_free(struct keyfob_error *error) KEYFOB_NOEXCEPT;

/**
 * Overwrites memory with zeros, in a way that the compiler cannot leave out as it may leave out a
 * memset() before a free(). For the buffers that tokens were put into.
 *
 * Threads: any.
 *
 * \param data  the memory; NULL with a size of 0 is allowed
 * \param size  its size in bytes; KEYFOB_NUL is none, and wipes nothing
 * \since 0.1
 */
void keyfob_memzero(void *data, size_t size) KEYFOB_NOEXCEPT;

/**
 * The 16 bytes of an id, for a table of the caller's: they sort as the text does.
 *
 * Errors: INVALID_ARGUMENT of a text that is no id; NULL_ARGUMENT, NOT_UTF8.
 *
 * Threads: any.
 *
 * \param id          the id of a key or a project
 * \param id_size     its length, or KEYFOB_NUL
 * \param[out] bytes  16 bytes of the caller's; zeros on failure
 * \param[out] err    why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_id_to_bytes(const char *id,
                                 size_t id_size,
                                 uint8_t *bytes,
                                 struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * The text of an id of 16 bytes; any 16 bytes are one.
 *
 * Errors: BUFFER_TOO_SMALL; NULL_ARGUMENT.
 *
 * Threads: any.
 *
 * \param bytes     the 16 bytes
 * \param[out] id   a buffer of the caller's for the id and its NUL
 * \param capacity  its size; at least KEYFOB_ID_MAX
 * \param[out] err  why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_id_from_bytes(const uint8_t *bytes,
                                   char *id,
                                   size_t capacity,
                                   struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * A pepper of 64 hexadecimal characters; blanks and newlines around them are ignored. What was
 * passed is the caller's to wipe.
 *
 * Errors: INVALID_PEPPER, for one of nothing but zeros as well; NOT_UTF8; NULL_ARGUMENT.
 *
 * Threads: any.
 *
 * \param hex          the characters
 * \param size         how many, or KEYFOB_NUL
 * \param[out] pepper  the pepper; free it with keyfob_pepper_free()
 * \param[out] err     why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_pepper_from_hex(const char *hex,
                                     size_t size,
                                     struct keyfob_pepper **pepper,
                                     struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * A new pepper from the operating system's random source. Write it down, with
 * keyfob_pepper_to_hex(), before a store is made with it: a store cannot be opened without.
 *
 * Errors: IO, where the operating system gives no random bytes; NULL_ARGUMENT.
 *
 * Threads: any.
 *
 * \param[out] pepper  the pepper; free it with keyfob_pepper_free()
 * \param[out] err     why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_pepper_generate(struct keyfob_pepper **pepper,
                                     struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * The 64 hexadecimal characters of a pepper, and a NUL, for where the caller keeps secrets. Wipe
 * the buffer with keyfob_memzero() afterwards.
 *
 * Errors: BUFFER_TOO_SMALL, where there is no room for KEYFOB_PEPPER_HEX_MAX bytes; NULL_ARGUMENT.
 *
 * Threads: any.
 *
 * \param pepper    the pepper
 * \param[out] hex  a buffer of the caller's
 * \param capacity  its size
 * \param[out] err  why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_pepper_to_hex(const struct keyfob_pepper *pepper,
                                   char *hex,
                                   size_t capacity,
                                   struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Wipes and frees a pepper.
 *
 * Threads: one at a time.
 *
 * \param pepper  the pepper; NULL is allowed
 * \since 0.1
 */
void keyfob_pepper_free(struct keyfob_pepper *pepper) KEYFOB_NOEXCEPT;

/**
 * Introduces a pepper, or changes to another one. Called again with the same peppers after it was
 * interrupted, it goes on where it stopped. Every other process has to open the store anew with
 * the new pepper; until it does, it answers PEPPER_REQUIRED.
 *
 * Errors: PEPPER_REQUIRED, WRONG_PEPPER, PEPPER_NOT_EXPECTED where the present pepper is not
 * right; PEPPER_REFUSED where it is the same already; INTERRUPTED; NULL_ARGUMENT; those of
 * keyfob_store_open().
 *
 * Threads: any.
 *
 * \param path       where the store is
 * \param path_size  its length, or KEYFOB_NUL
 * \param options    with the present pepper, if there is one; NULL for the defaults
 * \param pepper     the new pepper
 * \param progress   is told how many rows are done; may be NULL
 * \param user       is passed to it
 * \param[out] err   why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_set_pepper(const char *path,
                                size_t path_size,
                                const struct keyfob_store_options *options,
                                const struct keyfob_pepper *pepper,
                                keyfob_progress_fn progress,
                                void *user,
                                struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Removes the pepper: from then on the store's tags find corruption, and not who can write the
 * file.
 *
 * Errors: those of keyfob_set_pepper().
 *
 * Threads: any.
 *
 * \param path       where the store is
 * \param path_size  its length, or KEYFOB_NUL
 * \param options    with the present pepper
 * \param progress   is told how many rows are done; may be NULL
 * \param user       is passed to it
 * \param[out] err   why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_remove_pepper(const char *path,
                                   size_t path_size,
                                   const struct keyfob_store_options *options,
                                   keyfob_progress_fn progress,
                                   void *user,
                                   struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * A clock that stands at a time until it is moved, for tests.
 *
 * Errors: NULL_ARGUMENT.
 *
 * Threads: any.
 *
 * \param now         what it shows, in seconds since 1970
 * \param[out] clock  the clock; free it with keyfob_clock_free()
 * \param[out] err    why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_clock_new(int64_t now,
                               struct keyfob_clock **clock,
                               struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Sets a clock, as somebody would who sets that of the machine; no time passes by it. Every store
 * that was opened with it sees that at once.
 *
 * Threads: any.
 *
 * \param clock  the clock; NULL is allowed
 * \param now    what it shows from now on, in seconds since 1970
 * \since 0.1
 */
void keyfob_clock_set(const struct keyfob_clock *clock, int64_t now) KEYFOB_NOEXCEPT;

/**
 * Lets time pass by a clock; or takes it back, where it is negative.
 *
 * Threads: any.
 *
 * \param clock    the clock; NULL is allowed
 * \param seconds  how long
 * \since 0.1
 */
void keyfob_clock_advance(const struct keyfob_clock *clock, int64_t seconds) KEYFOB_NOEXCEPT;

/**
 * Frees a clock. Stores that were opened with it keep it, and go on showing its time.
 *
 * Threads: one at a time.
 *
 * \param clock  the clock; NULL is allowed
 * \since 0.1
 */
void keyfob_clock_free(struct keyfob_clock *clock) KEYFOB_NOEXCEPT;

/**
 * Creates a store. The file is finished beside its place and then put there, so that nobody sees
 * half of it.
 *
 * Errors: STORE_EXISTS where anything is at the path; INVALID_ARGUMENT without a prefix;
 * UNKNOWN_OPTION; what the operating system says of the path.
 *
 * Threads: any.
 *
 * \param path        where it goes, as the operating system takes it
 * \param path_size   its length, or KEYFOB_NUL
 * \param options     how; a prefix is needed
 * \param[out] store  the store; close it with keyfob_store_close()
 * \param[out] err    why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_create(const char *path,
                                  size_t path_size,
                                  const struct keyfob_store_options *options,
                                  struct keyfob_store **store,
                                  struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Opens a store that exists. Where this process has the file open already, it is the same store:
 * one cache, one set of counters and of last-used times; only the actor is each handle's own, and
 * the other options must be those that it was opened with.
 *
 * Errors: NO_STORE where nothing is at the path; NOT_A_STORE, NOT_A_FILE, EMPTY_FILE, TRUNCATED,
 * NEWER_FORMAT and others for what is no store; PEPPER_REQUIRED, WRONG_PEPPER,
 * PEPPER_NOT_EXPECTED; INSECURE_PERMISSIONS; OPTIONS_CONTRADICT where prefix or policy are not the
 * file's, or where this process has it open with other options; LOCKED where another process has
 * it for itself; ROLLED_BACK below the least sequence; NEEDS_RECOVERY for a read-only open after a
 * crash.
 *
 * Threads: any.
 *
 * \param path        where it is, as the operating system takes it
 * \param path_size   its length, or KEYFOB_NUL
 * \param options     how; NULL for the defaults
 * \param[out] store  the store; close it with keyfob_store_close()
 * \param[out] err    why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_open(const char *path,
                                size_t path_size,
                                const struct keyfob_store_options *options,
                                struct keyfob_store **store,
                                struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Opens the store, or creates it where nothing is at the path. Of several processes that do so at
 * once, one makes the file and the others open it.
 *
 * Errors: those of keyfob_store_create() and keyfob_store_open(), but for STORE_EXISTS and
 * NO_STORE.
 *
 * Threads: any.
 *
 * \param path        where it is, or goes
 * \param path_size   its length, or KEYFOB_NUL
 * \param options     how; a prefix is needed
 * \param[out] store  the store; close it with keyfob_store_close()
 * \param[out] err    why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_open_or_create(const char *path,
                                          size_t path_size,
                                          const struct keyfob_store_options *options,
                                          struct keyfob_store **store,
                                          struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Closes a store, and frees the handle whatever the status is. The handles that
 * keyfob_store_with_actor() made of it answer CLOSED afterwards, and its iterators do when they have
 * given what they had read. Of several handles that this process opened on the file the last one
 * writes what last-used times were kept, and closes the file.
 *
 * Errors: what could not be written; the file is closed all the same. BUSY where a change or a
 * compaction does not end in time: the file is closed when it has ended.
 *
 * Threads: no other call on this handle at the same time, and none afterwards.
 *
 * \param store     the store; NULL is allowed
 * \param[out] err  why it failed; may be NULL
 * \since 0.1
 */
keyfob_status keyfob_store_close(struct keyfob_store *store,
                                 struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * The same store on behalf of another actor, as the log shows it: a handle of its own, cheap
 * enough to be made for each request. Closing it closes it alone; once the handle that it was
 * made of is closed, it answers CLOSED.
 *
 * Errors: INVALID_ARGUMENT, LIMIT_EXCEEDED where the actor is not 1-200 bytes without control
 * characters; NOT_UTF8; NULL_ARGUMENT; POISONED.
 *
 * Threads: any.
 *
 * \param store       the store
 * \param actor       who acts
 * \param actor_size  its length, or KEYFOB_NUL
 * \param[out] other  the handle; close it with keyfob_store_close()
 * \param[out] err    why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_with_actor(const struct keyfob_store *store,
                                      const char *actor,
                                      size_t actor_size,
                                      struct keyfob_store **other,
                                      struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * The prefix of the store's tokens. NULL only of NULL.
 *
 * Threads: any.
 *
 * \param store  the store
 * \param size   where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the handle
 * \since 0.1
 */
const char *keyfob_store_prefix(const struct keyfob_store *store, size_t *size) KEYFOB_NOEXCEPT;

/**
 * The path that the store was opened at. NULL only of NULL.
 *
 * Threads: any.
 *
 * \param store  the store
 * \param size   where its length without the NUL goes; may be NULL
 * \return bytes that live as long as the handle
 * \since 0.1
 */
const char *keyfob_store_path(const struct keyfob_store *store, size_t *size) KEYFOB_NOEXCEPT;

/**
 * The regular expression that finds the store's tokens, for secret scanners. NULL only of NULL.
 *
 * Threads: any.
 *
 * \param store  the store
 * \param size   where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the handle
 * \since 0.1
 */
const char *keyfob_store_scanner_expression(const struct keyfob_store *store,
                                            size_t *size)
KEYFOB_NOEXCEPT;

/**
 * Writes what last-used times and counts are kept in memory, as happens every few seconds and on
 * close.
 *
 * Errors: what the store says; what could not be written is kept. READ_ONLY is none: nothing is
 * kept then.
 *
 * Threads: any.
 *
 * \param store     the store
 * \param[out] err  why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_flush(const struct keyfob_store *store,
                                 struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Compiles a requirement. Make it once and use it for every request.
 *
 * Errors: INVALID_SCOPE for a scope that does not parse or holds "*"; EMPTY_REQUIREMENT of any of
 * no scopes; INVALID_ARGUMENT, LIMIT_EXCEEDED where a name is not of its form; NOT_UTF8;
 * UNKNOWN_OPTION; NULL_ARGUMENT.
 *
 * Threads: any.
 *
 * \param spec              what is required; NULL for a live key without a project, and no scope
 * \param[out] requirement  the requirement; free it with keyfob_requirement_free()
 * \param[out] err          why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_requirement_new(const struct keyfob_requirement_spec *spec,
                                     struct keyfob_requirement **requirement,
                                     struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * What requires nothing of a token but that it is of a live key without a project: no scope. A NULL
 * requirement is refused instead, since NULL is what a requirement is that could not be compiled.
 *
 * Threads: any.
 *
 * \return a requirement that is always there; it is not freed
 * \since 0.1
 */
const struct keyfob_requirement *keyfob_requirement_nothing(void) KEYFOB_NOEXCEPT;

/**
 * Frees a requirement.
 *
 * Threads: no verification with it at the same time.
 *
 * \param requirement  a requirement; NULL is allowed
 * \since 0.1
 */
void keyfob_requirement_free(struct keyfob_requirement *requirement) KEYFOB_NOEXCEPT;

/**
 * Whether a token is good for what is required, now. It is only where the status is 0.
 *
 * Answered from memory where the key is there: no system call, no lock, no allocation. It writes
 * nothing to the file; that the token was used is noted in memory. There is no error object: the
 * status says all that there is to say of a denial. Why the store could not answer is said by any
 * other call on it.
 *
 * Errors: MALFORMED, NOT_FOUND, REVOKED, DISABLED, NOT_YET_VALID, EXPIRED, WRONG_ENVIRONMENT,
 * WRONG_OWNER, WRONG_PROJECT, IP_NOT_ALLOWED, INSUFFICIENT_SCOPE, in this order: the first check
 * that fails. INVALID_ARGUMENT, NOT_UTF8, UNKNOWN_OPTION, NULL_ARGUMENT of what else was passed.
 * What the store says, BUSY, IO, CORRUPTED and others, is neither yes nor no: answer 503.
 *
 * Threads: any.
 *
 * \param store              the store
 * \param token              the token as it was presented, any bytes
 * \param token_size         its length, or KEYFOB_NUL
 * \param requirement        what is required
 * \param request            what only the request knows; NULL for nothing
 * \param[out] verification  what there is to tell of the token; its size is set by the caller; may
 *                           be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_verify(const struct keyfob_store *store,
                                  const char *token,
                                  size_t token_size,
                                  const struct keyfob_requirement *requirement,
                                  const struct keyfob_request *request,
                                  struct keyfob_verification *verification)
KEYFOB_NOEXCEPT;

/**
 * Whether a token would be good at another time, for tests and questions. Clock and mark play no
 * part, and nothing is noted or counted. It reads the file.
 *
 * Errors: as keyfob_store_verify().
 *
 * Threads: any.
 *
 * \param store              the store
 * \param token              the token, any bytes
 * \param token_size         its length, or KEYFOB_NUL
 * \param requirement        what is required
 * \param request            what only the request knows; NULL for nothing
 * \param at                 the time, in seconds since 1970
 * \param[out] verification  what there is to tell of the token; its size is set by the caller; may
 *                           be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_verify_at(const struct keyfob_store *store,
                                     const char *token,
                                     size_t token_size,
                                     const struct keyfob_requirement *requirement,
                                     const struct keyfob_request *request,
                                     int64_t at,
                                     struct keyfob_verification *verification)
KEYFOB_NOEXCEPT;

/**
 * Whether the token of an HTTP Authorization header is good: the whole value, "Bearer TOKEN". As
 * keyfob_store_verify() in everything else.
 *
 * Errors: as keyfob_store_verify(); NO_CREDENTIALS where the value is empty or of another scheme,
 * which HTTP answers with 401 and no error code; MALFORMED where there is anything after the
 * token, or several values.
 *
 * Threads: any.
 *
 * \param store              the store
 * \param value              the value of the header, any bytes; NULL with a size of 0 where there is
 *                           none
 * \param value_size         its length, or KEYFOB_NUL
 * \param requirement        what is required
 * \param request            what only the request knows; NULL for nothing
 * \param[out] verification  what there is to tell of the token; its size is set by the caller; may
 *                           be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_verify_authorization(const struct keyfob_store *store,
                                                const char *value,
                                                size_t value_size,
                                                const struct keyfob_requirement *requirement,
                                                const struct keyfob_request *request,
                                                struct keyfob_verification *verification)
KEYFOB_NOEXCEPT;

/**
 * Whether a token is good for what is required, now, with all that there is to know of it: the
 * same verification as keyfob_store_verify(), which is faster where the scopes are not asked for
 * and no key is made within the key.
 *
 * Errors: a denial; what the store says; INVALID_ARGUMENT, NOT_UTF8 of the request; NULL_ARGUMENT.
 *
 * Threads: any.
 *
 * \param store          the store
 * \param token          the token as it was presented, any bytes
 * \param token_size     its length, or KEYFOB_NUL
 * \param requirement    what is required
 * \param request        what only the request knows; NULL for nothing
 * \param[out] verified  what was verified; free it with keyfob_verified_free()
 * \param[out] err       why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_verify_full(const struct keyfob_store *store,
                                       const char *token,
                                       size_t token_size,
                                       const struct keyfob_requirement *requirement,
                                       const struct keyfob_request *request,
                                       struct keyfob_verified **verified,
                                       struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * The id of the key. NULL only of NULL.
 *
 * Threads: any.
 *
 * \param verified  the verified
 * \param size      where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the verified
 * \since 0.1
 */
const char *keyfob_verified_key_id(const struct keyfob_verified *verified,
                                   size_t *size)
KEYFOB_NOEXCEPT;

/**
 * The id of the key as bytes.
 *
 * Threads: any.
 *
 * \param verified  the verified
 * \param[out] id   16 bytes of the caller's; zeros where verified is NULL
 * \since 0.1
 */
void keyfob_verified_key_id_bytes(const struct keyfob_verified *verified,
                                  uint8_t *id)
KEYFOB_NOEXCEPT;

/**
 * 1 where the token holds the old secret of a rotation, whose grace runs: its holder should change
 * to the new one. Else 0.
 *
 * Threads: any.
 *
 * \param verified  the verified
 * \since 0.1
 */
int keyfob_verified_previous_secret(const struct keyfob_verified *verified) KEYFOB_NOEXCEPT;

/**
 * Whom the key belongs to; NULL where that was not said.
 *
 * Threads: any.
 *
 * \param verified  the verified
 * \param size      where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the verified, or NULL
 * \since 0.1
 */
const char *keyfob_verified_owner(const struct keyfob_verified *verified,
                                  size_t *size)
KEYFOB_NOEXCEPT;

/**
 * The name of the project that the key is bound to; NULL without one.
 *
 * Threads: any.
 *
 * \param verified  the verified
 * \param size      where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the verified, or NULL
 * \since 0.1
 */
const char *keyfob_verified_project(const struct keyfob_verified *verified,
                                    size_t *size)
KEYFOB_NOEXCEPT;

/**
 * The environment of the key. NULL only of NULL.
 *
 * Threads: any.
 *
 * \param verified  the verified
 * \param size      where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the verified
 * \since 0.1
 */
const char *keyfob_verified_environment(const struct keyfob_verified *verified,
                                        size_t *size)
KEYFOB_NOEXCEPT;

/**
 * When the token ends, with the key or with the grace, in seconds since 1970; KEYFOB_NO_TIME for
 * never.
 *
 * Threads: any.
 *
 * \param verified  the verified
 * \since 0.1
 */
int64_t keyfob_verified_expires_at(const struct keyfob_verified *verified) KEYFOB_NOEXCEPT;

/**
 * How many scopes the token grants: the key's, as far as its project allows them today.
 *
 * Threads: any.
 *
 * \param verified  the verified
 * \since 0.1
 */
size_t keyfob_verified_scope_count(const struct keyfob_verified *verified) KEYFOB_NOEXCEPT;

/**
 * One of the scopes. NULL beyond the last.
 *
 * Threads: any.
 *
 * \param verified  the verified
 * \param index     which, from 0
 * \param size      where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the verified, or NULL
 * \since 0.1
 */
const char *keyfob_verified_scope(const struct keyfob_verified *verified,
                                  size_t index,
                                  size_t *size)
KEYFOB_NOEXCEPT;

/**
 * Whether a scope is granted, for what a handler finds out later than its requirement knew. As the
 * verification, it is of the moment when the token was verified.
 *
 * Errors: INSUFFICIENT_SCOPE; INVALID_SCOPE; NOT_UTF8; NULL_ARGUMENT.
 *
 * Threads: any.
 *
 * \param verified    what was verified
 * \param scope       the scope, without a "*"
 * \param scope_size  its length, or KEYFOB_NUL
 * \param[out] err    why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_verified_require_scope(const struct keyfob_verified *verified,
                                            const char *scope,
                                            size_t scope_size,
                                            struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Frees what was verified.
 *
 * Threads: one at a time.
 *
 * \param verified  what was verified; NULL is allowed
 * \since 0.1
 */
void keyfob_verified_free(struct keyfob_verified *verified) KEYFOB_NOEXCEPT;

/**
 * Takes the token out of the value of an HTTP Authorization header: "Bearer" in any case, blanks,
 * the token. It is not looked at; verify it.
 *
 * Errors: NO_CREDENTIALS where the value is empty or of another scheme; MALFORMED where there is
 * anything after the token, or several values; NULL_ARGUMENT.
 *
 * Threads: any.
 *
 * \param value            the value of the header, any bytes; NULL with a size of 0 where there is
 *                         none
 * \param value_size       its length, or KEYFOB_NUL
 * \param[out] token       the token, within the value; NULL on failure
 * \param[out] token_size  its length; there is no NUL behind it
 * \param[out] err         why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_parse_authorization(const char *value,
                                         size_t value_size,
                                         const char **token,
                                         size_t *token_size,
                                         struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Every check of a verification with its outcome, also those after the first that fails. Changes
 * nothing: no use is noted and no refusal counted. For the operator: its holder is told no more
 * than keyfob_status_http_status() says.
 *
 * Errors: INVALID_ARGUMENT, NOT_UTF8 of the request; NULL_ARGUMENT; what the store says. That the
 * token is not good is no failure.
 *
 * Threads: any.
 *
 * \param store             the store
 * \param token             the token, any bytes
 * \param token_size        its length, or KEYFOB_NUL
 * \param requirement       what is required
 * \param request           what only the request knows; NULL for nothing
 * \param[out] explanation  the checks; free it with keyfob_explanation_free()
 * \param[out] err          why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_explain(const struct keyfob_store *store,
                                   const char *token,
                                   size_t token_size,
                                   const struct keyfob_requirement *requirement,
                                   const struct keyfob_request *request,
                                   struct keyfob_explanation **explanation,
                                   struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * What a verification answers.
 *
 * Threads: any.
 *
 * \param explanation  the explanation
 * \since 0.1
 */
keyfob_status keyfob_explanation_outcome(const struct keyfob_explanation *explanation)
KEYFOB_NOEXCEPT;

/**
 * The id of the key, where the secret is one of its own; else NULL.
 *
 * Threads: any.
 *
 * \param explanation  the explanation
 * \param size         where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the explanation, or NULL
 * \since 0.1
 */
const char *keyfob_explanation_key_id(const struct keyfob_explanation *explanation,
                                      size_t *size)
KEYFOB_NOEXCEPT;

/**
 * How many checks there are.
 *
 * Threads: any.
 *
 * \param explanation  the explanation
 * \since 0.1
 */
size_t keyfob_explanation_check_count(const struct keyfob_explanation *explanation) KEYFOB_NOEXCEPT;

/**
 * The name of a check, "not_before"; "unknown" beyond the last. Never NULL; it lives as long as
 * the library.
 *
 * Threads: any.
 *
 * \param explanation  the explanation
 * \param index        which, from 0
 * \since 0.1
 */
const char *keyfob_explanation_check_name(const struct keyfob_explanation *explanation,
                                          size_t index)
KEYFOB_NOEXCEPT;

/**
 * How a check came out: KEYFOB_OK; what a verification answers where it is the first that fails;
 * or KEYFOB_NOT_REACHED, which it is beyond the last as well.
 *
 * Threads: any.
 *
 * \param explanation  the explanation
 * \param index        which, from 0
 * \since 0.1
 */
keyfob_status keyfob_explanation_check_outcome(const struct keyfob_explanation *explanation,
                                               size_t index)
KEYFOB_NOEXCEPT;

/**
 * Frees an explanation.
 *
 * Threads: one at a time.
 *
 * \param explanation  an explanation; NULL is allowed
 * \since 0.1
 */
void keyfob_explanation_free(struct keyfob_explanation *explanation) KEYFOB_NOEXCEPT;

/**
 * How many verifications were refused with a denial, since this process opened the store: through
 * all of its handles on the file. A child of a fork counts anew. 0 of any other status.
 *
 * Threads: any.
 *
 * \param store   the store
 * \param denial  a status of 200-299
 * \since 0.1
 */
uint64_t keyfob_store_refusal_count(const struct keyfob_store *store,
                                    keyfob_status denial)
KEYFOB_NOEXCEPT;

/**
 * Has a function called for every verification that is refused, through any handle of this process
 * on the file. NULL takes it away again; a call of it that began before may still run when this
 * returns, so that what `user` points to must live until the process no longer has the file open.
 *
 * Errors: NULL_ARGUMENT.
 *
 * Threads: any. The function is called by any thread that verifies, by several at the same time.
 *
 * \param store     the store
 * \param refused   the function; NULL for none
 * \param user      is passed to it
 * \param[out] err  why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_on_refusal(const struct keyfob_store *store,
                                      keyfob_refusal_fn refused,
                                      void *user,
                                      struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * The size of a buffer that holds any token, its NUL included.
 *
 * Threads: any.
 *
 * \since 0.1
 */
size_t keyfob_token_max(void) KEYFOB_NOEXCEPT;

/**
 * Creates a key. Its token is put into the caller's buffer and cannot be had again: hand it to its
 * holder, and wipe the buffer with keyfob_memzero(). Where a request id made the key earlier, the
 * token is empty and *token_size 0, and the key is the one that was made.
 *
 * Errors: NULL_ARGUMENT, BUFFER_TOO_SMALL before anything is stored; INVALID_ARGUMENT,
 * INVALID_SCOPE, INVALID_TIME, LIMIT_EXCEEDED, NOT_UTF8, UNKNOWN_OPTION where a field is not of
 * its form; NO_SUCH_PROJECT, PROJECT_IS_DISABLED, SCOPE_NOT_ALLOWED where the project does not
 * admit it; POLICY_REFUSED, TOO_MANY_KEYS where the policy does not; CLOCK_IS_BEHIND where the key
 * would be expired from the start; REQUEST_ID_REUSED; what the store says.
 *
 * Threads: any.
 *
 * \param store            the store
 * \param new_key          what the key is made from
 * \param[out] token       a buffer of the caller's for the token and its NUL
 * \param token_capacity   its size; at least keyfob_token_max()
 * \param[out] token_size  the length of the token without the NUL; may be NULL
 * \param[out] key         the key; free it with keyfob_key_free(); may be NULL
 * \param[out] err         why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_create_key(const struct keyfob_store *store,
                                      const struct keyfob_new_key *new_key,
                                      char *token,
                                      size_t token_capacity,
                                      size_t *token_size,
                                      struct keyfob_key **key,
                                      struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Lets a key make another one of at most its own scopes, project, owner, environment and expiry.
 * Project, owner, expiry and IP list are the creating key's where they are not named; the
 * environment must be named where it is not "live". The creating key is judged anew.
 *
 * Errors: those of keyfob_store_create_key(); a denial where the creating key is no longer good;
 * SCOPE_NOT_ALLOWED, BEYOND_PARENT where it may not give that away.
 *
 * Threads: any.
 *
 * \param store            the store
 * \param parent           the creating key, from keyfob_store_verify_full()
 * \param new_key          what the key is made from
 * \param[out] token       a buffer of the caller's for the token and its NUL
 * \param token_capacity   its size; at least keyfob_token_max()
 * \param[out] token_size  the length of the token without the NUL; may be NULL
 * \param[out] key         the key; free it with keyfob_key_free(); may be NULL
 * \param[out] err         why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_create_key_within(const struct keyfob_store *store,
                                             const struct keyfob_verified *parent,
                                             const struct keyfob_new_key *new_key,
                                             char *token,
                                             size_t token_capacity,
                                             size_t *token_size,
                                             struct keyfob_key **key,
                                             struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Creates many keys, in transactions of at most 10,000. A request that is refused ends its whole
 * transaction; what was created before it is durable. So that no token is lost, the list is given
 * whatever the status is, once the arguments were looked at.
 *
 * Errors: those of keyfob_store_create_key(), as the reason why it stopped before the end.
 *
 * Threads: any.
 *
 * \param store         the store
 * \param new_keys      what each is made from: so many pointers
 * \param count         how many
 * \param[out] created  the first so many that were created; free it with
 *                      keyfob_created_list_free()
 * \param[out] err      why it stopped; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_create_keys(const struct keyfob_store *store,
                                       const struct keyfob_new_key *const *new_keys,
                                       size_t count,
                                       struct keyfob_created_list **created,
                                       struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * How many keys were created.
 *
 * Threads: any.
 *
 * \param created  the list
 * \since 0.1
 */
size_t keyfob_created_list_count(const struct keyfob_created_list *created) KEYFOB_NOEXCEPT;

/**
 * One of the keys, in the order of the requests. NULL beyond the last.
 *
 * Threads: any.
 *
 * \param created  the list
 * \param index    which, from 0
 * \return a key that lives as long as the list, or NULL
 * \since 0.1
 */
const struct keyfob_key *keyfob_created_list_key(const struct keyfob_created_list *created,
                                                 size_t index)
KEYFOB_NOEXCEPT;

/**
 * 1 where a key is the answer to a request that was made before, and so comes without its token;
 * else 0.
 *
 * Threads: any.
 *
 * \param created  the list
 * \param index    which, from 0
 * \since 0.1
 */
int keyfob_created_list_replayed(const struct keyfob_created_list *created,
                                 size_t index)
KEYFOB_NOEXCEPT;

/**
 * Puts the token of a key into the caller's buffer; an empty text where a request id made the key
 * earlier. The token stays in the list until it is freed.
 *
 * Errors: NULL_ARGUMENT; BUFFER_TOO_SMALL; INVALID_ARGUMENT beyond the last.
 *
 * Threads: any.
 *
 * \param created          the list
 * \param index            which, from 0
 * \param[out] token       a buffer of the caller's for the token and its NUL
 * \param token_capacity   its size; at least keyfob_token_max()
 * \param[out] token_size  the length of the token without the NUL; may be NULL
 * \param[out] err         why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_created_list_token(const struct keyfob_created_list *created,
                                        size_t index,
                                        char *token,
                                        size_t token_capacity,
                                        size_t *token_size,
                                        struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Frees the list, and wipes the tokens in it.
 *
 * Threads: one at a time.
 *
 * \param created  the list; NULL is allowed
 * \since 0.1
 */
void keyfob_created_list_free(struct keyfob_created_list *created) KEYFOB_NOEXCEPT;

/**
 * One key, with its state now and its use.
 *
 * Errors: NO_SUCH_KEY; NOT_UTF8, NULL_ARGUMENT; what the store says.
 *
 * Threads: any.
 *
 * \param store        the store
 * \param key_id       the id of the key
 * \param key_id_size  its length, or KEYFOB_NUL
 * \param[out] key     the key; free it with keyfob_key_free(); may be NULL
 * \param[out] err     why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_get_key(const struct keyfob_store *store,
                                   const char *key_id,
                                   size_t key_id_size,
                                   struct keyfob_key **key,
                                   struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Changes what an update names of a key.
 *
 * Errors: NO_SUCH_KEY, KEY_IS_REVOKED; SCOPE_NOT_ALLOWED where the project does not admit the
 * scopes; POLICY_REFUSED; TOO_MANY_KEYS; CLOCK_IS_BEHIND where the new expiry has passed by the
 * store's mark; INVALID_ARGUMENT and others where a field is not of its form; what the store says.
 *
 * Threads: any.
 *
 * \param store        the store
 * \param key_id       the id of the key
 * \param key_id_size  its length, or KEYFOB_NUL
 * \param update       what is changed
 * \param[out] key     the key as it is afterwards; free it with keyfob_key_free(); may be NULL
 * \param[out] err     why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_update_key(const struct keyfob_store *store,
                                      const char *key_id,
                                      size_t key_id_size,
                                      const struct keyfob_key_update *update,
                                      struct keyfob_key **key,
                                      struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Disables a key until it is enabled again; not to be confused with revoking it.
 *
 * Errors: NO_SUCH_KEY, KEY_IS_REVOKED; what the store says.
 *
 * Threads: any.
 *
 * \param store        the store
 * \param key_id       the id of the key
 * \param key_id_size  its length, or KEYFOB_NUL
 * \param[out] key     the key as it is afterwards; free it with keyfob_key_free(); may be NULL
 * \param[out] err     why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_disable_key(const struct keyfob_store *store,
                                       const char *key_id,
                                       size_t key_id_size,
                                       struct keyfob_key **key,
                                       struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Enables a key again.
 *
 * Errors: NO_SUCH_KEY, KEY_IS_REVOKED; what the store says.
 *
 * Threads: any.
 *
 * \param store        the store
 * \param key_id       the id of the key
 * \param key_id_size  its length, or KEYFOB_NUL
 * \param[out] key     the key as it is afterwards; free it with keyfob_key_free(); may be NULL
 * \param[out] err     why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_enable_key(const struct keyfob_store *store,
                                      const char *key_id,
                                      size_t key_id_size,
                                      struct keyfob_key **key,
                                      struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Revokes a key, for good. Every verification that starts after this returned refuses it, in every
 * thread and every process. Revoking twice is no error, and changes nothing.
 *
 * Errors: NO_SUCH_KEY; INVALID_ARGUMENT, LIMIT_EXCEEDED where the note is not of its form;
 * UNKNOWN_OPTION; what the store says.
 *
 * Threads: any.
 *
 * \param store        the store
 * \param key_id       the id of the key
 * \param key_id_size  its length, or KEYFOB_NUL
 * \param revoke       why; NULL for no reason
 * \param[out] key     the key as it is afterwards; free it with keyfob_key_free(); may be NULL
 * \param[out] err     why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_revoke_key(const struct keyfob_store *store,
                                      const char *key_id,
                                      size_t key_id_size,
                                      const struct keyfob_revoke_options *revoke,
                                      struct keyfob_key **key,
                                      struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Revokes by possession: who presents a token that is good now ends it, whatever environment,
 * project, address or expiry say. The current secret ends the key; the old one, during a grace,
 * ends itself, unless KEYFOB_REVOKE_WHOLE_KEY asks for all of it.
 *
 * Errors: MALFORMED, NOT_FOUND where no secret of this store was presented; those of
 * keyfob_store_revoke_key().
 *
 * Threads: any.
 *
 * \param store       the store
 * \param token       the token, any bytes
 * \param token_size  its length, or KEYFOB_NUL
 * \param revoke      why; NULL for no reason
 * \param[out] key    the key as it is afterwards; free it with keyfob_key_free(); may be NULL
 * \param[out] err    why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_revoke_token(const struct keyfob_store *store,
                                        const char *token,
                                        size_t token_size,
                                        const struct keyfob_revoke_options *revoke,
                                        struct keyfob_key **key,
                                        struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Gives a key a new secret under the same id. The new token is put into the caller's buffer and
 * cannot be had again. Where a request id made the rotation earlier, the token is empty and
 * *token_size 0.
 *
 * Errors: NULL_ARGUMENT, BUFFER_TOO_SMALL before anything is stored; NO_SUCH_KEY, KEY_IS_REVOKED,
 * KEY_IS_EXPIRED; INVALID_TIME where the grace is negative; REQUEST_ID_REUSED; what the store
 * says.
 *
 * Threads: any.
 *
 * \param store            the store
 * \param key_id           the id of the key
 * \param key_id_size      its length, or KEYFOB_NUL
 * \param rotate           how; NULL for no grace
 * \param[out] token       a buffer of the caller's for the token and its NUL
 * \param token_capacity   its size; at least keyfob_token_max()
 * \param[out] token_size  the length of the token without the NUL; may be NULL
 * \param[out] rotated     what came of the old token; its size is set by the caller; may be NULL
 * \param[out] key         the key as it is afterwards; free it with keyfob_key_free(); may be NULL
 * \param[out] err         why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_rotate_key(const struct keyfob_store *store,
                                      const char *key_id,
                                      size_t key_id_size,
                                      const struct keyfob_rotate_options *rotate,
                                      char *token,
                                      size_t token_capacity,
                                      size_t *token_size,
                                      struct keyfob_rotate_result *rotated,
                                      struct keyfob_key **key,
                                      struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Ends the grace of a key's old secret now. No error where none runs.
 *
 * Errors: NO_SUCH_KEY, KEY_IS_REVOKED; what the store says.
 *
 * Threads: any.
 *
 * \param store        the store
 * \param key_id       the id of the key
 * \param key_id_size  its length, or KEYFOB_NUL
 * \param[out] key     the key as it is afterwards; free it with keyfob_key_free(); may be NULL
 * \param[out] err     why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_finish_rotation(const struct keyfob_store *store,
                                           const char *key_id,
                                           size_t key_id_size,
                                           struct keyfob_key **key,
                                           struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Revokes many keys, for good.
 *
 * Errors: NO_SUCH_KEY of a key that is named; INVALID_ARGUMENT, NULL_ARGUMENT and others where an
 * argument is not of its form; what the store says, as the reason why it stopped before the end.
 *
 * Threads: any.
 *
 * \param store         the store
 * \param selection     which keys
 * \param revoke        why; NULL for no reason
 * \param[out] outcome  how far it got; its size is set by the caller; may be NULL
 * \param[out] err      why it stopped; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_revoke_keys(const struct keyfob_store *store,
                                       const struct keyfob_selection *selection,
                                       const struct keyfob_revoke_options *revoke,
                                       struct keyfob_bulk_result *outcome,
                                       struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Disables many keys; those that are revoked stay as they are.
 *
 * Errors: NO_SUCH_KEY of a key that is named; INVALID_ARGUMENT, NULL_ARGUMENT and others where an
 * argument is not of its form; what the store says, as the reason why it stopped before the end.
 *
 * Threads: any.
 *
 * \param store         the store
 * \param selection     which keys
 * \param[out] outcome  how far it got; its size is set by the caller; may be NULL
 * \param[out] err      why it stopped; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_disable_keys(const struct keyfob_store *store,
                                        const struct keyfob_selection *selection,
                                        struct keyfob_bulk_result *outcome,
                                        struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Enables many keys again; those that are revoked stay as they are.
 *
 * Errors: NO_SUCH_KEY of a key that is named; INVALID_ARGUMENT, NULL_ARGUMENT and others where an
 * argument is not of its form; what the store says, as the reason why it stopped before the end.
 *
 * Threads: any.
 *
 * \param store         the store
 * \param selection     which keys
 * \param[out] outcome  how far it got; its size is set by the caller; may be NULL
 * \param[out] err      why it stopped; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_enable_keys(const struct keyfob_store *store,
                                       const struct keyfob_selection *selection,
                                       struct keyfob_bulk_result *outcome,
                                       struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Changes what an update names of many keys; those that are revoked stay as they are.
 *
 * Errors: those of keyfob_store_update_key(), NO_SUCH_KEY of a key that is named;
 * INVALID_ARGUMENT, NULL_ARGUMENT and others where an argument is not of its form; what the store
 * says, as the reason why it stopped before the end.
 *
 * Threads: any.
 *
 * \param store         the store
 * \param selection     which keys
 * \param update        what is changed
 * \param[out] outcome  how far it got; its size is set by the caller; may be NULL
 * \param[out] err      why it stopped; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_update_keys(const struct keyfob_store *store,
                                       const struct keyfob_selection *selection,
                                       const struct keyfob_key_update *update,
                                       struct keyfob_bulk_result *outcome,
                                       struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * The name of a state, "not_yet_valid"; "unknown" of any other number. Never NULL; it lives as
 * long as the library.
 *
 * Threads: any.
 *
 * \param state  one of \ref keyfob_key_states
 * \since 0.1
 */
const char *keyfob_key_state_name(uint32_t state) KEYFOB_NOEXCEPT;

/**
 * The name of a reason, "key_compromise"; "unknown" of any other number. Never NULL; it lives as
 * long as the library.
 *
 * Threads: any.
 *
 * \param reason  one of \ref keyfob_reasons
 * \since 0.1
 */
const char *keyfob_reason_name(uint32_t reason) KEYFOB_NOEXCEPT;

/**
 * Its id, 22 letters and digits; in its tokens too, and public. NULL only of NULL, as of all texts
 * that a key cannot be without.
 *
 * Threads: any.
 *
 * \param key   the key
 * \param size  where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the key
 * \since 0.1
 */
const char *keyfob_key_id(const struct keyfob_key *key, size_t *size) KEYFOB_NOEXCEPT;

/**
 * Its id as bytes, which sort as the text does.
 *
 * Threads: any.
 *
 * \param key      the key
 * \param[out] id  16 bytes of the caller's; zeros where key is NULL
 * \since 0.1
 */
void keyfob_key_id_bytes(const struct keyfob_key *key, uint8_t *id) KEYFOB_NOEXCEPT;

/**
 * What may be shown of its token: prefix, environment and the last six characters of the id.
 *
 * Threads: any.
 *
 * \param key   the key
 * \param size  where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the key
 * \since 0.1
 */
const char *keyfob_key_hint(const struct keyfob_key *key, size_t *size) KEYFOB_NOEXCEPT;

/**
 * What people call it.
 *
 * Threads: any.
 *
 * \param key   the key
 * \param size  where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the key
 * \since 0.1
 */
const char *keyfob_key_name(const struct keyfob_key *key, size_t *size) KEYFOB_NOEXCEPT;

/**
 * How many scopes it has.
 *
 * Threads: any.
 *
 * \param key  the key
 * \since 0.1
 */
size_t keyfob_key_scope_count(const struct keyfob_key *key) KEYFOB_NOEXCEPT;

/**
 * One of its scopes, in the order of their bytes. NULL beyond the last.
 *
 * Threads: any.
 *
 * \param key    the key
 * \param index  which, from 0
 * \param size   where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the key, or NULL
 * \since 0.1
 */
const char *keyfob_key_scope(const struct keyfob_key *key,
                             size_t index,
                             size_t *size)
KEYFOB_NOEXCEPT;

/**
 * The name of the project that it is bound to; NULL without one.
 *
 * Threads: any.
 *
 * \param key   the key
 * \param size  where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the key, or NULL
 * \since 0.1
 */
const char *keyfob_key_project(const struct keyfob_key *key, size_t *size) KEYFOB_NOEXCEPT;

/**
 * Its environment.
 *
 * Threads: any.
 *
 * \param key   the key
 * \param size  where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the key
 * \since 0.1
 */
const char *keyfob_key_environment(const struct keyfob_key *key, size_t *size) KEYFOB_NOEXCEPT;

/**
 * Whom it belongs to; NULL where that was not said.
 *
 * Threads: any.
 *
 * \param key   the key
 * \param size  where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the key, or NULL
 * \since 0.1
 */
const char *keyfob_key_owner(const struct keyfob_key *key, size_t *size) KEYFOB_NOEXCEPT;

/**
 * What it was when the store told of it, its project included: one of \ref keyfob_key_states.
 *
 * Threads: any.
 *
 * \param key  the key
 * \since 0.1
 */
uint32_t keyfob_key_state(const struct keyfob_key *key) KEYFOB_NOEXCEPT;

/**
 * 1 where its state is so because of its project, which is disabled or was deleted; else 0.
 *
 * Threads: any.
 *
 * \param key  the key
 * \since 0.1
 */
int keyfob_key_state_by_project(const struct keyfob_key *key) KEYFOB_NOEXCEPT;

/**
 * When it was created, in seconds since 1970; of an imported key, when it was issued, where its
 * line said so.
 *
 * Threads: any.
 *
 * \param key  the key
 * \since 0.1
 */
int64_t keyfob_key_created_at(const struct keyfob_key *key) KEYFOB_NOEXCEPT;

/**
 * When it was last changed, in seconds since 1970.
 *
 * Threads: any.
 *
 * \param key  the key
 * \since 0.1
 */
int64_t keyfob_key_updated_at(const struct keyfob_key *key) KEYFOB_NOEXCEPT;

/**
 * When it expires, in seconds since 1970: it is good until the second before. KEYFOB_NO_TIME for
 * never.
 *
 * Threads: any.
 *
 * \param key  the key
 * \since 0.1
 */
int64_t keyfob_key_expires_at(const struct keyfob_key *key) KEYFOB_NOEXCEPT;

/**
 * From when on it is good, in seconds since 1970; KEYFOB_NO_TIME where that is not stated.
 *
 * Threads: any.
 *
 * \param key  the key
 * \since 0.1
 */
int64_t keyfob_key_not_before(const struct keyfob_key *key) KEYFOB_NOEXCEPT;

/**
 * How many pairs of metadata it has.
 *
 * Threads: any.
 *
 * \param key  the key
 * \since 0.1
 */
size_t keyfob_key_metadata_count(const struct keyfob_key *key) KEYFOB_NOEXCEPT;

/**
 * The key of one of its pairs, in the order of their bytes. NULL beyond the last.
 *
 * Threads: any.
 *
 * \param key    the key
 * \param index  which, from 0
 * \param size   where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the key, or NULL
 * \since 0.1
 */
const char *keyfob_key_metadata_key(const struct keyfob_key *key,
                                    size_t index,
                                    size_t *size)
KEYFOB_NOEXCEPT;

/**
 * The value of one of its pairs. NULL beyond the last.
 *
 * Threads: any.
 *
 * \param key    the key
 * \param index  which, from 0
 * \param size   where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the key, or NULL
 * \since 0.1
 */
const char *keyfob_key_metadata_value(const struct keyfob_key *key,
                                      size_t index,
                                      size_t *size)
KEYFOB_NOEXCEPT;

/**
 * The value of the pair with a key. NULL where there is none.
 *
 * Threads: any.
 *
 * \param key        the key
 * \param name       the key of the pair
 * \param name_size  its length, or KEYFOB_NUL
 * \param size       where the length of the value without the NUL goes; may be NULL
 * \return a text that lives as long as the key, or NULL
 * \since 0.1
 */
const char *keyfob_key_metadata(const struct keyfob_key *key,
                                const char *name,
                                size_t name_size,
                                size_t *size)
KEYFOB_NOEXCEPT;

/**
 * How many tags it has.
 *
 * Threads: any.
 *
 * \param key  the key
 * \since 0.1
 */
size_t keyfob_key_tag_count(const struct keyfob_key *key) KEYFOB_NOEXCEPT;

/**
 * One of its tags, in the order of their bytes. NULL beyond the last.
 *
 * Threads: any.
 *
 * \param key    the key
 * \param index  which, from 0
 * \param size   where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the key, or NULL
 * \since 0.1
 */
const char *keyfob_key_tag(const struct keyfob_key *key,
                           size_t index,
                           size_t *size)
KEYFOB_NOEXCEPT;

/**
 * How many ranges its IP list has; 0 where it is good from any address.
 *
 * Threads: any.
 *
 * \param key  the key
 * \since 0.1
 */
size_t keyfob_key_ip_range_count(const struct keyfob_key *key) KEYFOB_NOEXCEPT;

/**
 * One of the ranges of its IP list, "192.0.2.0/24". NULL beyond the last.
 *
 * Threads: any.
 *
 * \param key    the key
 * \param index  which, from 0
 * \param size   where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the key, or NULL
 * \since 0.1
 */
const char *keyfob_key_ip_range(const struct keyfob_key *key,
                                size_t index,
                                size_t *size)
KEYFOB_NOEXCEPT;

/**
 * When it was revoked, in seconds since 1970; KEYFOB_NO_TIME where it was not.
 *
 * Threads: any.
 *
 * \param key  the key
 * \since 0.1
 */
int64_t keyfob_key_revoked_at(const struct keyfob_key *key) KEYFOB_NOEXCEPT;

/**
 * Why it was revoked: one of \ref keyfob_reasons.
 *
 * Threads: any.
 *
 * \param key  the key
 * \since 0.1
 */
uint32_t keyfob_key_revocation_reason(const struct keyfob_key *key) KEYFOB_NOEXCEPT;

/**
 * Free text of who revoked it; NULL without one.
 *
 * Threads: any.
 *
 * \param key   the key
 * \param size  where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the key, or NULL
 * \since 0.1
 */
const char *keyfob_key_revocation_note(const struct keyfob_key *key, size_t *size) KEYFOB_NOEXCEPT;

/**
 * When its current secret was made, in seconds since 1970.
 *
 * Threads: any.
 *
 * \param key  the key
 * \since 0.1
 */
int64_t keyfob_key_rotated_at(const struct keyfob_key *key) KEYFOB_NOEXCEPT;

/**
 * After how many seconds since then it should be rotated; 0 where that is not stated.
 *
 * Threads: any.
 *
 * \param key  the key
 * \since 0.1
 */
int64_t keyfob_key_rotation_due_after(const struct keyfob_key *key) KEYFOB_NOEXCEPT;

/**
 * When that is, in seconds since 1970; KEYFOB_NO_TIME where it is not stated, and of a revoked
 * key.
 *
 * Threads: any.
 *
 * \param key  the key
 * \since 0.1
 */
int64_t keyfob_key_rotation_due_at(const struct keyfob_key *key) KEYFOB_NOEXCEPT;

/**
 * Until when its old secret stays good, in seconds since 1970; KEYFOB_NO_TIME while no grace runs,
 * and of a revoked key.
 *
 * Threads: any.
 *
 * \param key  the key
 * \since 0.1
 */
int64_t keyfob_key_grace_expires_at(const struct keyfob_key *key) KEYFOB_NOEXCEPT;

/**
 * When some of its secrets were last used, in seconds since 1970; KEYFOB_NO_TIME where they never
 * were. What a process has not written yet is in its own answers, and not in those of others.
 *
 * Threads: any.
 *
 * \param key      the key
 * \param secrets  which: one of \ref keyfob_secrets
 * \since 0.1
 */
int64_t keyfob_key_last_used_at(const struct keyfob_key *key, uint32_t secrets) KEYFOB_NOEXCEPT;

/**
 * How many verifications some of its secrets passed, those of one second counted as one while the
 * key is in a process's memory.
 *
 * Threads: any.
 *
 * \param key      the key
 * \param secrets  which: one of \ref keyfob_secrets
 * \since 0.1
 */
uint64_t keyfob_key_use_count(const struct keyfob_key *key, uint32_t secrets) KEYFOB_NOEXCEPT;

/**
 * 1 where its current secret was issued elsewhere and imported; else 0.
 *
 * Threads: any.
 *
 * \param key  the key
 * \since 0.1
 */
int keyfob_key_imported(const struct keyfob_key *key) KEYFOB_NOEXCEPT;

/**
 * The sequence of the last event on it.
 *
 * Threads: any.
 *
 * \param key  the key
 * \since 0.1
 */
uint64_t keyfob_key_sequence(const struct keyfob_key *key) KEYFOB_NOEXCEPT;

/**
 * A copy of a key, which is then the caller's: to keep one that an iterator or a list lent.
 *
 * Errors: NULL_ARGUMENT.
 *
 * Threads: any.
 *
 * \param key        the key
 * \param[out] copy  the copy; free it with keyfob_key_free()
 * \param[out] err   why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_key_clone(const struct keyfob_key *key,
                               struct keyfob_key **copy,
                               struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Frees a key.
 *
 * Threads: one at a time.
 *
 * \param key  a key; NULL is allowed
 * \since 0.1
 */
void keyfob_key_free(struct keyfob_key *key) KEYFOB_NOEXCEPT;

/**
 * How many keys there are.
 *
 * Threads: any.
 *
 * \param list  the list
 * \since 0.1
 */
size_t keyfob_key_list_count(const struct keyfob_key_list *list) KEYFOB_NOEXCEPT;

/**
 * One of them. NULL beyond the last.
 *
 * Threads: any.
 *
 * \param list   the list
 * \param index  which, from 0
 * \return a key that lives as long as the list, or NULL
 * \since 0.1
 */
const struct keyfob_key *keyfob_key_list_at(const struct keyfob_key_list *list,
                                            size_t index)
KEYFOB_NOEXCEPT;

/**
 * Frees a list of keys.
 *
 * Threads: one at a time.
 *
 * \param list  a list of keys; NULL is allowed
 * \since 0.1
 */
void keyfob_key_list_free(struct keyfob_key_list *list) KEYFOB_NOEXCEPT;

/**
 * Lists the keys that a filter means.
 *
 * Errors: NO_SUCH_PROJECT; INVALID_CURSOR where the cursor is of another store or another listing;
 * INVALID_SCOPE, INVALID_ARGUMENT, INVALID_TIME, LIMIT_EXCEEDED, UNKNOWN_OPTION, NOT_UTF8 where
 * something is not of its form; NULL_ARGUMENT; what the store says.
 *
 * Threads: any.
 *
 * \param store      the store
 * \param filter     which keys; NULL for every key
 * \param listing    how; NULL for the order of creation
 * \param[out] iter  the keys; free it with keyfob_key_iter_free()
 * \param[out] err   why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_list_keys(const struct keyfob_store *store,
                                     const struct keyfob_filter *filter,
                                     const struct keyfob_list_options *listing,
                                     struct keyfob_key_iter **iter,
                                     struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * The next key. It is lent until the next call of this function, or until the iterator is freed;
 * keyfob_key_clone() keeps it.
 *
 * Errors: DONE (1) at the end, which is no error and makes no error object; what the store says;
 * CLOSED where the store was closed before more was read; NULL_ARGUMENT. After an error the same
 * key may be asked for again.
 *
 * Threads: one at a time.
 *
 * \param iter      the iterator
 * \param[out] key  the key; NULL at the end and on failure
 * \param[out] err  why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_key_iter_next(struct keyfob_key_iter *iter,
                                   const struct keyfob_key **key,
                                   struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Where a listing of the same filter and order goes on behind the key that was given last: text
 * for keyfob_list_options.after, which may be shown to a client and comes back unchanged or not at
 * all. Empty where no key was given yet and the listing began at the beginning.
 *
 * Errors: CLOSED and others that the store says; NULL_ARGUMENT.
 *
 * Threads: one at a time.
 *
 * \param iter         the iterator
 * \param[out] cursor  a text that is lent until the next key is asked for; NULL on failure
 * \param[out] size    where its length without the NUL goes; may be NULL
 * \param[out] err     why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_key_iter_cursor(struct keyfob_key_iter *iter,
                                     const char **cursor,
                                     size_t *size,
                                     struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Frees an iterator, and what it lent.
 *
 * Threads: one at a time.
 *
 * \param iter  the iterator; NULL is allowed
 * \since 0.1
 */
void keyfob_key_iter_free(struct keyfob_key_iter *iter) KEYFOB_NOEXCEPT;

/**
 * How many keys a filter means. Scans them.
 *
 * Errors: as keyfob_store_list_keys().
 *
 * Threads: any.
 *
 * \param store       the store
 * \param filter      which keys; NULL for every key
 * \param[out] count  how many
 * \param[out] err    why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_count_keys(const struct keyfob_store *store,
                                      const struct keyfob_filter *filter,
                                      uint64_t *count,
                                      struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * The keys that a filter means that were used the longest ago, those never used first. Scans.
 *
 * Errors: as keyfob_store_list_keys(); LIMIT_EXCEEDED for more than 10,000.
 *
 * Threads: any.
 *
 * \param store      the store
 * \param filter     which keys; NULL for every key
 * \param most       at most so many
 * \param[out] keys  the keys; free it with keyfob_key_list_free()
 * \param[out] err   why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_least_recently_used(const struct keyfob_store *store,
                                               const struct keyfob_filter *filter,
                                               size_t most,
                                               struct keyfob_key_list **keys,
                                               struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * The id of the key that a text means: an id, or its last six or more characters where only one
 * key ends in them. Scans every id where it is not whole.
 *
 * Errors: NO_SUCH_KEY; AMBIGUOUS_KEY; INVALID_ARGUMENT where there are fewer than six characters;
 * BUFFER_TOO_SMALL, NULL_ARGUMENT, NOT_UTF8; what the store says.
 *
 * Threads: any.
 *
 * \param store        the store
 * \param suffix       the id, or how it ends
 * \param suffix_size  its length, or KEYFOB_NUL
 * \param[out] key_id  a buffer of the caller's for the id and its NUL
 * \param capacity     its size; at least KEYFOB_ID_MAX
 * \param[out] err     why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_resolve_key(const struct keyfob_store *store,
                                       const char *suffix,
                                       size_t suffix_size,
                                       char *key_id,
                                       size_t capacity,
                                       struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * How many projects there are.
 *
 * Threads: any.
 *
 * \param list  the list
 * \since 0.1
 */
size_t keyfob_project_list_count(const struct keyfob_project_list *list) KEYFOB_NOEXCEPT;

/**
 * One of them. NULL beyond the last.
 *
 * Threads: any.
 *
 * \param list   the list
 * \param index  which, from 0
 * \return a project that lives as long as the list, or NULL
 * \since 0.1
 */
const struct keyfob_project *keyfob_project_list_at(const struct keyfob_project_list *list,
                                                    size_t index)
KEYFOB_NOEXCEPT;

/**
 * Frees a list of projects.
 *
 * Threads: one at a time.
 *
 * \param list  a list of projects; NULL is allowed
 * \since 0.1
 */
void keyfob_project_list_free(struct keyfob_project_list *list) KEYFOB_NOEXCEPT;

/**
 * Its internal id, never used again. NULL only of NULL.
 *
 * Threads: any.
 *
 * \param project  the project
 * \param size     where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the project
 * \since 0.1
 */
const char *keyfob_project_id(const struct keyfob_project *project, size_t *size) KEYFOB_NOEXCEPT;

/**
 * Its name; of a deleted project, the one that it had. NULL only of NULL.
 *
 * Threads: any.
 *
 * \param project  the project
 * \param size     where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the project
 * \since 0.1
 */
const char *keyfob_project_name(const struct keyfob_project *project, size_t *size) KEYFOB_NOEXCEPT;

/**
 * Whom it belongs to; NULL where that was not said.
 *
 * Threads: any.
 *
 * \param project  the project
 * \param size     where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the project, or NULL
 * \since 0.1
 */
const char *keyfob_project_owner(const struct keyfob_project *project,
                                 size_t *size)
KEYFOB_NOEXCEPT;

/**
 * How many scopes its tokens may hold.
 *
 * Threads: any.
 *
 * \param project  the project
 * \since 0.1
 */
size_t keyfob_project_scope_count(const struct keyfob_project *project) KEYFOB_NOEXCEPT;

/**
 * One of the scopes that its tokens may hold at most. NULL beyond the last.
 *
 * Threads: any.
 *
 * \param project  the project
 * \param index    which, from 0
 * \param size     where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the project, or NULL
 * \since 0.1
 */
const char *keyfob_project_scope(const struct keyfob_project *project,
                                 size_t index,
                                 size_t *size)
KEYFOB_NOEXCEPT;

/**
 * 1 where it is enabled; else 0.
 *
 * Threads: any.
 *
 * \param project  the project
 * \since 0.1
 */
int keyfob_project_enabled(const struct keyfob_project *project) KEYFOB_NOEXCEPT;

/**
 * When it was created, in seconds since 1970.
 *
 * Threads: any.
 *
 * \param project  the project
 * \since 0.1
 */
int64_t keyfob_project_created_at(const struct keyfob_project *project) KEYFOB_NOEXCEPT;

/**
 * When it was last changed, in seconds since 1970.
 *
 * Threads: any.
 *
 * \param project  the project
 * \since 0.1
 */
int64_t keyfob_project_updated_at(const struct keyfob_project *project) KEYFOB_NOEXCEPT;

/**
 * When it was deleted, in seconds since 1970; KEYFOB_NO_TIME while it exists.
 *
 * Threads: any.
 *
 * \param project  the project
 * \since 0.1
 */
int64_t keyfob_project_deleted_at(const struct keyfob_project *project) KEYFOB_NOEXCEPT;

/**
 * Frees a project.
 *
 * Threads: one at a time.
 *
 * \param project  a project; NULL is allowed
 * \since 0.1
 */
void keyfob_project_free(struct keyfob_project *project) KEYFOB_NOEXCEPT;

/**
 * Creates a project. A project of the same name that was deleted is another one: this one has none
 * of its tokens.
 *
 * Errors: NAME_TAKEN; INVALID_ARGUMENT, INVALID_SCOPE, LIMIT_EXCEEDED, NOT_UTF8, UNKNOWN_OPTION
 * where something is not of its form; NULL_ARGUMENT; what the store says.
 *
 * Threads: any.
 *
 * \param store         the store
 * \param new_project   what it is made from
 * \param[out] project  the project; free it with keyfob_project_free(); may be NULL
 * \param[out] err      why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_create_project(const struct keyfob_store *store,
                                          const struct keyfob_new_project *new_project,
                                          struct keyfob_project **project,
                                          struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * One project that exists, by name.
 *
 * Errors: NO_SUCH_PROJECT; INVALID_ARGUMENT of a name that no project can have; what the store
 * says.
 *
 * Threads: any.
 *
 * \param store         the store
 * \param name          the name of the project
 * \param name_size     its length, or KEYFOB_NUL
 * \param[out] project  the project; free it with keyfob_project_free(); may be NULL
 * \param[out] err      why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_get_project(const struct keyfob_store *store,
                                       const char *name,
                                       size_t name_size,
                                       struct keyfob_project **project,
                                       struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * One project, by its id, also one that was deleted, as long as it is known.
 *
 * Errors: NO_SUCH_PROJECT; what the store says.
 *
 * Threads: any.
 *
 * \param store         the store
 * \param id            the id of the project
 * \param id_size       its length, or KEYFOB_NUL
 * \param[out] project  the project; free it with keyfob_project_free(); may be NULL
 * \param[out] err      why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_get_project_by_id(const struct keyfob_store *store,
                                             const char *id,
                                             size_t id_size,
                                             struct keyfob_project **project,
                                             struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Changes what an update names of a project. Narrower scopes bind every token of the project from
 * its next verification on.
 *
 * Errors: NO_SUCH_PROJECT; INVALID_ARGUMENT, INVALID_SCOPE, LIMIT_EXCEEDED, NOT_UTF8,
 * UNKNOWN_OPTION where something is not of its form; what the store says.
 *
 * Threads: any.
 *
 * \param store         the store
 * \param name          the name of the project
 * \param name_size     its length, or KEYFOB_NUL
 * \param update        what is changed
 * \param[out] project  the project as it is afterwards; free it with keyfob_project_free(); may be NULL
 * \param[out] err      why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_update_project(const struct keyfob_store *store,
                                          const char *name,
                                          size_t name_size,
                                          const struct keyfob_project_update *update,
                                          struct keyfob_project **project,
                                          struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Disables a project: its tokens answer DISABLED until it is enabled again.
 *
 * Errors: NO_SUCH_PROJECT; INVALID_ARGUMENT of a name that no project can have; what the store
 * says.
 *
 * Threads: any.
 *
 * \param store         the store
 * \param name          the name of the project
 * \param name_size     its length, or KEYFOB_NUL
 * \param[out] project  the project as it is afterwards; free it with keyfob_project_free(); may be NULL
 * \param[out] err      why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_disable_project(const struct keyfob_store *store,
                                           const char *name,
                                           size_t name_size,
                                           struct keyfob_project **project,
                                           struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Enables a project again.
 *
 * Errors: NO_SUCH_PROJECT; INVALID_ARGUMENT of a name that no project can have; what the store
 * says.
 *
 * Threads: any.
 *
 * \param store         the store
 * \param name          the name of the project
 * \param name_size     its length, or KEYFOB_NUL
 * \param[out] project  the project as it is afterwards; free it with keyfob_project_free(); may be NULL
 * \param[out] err      why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_enable_project(const struct keyfob_store *store,
                                          const char *name,
                                          size_t name_size,
                                          struct keyfob_project **project,
                                          struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Deletes a project, for good: its tokens answer REVOKED, and its name is free.
 *
 * Errors: NO_SUCH_PROJECT; INVALID_ARGUMENT of a name that no project can have; what the store
 * says.
 *
 * Threads: any.
 *
 * \param store         the store
 * \param name          the name of the project
 * \param name_size     its length, or KEYFOB_NUL
 * \param[out] project  the project as it is afterwards; free it with keyfob_project_free(); may be NULL
 * \param[out] err      why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_delete_project(const struct keyfob_store *store,
                                          const char *name,
                                          size_t name_size,
                                          struct keyfob_project **project,
                                          struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * The projects that exist, in the order of their names.
 *
 * Errors: what the store says; NULL_ARGUMENT.
 *
 * Threads: any.
 *
 * \param store          the store
 * \param[out] projects  the projects; free it with keyfob_project_list_free()
 * \param[out] err       why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_list_projects(const struct keyfob_store *store,
                                         struct keyfob_project_list **projects,
                                         struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * The projects that were deleted, in the order of their creation, as long as they are known.
 * Several may have had the same name.
 *
 * Errors: what the store says; NULL_ARGUMENT.
 *
 * Threads: any.
 *
 * \param store          the store
 * \param[out] projects  the projects; free it with keyfob_project_list_free()
 * \param[out] err       why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_list_deleted_projects(const struct keyfob_store *store,
                                                 struct keyfob_project_list **projects,
                                                 struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * The policy of the store.
 *
 * Errors: what the store says; NULL_ARGUMENT; INVALID_ARGUMENT where the size is not set.
 *
 * Threads: any.
 *
 * \param store        the store
 * \param[out] policy  the policy; its size is set by the caller
 * \param[out] err     why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_get_policy(const struct keyfob_store *store,
                                      struct keyfob_policy *policy,
                                      struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Changes the policy of the store, for keys that are created or changed from now on.
 *
 * Errors: INVALID_TIME where a lifetime is not positive, or the default is beyond the longest;
 * UNKNOWN_OPTION; NULL_ARGUMENT; what the store says.
 *
 * Threads: any.
 *
 * \param store     the store
 * \param policy    all of the policy
 * \param[out] err  why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_set_policy(const struct keyfob_store *store,
                                      const struct keyfob_policy *policy,
                                      struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Sets the mark of the latest time, by which expiry is judged while the clock is behind it, to
 * what the clock shows: after a clock that was wrong moved it ahead.
 *
 * Errors: what the store says.
 *
 * Threads: any.
 *
 * \param store     the store
 * \param[out] err  why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_reset_clock(const struct keyfob_store *store,
                                       struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Reads the log, in order. Every event is checked before it is given: its hash must follow from
 * that of the event before it, and no event may be missing.
 *
 * Errors: GONE where the log was pruned beyond the sequence asked for, never a shortened list
 * (keyfob_error_sequence() tells where it begins); CORRUPTED; NO_SUCH_PROJECT; NO_SUCH_KEY of a
 * text that is no id; NOT_UTF8, UNKNOWN_OPTION, INVALID_ARGUMENT, NULL_ARGUMENT; what the store
 * says.
 *
 * Threads: any.
 *
 * \param store      the store
 * \param query      which events; NULL for all
 * \param[out] iter  the events; free it with keyfob_event_iter_free()
 * \param[out] err   why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_read_log(const struct keyfob_store *store,
                                    const struct keyfob_log_query *query,
                                    struct keyfob_event_iter **iter,
                                    struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * The next event. It is lent until the next call of this function, or until the iterator is freed.
 * After the end a later call looks again, and goes on with what was added since: so the log is
 * followed.
 *
 * Errors: DONE (1) at the end, which is no error and makes no error object; GONE where events that
 * were not read yet were pruned; CORRUPTED; CLOSED where the store was closed before more was read;
 * NULL_ARGUMENT; what the store says.
 *
 * Threads: one at a time.
 *
 * \param iter        the iterator
 * \param[out] event  the event; NULL at the end and on failure
 * \param[out] err    why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_event_iter_next(struct keyfob_event_iter *iter,
                                     const struct keyfob_event **event,
                                     struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Frees an iterator.
 *
 * Threads: one at a time.
 *
 * \param iter  an iterator; NULL is allowed
 * \since 0.1
 */
void keyfob_event_iter_free(struct keyfob_event_iter *iter) KEYFOB_NOEXCEPT;

/**
 * Its place in the log: 1 for the first, without gaps but for a restore.
 *
 * Threads: any.
 *
 * \param event  the event
 * \since 0.1
 */
uint64_t keyfob_event_sequence(const struct keyfob_event *event) KEYFOB_NOEXCEPT;

/**
 * When, in milliseconds since 1970, by the clock of the process that wrote it.
 *
 * Threads: any.
 *
 * \param event  the event
 * \since 0.1
 */
int64_t keyfob_event_at_ms(const struct keyfob_event *event) KEYFOB_NOEXCEPT;

/**
 * Who, as the caller said. NULL only of NULL.
 *
 * Threads: any.
 *
 * \param event  the event
 * \param size   where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the event
 * \since 0.1
 */
const char *keyfob_event_actor(const struct keyfob_event *event, size_t *size) KEYFOB_NOEXCEPT;

/**
 * What happened, "key_revoked"; the names are those of the command's documents. New ones may come.
 * NULL only of NULL.
 *
 * Threads: any.
 *
 * \param event  the event
 * \param size   where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the event
 * \since 0.1
 */
const char *keyfob_event_kind(const struct keyfob_event *event, size_t *size) KEYFOB_NOEXCEPT;

/**
 * What it is about: one of \ref keyfob_subjects.
 *
 * Threads: any.
 *
 * \param event  the event
 * \since 0.1
 */
uint32_t keyfob_event_subject(const struct keyfob_event *event) KEYFOB_NOEXCEPT;

/**
 * The id of the key or the project that it is about; NULL where it is about the store.
 *
 * Threads: any.
 *
 * \param event  the event
 * \param size   where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the event, or NULL
 * \since 0.1
 */
const char *keyfob_event_subject_id(const struct keyfob_event *event, size_t *size) KEYFOB_NOEXCEPT;

/**
 * The sequence of the event before on the same subject; 0 where there is none.
 *
 * Threads: any.
 *
 * \param event  the event
 * \since 0.1
 */
uint64_t keyfob_event_previous(const struct keyfob_event *event) KEYFOB_NOEXCEPT;

/**
 * The hash that chains it to the event before.
 *
 * Threads: any.
 *
 * \param event      the event
 * \param[out] hash  32 bytes of the caller's; zeros where event is NULL
 * \since 0.1
 */
void keyfob_event_hash(const struct keyfob_event *event, uint8_t *hash) KEYFOB_NOEXCEPT;

/**
 * How many details it has. Each is a name and a text: times are whole seconds since 1970, yes and
 * no are 1 and 0; what is a list stands there once for each of its parts, and what is absent does
 * not stand there. What an update changed is named by "changed".
 *
 * Threads: any.
 *
 * \param event  the event
 * \since 0.1
 */
size_t keyfob_event_field_count(const struct keyfob_event *event) KEYFOB_NOEXCEPT;

/**
 * The name of a detail. NULL beyond the last.
 *
 * Threads: any.
 *
 * \param event  the event
 * \param index  which, from 0
 * \param size   where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the event, or NULL
 * \since 0.1
 */
const char *keyfob_event_field_name(const struct keyfob_event *event,
                                    size_t index,
                                    size_t *size)
KEYFOB_NOEXCEPT;

/**
 * The text of a detail. NULL beyond the last.
 *
 * Threads: any.
 *
 * \param event  the event
 * \param index  which, from 0
 * \param size   where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the event, or NULL
 * \since 0.1
 */
const char *keyfob_event_field_value(const struct keyfob_event *event,
                                     size_t index,
                                     size_t *size)
KEYFOB_NOEXCEPT;

/**
 * What the store tells of itself. Its prefix, path and scanner expression the handle itself knows;
 * its policy is told by keyfob_store_get_policy().
 *
 * Errors: what the store says; NULL_ARGUMENT.
 *
 * Threads: any.
 *
 * \param store      the store
 * \param[out] info  what it tells; free it with keyfob_info_free()
 * \param[out] err   why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_info(const struct keyfob_store *store,
                                struct keyfob_info **info,
                                struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * The format of its file.
 *
 * Threads: any.
 *
 * \param info  what was told
 * \since 0.1
 */
uint32_t keyfob_info_format(const struct keyfob_info *info) KEYFOB_NOEXCEPT;

/**
 * Its own id, drawn when it was created; a backup has the same.
 *
 * Threads: any.
 *
 * \param info      what was told
 * \param[out] id  16 bytes of the caller's; zeros where info is NULL
 * \since 0.1
 */
void keyfob_info_store_id(const struct keyfob_info *info, uint8_t *id) KEYFOB_NOEXCEPT;

/**
 * When it was created, in seconds since 1970.
 *
 * Threads: any.
 *
 * \param info  what was told
 * \since 0.1
 */
int64_t keyfob_info_created_at(const struct keyfob_info *info) KEYFOB_NOEXCEPT;

/**
 * The sequence of its last event.
 *
 * Threads: any.
 *
 * \param info  what was told
 * \since 0.1
 */
uint64_t keyfob_info_sequence(const struct keyfob_info *info) KEYFOB_NOEXCEPT;

/**
 * The hash of its last event. Noted elsewhere with the sequence, it proves the log:
 * keyfob_store_check_expected().
 *
 * Threads: any.
 *
 * \param info        what was told
 * \param[out] head  32 bytes of the caller's; zeros where info is NULL
 * \since 0.1
 */
void keyfob_info_head(const struct keyfob_info *info, uint8_t *head) KEYFOB_NOEXCEPT;

/**
 * The last event that was pruned from the log; 0 where none was.
 *
 * Threads: any.
 *
 * \param info  what was told
 * \since 0.1
 */
uint64_t keyfob_info_log_begins_after(const struct keyfob_info *info) KEYFOB_NOEXCEPT;

/**
 * How many keys it has, of every state.
 *
 * Threads: any.
 *
 * \param info  what was told
 * \since 0.1
 */
uint64_t keyfob_info_key_count(const struct keyfob_info *info) KEYFOB_NOEXCEPT;

/**
 * How many projects it has, those deleted that still have keys included.
 *
 * Threads: any.
 *
 * \param info  what was told
 * \since 0.1
 */
uint64_t keyfob_info_project_count(const struct keyfob_info *info) KEYFOB_NOEXCEPT;

/**
 * How many digests of imported secrets it has, those of pruned keys included.
 *
 * Threads: any.
 *
 * \param info  what was told
 * \since 0.1
 */
uint64_t keyfob_info_digest_count(const struct keyfob_info *info) KEYFOB_NOEXCEPT;

/**
 * How many revoked keys were pruned that it remembers.
 *
 * Threads: any.
 *
 * \param info  what was told
 * \since 0.1
 */
uint64_t keyfob_info_tombstone_count(const struct keyfob_info *info) KEYFOB_NOEXCEPT;

/**
 * Whether it has a pepper: one of \ref keyfob_pepper_states.
 *
 * Threads: any.
 *
 * \param info  what was told
 * \since 0.1
 */
uint32_t keyfob_info_pepper(const struct keyfob_info *info) KEYFOB_NOEXCEPT;

/**
 * The latest time that its own clock showed, in seconds since 1970. Expiry and the end of a grace
 * go by this mark while the clock is behind it; keyfob_store_reset_clock() sets it to the clock.
 *
 * Threads: any.
 *
 * \param info  what was told
 * \since 0.1
 */
int64_t keyfob_info_mark(const struct keyfob_info *info) KEYFOB_NOEXCEPT;

/**
 * What its clock showed, in seconds since 1970.
 *
 * Threads: any.
 *
 * \param info  what was told
 * \since 0.1
 */
int64_t keyfob_info_clock(const struct keyfob_info *info) KEYFOB_NOEXCEPT;

/**
 * 1 where the clock runs so far ahead that the mark does not follow it; else 0.
 *
 * Threads: any.
 *
 * \param info  what was told
 * \since 0.1
 */
int keyfob_info_clock_ahead(const struct keyfob_info *info) KEYFOB_NOEXCEPT;

/**
 * The length of its file.
 *
 * Threads: any.
 *
 * \param info  what was told
 * \since 0.1
 */
uint64_t keyfob_info_file_bytes(const struct keyfob_info *info) KEYFOB_NOEXCEPT;

/**
 * 1 where the handle is for reading only; else 0.
 *
 * Threads: any.
 *
 * \param info  what was told
 * \since 0.1
 */
int keyfob_info_read_only(const struct keyfob_info *info) KEYFOB_NOEXCEPT;

/**
 * Frees what a store told of itself.
 *
 * Threads: one at a time.
 *
 * \param info  what a store told of itself; NULL is allowed
 * \since 0.1
 */
void keyfob_info_free(struct keyfob_info *info) KEYFOB_NOEXCEPT;

/**
 * What each table of the file costs. Reads every page.
 *
 * Errors: what the store says; NULL_ARGUMENT.
 *
 * Threads: any.
 *
 * \param store        the store
 * \param[out] tables  the tables; free it with keyfob_table_list_free()
 * \param[out] err     why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_table_sizes(const struct keyfob_store *store,
                                       struct keyfob_table_list **tables,
                                       struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * How many tables there are.
 *
 * Threads: any.
 *
 * \param tables  the tables
 * \since 0.1
 */
size_t keyfob_table_list_count(const struct keyfob_table_list *tables) KEYFOB_NOEXCEPT;

/**
 * The name of a table. NULL beyond the last.
 *
 * Threads: any.
 *
 * \param tables  the tables
 * \param index   which, from 0
 * \param size    where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the tables, or NULL
 * \since 0.1
 */
const char *keyfob_table_list_name(const struct keyfob_table_list *tables,
                                   size_t index,
                                   size_t *size)
KEYFOB_NOEXCEPT;

/**
 * How many rows a table has.
 *
 * Threads: any.
 *
 * \param tables  the tables
 * \param index   which, from 0
 * \since 0.1
 */
uint64_t keyfob_table_list_rows(const struct keyfob_table_list *tables,
                                size_t index)
KEYFOB_NOEXCEPT;

/**
 * How many bytes a table takes, with everything that the engine adds.
 *
 * Threads: any.
 *
 * \param tables  the tables
 * \param index   which, from 0
 * \since 0.1
 */
uint64_t keyfob_table_list_bytes(const struct keyfob_table_list *tables,
                                 size_t index)
KEYFOB_NOEXCEPT;

/**
 * Frees the tables.
 *
 * Threads: one at a time.
 *
 * \param tables  the tables; NULL is allowed
 * \since 0.1
 */
void keyfob_table_list_free(struct keyfob_table_list *tables) KEYFOB_NOEXCEPT;

/**
 * Checks everything there is to check. It may run beside other processes and threads; their
 * changes wait while the engine's own pages are read. Damage is no failure of the check: look at
 * keyfob_integrity_report_damage_count().
 *
 * Errors: what kept the check from being made; INTERRUPTED; NULL_ARGUMENT.
 *
 * Threads: any.
 *
 * \param store        the store
 * \param progress     is told how many rows are done; may be NULL
 * \param user         is passed to it
 * \param[out] report  what was found; free it with keyfob_integrity_report_free()
 * \param[out] err     why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_check_integrity(const struct keyfob_store *store,
                                           keyfob_progress_fn progress,
                                           void *user,
                                           struct keyfob_integrity_report **report,
                                           struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * How many things are wrong; 0 where the store is whole, SIZE_MAX of NULL.
 *
 * Threads: any.
 *
 * \param report  the report
 * \since 0.1
 */
size_t keyfob_integrity_report_damage_count(const struct keyfob_integrity_report *report)
KEYFOB_NOEXCEPT;

/**
 * One of the things that are wrong, a sentence. NULL beyond the last.
 *
 * Threads: any.
 *
 * \param report  the report
 * \param index   which, from 0
 * \param size    where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the report, or NULL
 * \since 0.1
 */
const char *keyfob_integrity_report_damage(const struct keyfob_integrity_report *report,
                                           size_t index,
                                           size_t *size)
KEYFOB_NOEXCEPT;

/**
 * How many keys were read.
 *
 * Threads: any.
 *
 * \param report  the report
 * \since 0.1
 */
uint64_t keyfob_integrity_report_key_count(const struct keyfob_integrity_report *report)
KEYFOB_NOEXCEPT;

/**
 * How many projects were read.
 *
 * Threads: any.
 *
 * \param report  the report
 * \since 0.1
 */
uint64_t keyfob_integrity_report_project_count(const struct keyfob_integrity_report *report)
KEYFOB_NOEXCEPT;

/**
 * How many events were read.
 *
 * Threads: any.
 *
 * \param report  the report
 * \since 0.1
 */
uint64_t keyfob_integrity_report_event_count(const struct keyfob_integrity_report *report)
KEYFOB_NOEXCEPT;

/**
 * The sequence of the last event.
 *
 * Threads: any.
 *
 * \param report  the report
 * \since 0.1
 */
uint64_t keyfob_integrity_report_sequence(const struct keyfob_integrity_report *report)
KEYFOB_NOEXCEPT;

/**
 * The hash of the last event.
 *
 * Threads: any.
 *
 * \param report      the report
 * \param[out] head  32 bytes of the caller's; zeros where report is NULL
 * \since 0.1
 */
void keyfob_integrity_report_head(const struct keyfob_integrity_report *report,
                                  uint8_t *head)
KEYFOB_NOEXCEPT;

/**
 * Frees the report of a check.
 *
 * Threads: one at a time.
 *
 * \param report  the report of a check; NULL is allowed
 * \since 0.1
 */
void keyfob_integrity_report_free(struct keyfob_integrity_report *report) KEYFOB_NOEXCEPT;

/**
 * Whether the log had a hash at a sequence: what somebody noted elsewhere, from
 * keyfob_info_sequence() and keyfob_info_head(), still holds.
 *
 * Errors: GONE where the event was pruned and is not the one at the cut; NULL_ARGUMENT; what the
 * store says.
 *
 * Threads: any.
 *
 * \param store       the store
 * \param sequence    the sequence
 * \param hash        the hash, 32 bytes
 * \param[out] holds  1 where it holds, else 0
 * \param[out] err    why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_check_expected(const struct keyfob_store *store,
                                          uint64_t sequence,
                                          const uint8_t *hash,
                                          int *holds,
                                          struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Verifies the chain of the log: every event that it holds follows from the one before.
 *
 * Errors: CORRUPTED, naming the first event that does not follow; what the store says.
 *
 * Threads: any.
 *
 * \param store       the store
 * \param[out] chain  what was found; its size is set by the caller; may be NULL
 * \param[out] err    why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_verify_log(const struct keyfob_store *store,
                                      struct keyfob_verify_log_result *chain,
                                      struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Removes the events up to and including a sequence from the log. The hash at the cut is kept, so
 * that the rest stays provable.
 *
 * Errors: INVALID_ARGUMENT where the sequence is beyond the last event; PEPPER_REFUSED while a
 * change of peppers is under way; what the store says.
 *
 * Threads: any.
 *
 * \param store         the store
 * \param through       the last event that is removed
 * \param[out] removed  how many were removed; may be NULL
 * \param[out] err      why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_prune_log(const struct keyfob_store *store,
                                     uint64_t through,
                                     uint64_t *removed,
                                     struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Removes revoked and expired keys from the listing, and deleted projects that have no keys any
 * more. Nothing brings a revoked key back that was pruned: no restore, and no import.
 *
 * Errors: what the store says; what was pruned before it stays pruned.
 *
 * Threads: any.
 *
 * \param store          the store
 * \param prune          which keys; NULL for none, and only projects are pruned
 * \param[out] keys      how many keys were pruned; may be NULL
 * \param[out] projects  how many projects were pruned; may be NULL
 * \param[out] err       why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_prune(const struct keyfob_store *store,
                                 const struct keyfob_prune_options *prune,
                                 uint64_t *keys,
                                 uint64_t *projects,
                                 struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Writes a copy of the store as it stands now, while it goes on being used. The copy is a store
 * itself, compact and durable when this returns, with the same id and pepper. Where the callback
 * stops it, nothing is left of the copy.
 *
 * Errors: STORE_EXISTS where anything is at the path; NO_SPACE; INTERRUPTED; NULL_ARGUMENT; what
 * the store says.
 *
 * Threads: any.
 *
 * \param store        the store
 * \param to           where the copy goes
 * \param to_size      its length, or KEYFOB_NUL
 * \param progress     is told how many rows are done; may be NULL
 * \param user         is passed to it
 * \param[out] backup  what it holds; its size is set by the caller; may be NULL
 * \param[out] err     why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_backup(const struct keyfob_store *store,
                                  const char *to,
                                  size_t to_size,
                                  keyfob_progress_fn progress,
                                  void *user,
                                  struct keyfob_backup_result *backup,
                                  struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Gives unused pages of the file back to the file system. Every other call on this store waits
 * meanwhile as long as it may, and answers BUSY then.
 *
 * Errors: LOCKED while another process has the store open; BUSY while a backup or a check of this
 * process reads it; READ_ONLY; what the store says.
 *
 * Threads: any.
 *
 * \param store              the store
 * \param[out] bytes_before  the length of the file before; may be NULL
 * \param[out] bytes_after   its length now; may be NULL
 * \param[out] err           why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_compact(const struct keyfob_store *store,
                                   uint64_t *bytes_before,
                                   uint64_t *bytes_after,
                                   struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Restores a backup at a path, which need not hold anything. Where the present store can be read,
 * it gains what the backup knows and it does not; what it changed itself since then stays, what it
 * pruned stays away unless it is named, and what either of them revoked is revoked. Where it is
 * missing or cannot be read, the backup takes its place, and the answer names every key whose
 * state is uncertain.
 *
 * Errors: CORRUPTED where the backup is damaged; OPTIONS_CONTRADICT where it is of another store;
 * NOT_A_STORE where the file at the path is another program's, unless it may be replaced; LOCKED
 * where others have the file open that cannot be read; KEY_IS_REVOKED where a named key was
 * revoked before it was pruned; PEPPER_REFUSED; INTERRUPTED, and nothing was changed; those of
 * keyfob_store_open().
 *
 * Threads: any.
 *
 * \param path           where the store is, or goes
 * \param path_size      its length, or KEYFOB_NUL
 * \param backup         where the backup is
 * \param backup_size    its length, or KEYFOB_NUL
 * \param options        the store's pepper, and as retired ones those of the backup's time, among
 *                       others; NULL for the defaults
 * \param how            how; NULL for the defaults
 * \param progress       is told how many rows of the backup were checked, and may stop it until
 *                       something is written; may be NULL
 * \param user           is passed to it
 * \param[out] restored  what was done; free it with keyfob_restore_result_free(); may be NULL
 * \param[out] err       why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_restore(const char *path,
                             size_t path_size,
                             const char *backup,
                             size_t backup_size,
                             const struct keyfob_store_options *options,
                             const struct keyfob_restore_options *how,
                             keyfob_progress_fn progress,
                             void *user,
                             struct keyfob_restore_result **restored,
                             struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * How many keys were brought in.
 *
 * Threads: any.
 *
 * \param restored  what the restore answered
 * \since 0.1
 */
uint64_t keyfob_restore_result_key_count(const struct keyfob_restore_result *restored)
KEYFOB_NOEXCEPT;

/**
 * How many projects were brought in.
 *
 * Threads: any.
 *
 * \param restored  what the restore answered
 * \since 0.1
 */
uint64_t keyfob_restore_result_project_count(const struct keyfob_restore_result *restored)
KEYFOB_NOEXCEPT;

/**
 * The sequence that the store goes on from.
 *
 * Threads: any.
 *
 * \param restored  what the restore answered
 * \since 0.1
 */
uint64_t keyfob_restore_result_sequence(const struct keyfob_restore_result *restored)
KEYFOB_NOEXCEPT;

/**
 * The last event that the backup and the present store have in common; -1 where nothing tells
 * which it is, or where there was nothing to read.
 *
 * Threads: any.
 *
 * \param restored  what the restore answered
 * \since 0.1
 */
int64_t keyfob_restore_result_common_sequence(const struct keyfob_restore_result *restored)
KEYFOB_NOEXCEPT;

/**
 * How many keys of the backup stay away, because the present store pruned them, or may have.
 *
 * Threads: any.
 *
 * \param restored  what the restore answered
 * \since 0.1
 */
uint64_t keyfob_restore_result_kept_away_count(const struct keyfob_restore_result *restored)
KEYFOB_NOEXCEPT;

/**
 * The keys that both the backup and the present store changed after what they have in common. They
 * are as the present store has them, revoked if either revoked them, and else disabled. NULL only
 * of NULL.
 *
 * Threads: any.
 *
 * \param restored  what the restore answered
 * \return a list that lives as long as what the restore answered
 * \since 0.1
 */
const struct keyfob_key_list *keyfob_restore_result_conflicts(const struct keyfob_restore_result *restored)
KEYFOB_NOEXCEPT;

/**
 * The keys whose state after the backup cannot be known, because there was nothing to read: any of
 * them may have been revoked since. NULL only of NULL.
 *
 * Threads: any.
 *
 * \param restored  what the restore answered
 * \return a list that lives as long as what the restore answered
 * \since 0.1
 */
const struct keyfob_key_list *keyfob_restore_result_uncertain(const struct keyfob_restore_result *restored)
KEYFOB_NOEXCEPT;

/**
 * How many projects both the backup and the present store changed after what they have in common.
 *
 * Threads: any.
 *
 * \param restored  what the restore answered
 * \since 0.1
 */
size_t keyfob_restore_result_project_conflict_count(const struct keyfob_restore_result *restored)
KEYFOB_NOEXCEPT;

/**
 * The name of one of these projects: deleted if either deleted it, else disabled. NULL beyond the
 * last.
 *
 * Threads: any.
 *
 * \param restored  what the restore answered
 * \param index     which, from 0
 * \param size      where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the answer, or NULL
 * \since 0.1
 */
const char *keyfob_restore_result_project_conflict(const struct keyfob_restore_result *restored,
                                                   size_t index,
                                                   size_t *size)
KEYFOB_NOEXCEPT;

/**
 * Where the file that could not be read was put; NULL where there was none.
 *
 * Threads: any.
 *
 * \param restored  what the restore answered
 * \param size      where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the answer, or NULL
 * \since 0.1
 */
const char *keyfob_restore_result_set_aside(const struct keyfob_restore_result *restored,
                                            size_t *size)
KEYFOB_NOEXCEPT;

/**
 * Frees what a restore answered.
 *
 * Threads: one at a time.
 *
 * \param restored  what a restore answered; NULL is allowed
 * \since 0.1
 */
void keyfob_restore_result_free(struct keyfob_restore_result *restored) KEYFOB_NOEXCEPT;

/**
 * The name of a format, "drf-api-key"; "unknown" of any other number. Never NULL; it lives as long
 * as the library.
 *
 * Threads: any.
 *
 * \param format  one of \ref keyfob_import_formats
 * \since 0.1
 */
const char *keyfob_import_format_name(uint32_t format) KEYFOB_NOEXCEPT;

/**
 * Brings in keys that another system issued, a line each; their holders keep the strings that they
 * have. Each line has its own result, and one that is refused refuses only itself. Importing the
 * same lines again is safe at any time: each that is there answers DIGEST_TAKEN. The results are
 * given whatever the status is, once the arguments were looked at: the keys in them are durable.
 *
 * Errors: UNKNOWN_OPTION of a format that this version does not know; INVALID_ARGUMENT and others
 * where a default is not of its form; NOT_UTF8, NULL_ARGUMENT of any line. As the reason why it
 * stopped before the last line: what the store says; NO_SUCH_PROJECT, PROJECT_IS_DISABLED for the
 * project of the defaults; INTERRUPTED.
 *
 * Threads: any.
 *
 * \param store          the store
 * \param format         what the lines are in: one of \ref keyfob_import_formats
 * \param lines          the lines
 * \param lines_count    how many
 * \param defaults       what the lines do not say; NULL for nothing
 * \param progress       is told how many lines are done, after each 10,000; may be NULL
 * \param user           is passed to it
 * \param[out] imported  what became of them; free it with keyfob_import_result_free()
 * \param[out] err       why it stopped; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_import(const struct keyfob_store *store,
                                  uint32_t format,
                                  const struct keyfob_text *lines,
                                  size_t lines_count,
                                  const struct keyfob_import_defaults *defaults,
                                  keyfob_progress_fn progress,
                                  void *user,
                                  struct keyfob_import_result **imported,
                                  struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * How many lines were done.
 *
 * Threads: any.
 *
 * \param imported  what became of the lines
 * \since 0.1
 */
size_t keyfob_import_result_count(const struct keyfob_import_result *imported) KEYFOB_NOEXCEPT;

/**
 * What became of a line: KEYFOB_OK, or why it was refused: NOT_IMPORTABLE; DIGEST_TAKEN;
 * SCOPE_NOT_ALLOWED; POLICY_REFUSED, TOO_MANY_KEYS; CLOCK_IS_BEHIND; INVALID_ARGUMENT and others
 * where something in it is not of its form; itself INVALID_ARGUMENT beyond the last.
 *
 * Threads: any.
 *
 * \param imported  what became of the lines
 * \param index     which, from 0
 * \since 0.1
 */
keyfob_status keyfob_import_result_status(const struct keyfob_import_result *imported,
                                          size_t index)
KEYFOB_NOEXCEPT;

/**
 * The id of the key that a line became; NULL where it was refused, and beyond the last.
 *
 * Threads: any.
 *
 * \param imported  what became of the lines
 * \param index     which, from 0
 * \param size      where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the results, or NULL
 * \since 0.1
 */
const char *keyfob_import_result_key_id(const struct keyfob_import_result *imported,
                                        size_t index,
                                        size_t *size)
KEYFOB_NOEXCEPT;

/**
 * Why a line was refused. NULL where it was not, and beyond the last.
 *
 * Threads: any.
 *
 * \param imported  what became of the lines
 * \param index     which, from 0
 * \return an error that lives as long as the results, or NULL; it is not freed
 * \since 0.1
 */
const struct keyfob_error *keyfob_import_result_error(const struct keyfob_import_result *imported,
                                                      size_t index)
KEYFOB_NOEXCEPT;

/**
 * Frees the results of an import.
 *
 * Threads: one at a time.
 *
 * \param imported  the results of an import; NULL is allowed
 * \since 0.1
 */
void keyfob_import_result_free(struct keyfob_import_result *imported) KEYFOB_NOEXCEPT;

/**
 * The file that it stands in; NULL where bytes were scanned.
 *
 * Threads: any.
 *
 * \param finding  the finding
 * \param size     where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the finding, or NULL
 * \since 0.1
 */
const char *keyfob_finding_path(const struct keyfob_finding *finding, size_t *size) KEYFOB_NOEXCEPT;

/**
 * Where it begins, in bytes from the beginning.
 *
 * Threads: any.
 *
 * \param finding  the finding
 * \since 0.1
 */
uint64_t keyfob_finding_offset(const struct keyfob_finding *finding) KEYFOB_NOEXCEPT;

/**
 * On which line, from 1.
 *
 * Threads: any.
 *
 * \param finding  the finding
 * \since 0.1
 */
uint64_t keyfob_finding_line(const struct keyfob_finding *finding) KEYFOB_NOEXCEPT;

/**
 * What may be shown of it. NULL only of NULL.
 *
 * Threads: any.
 *
 * \param finding  the finding
 * \param size     where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the finding
 * \since 0.1
 */
const char *keyfob_finding_hint(const struct keyfob_finding *finding, size_t *size) KEYFOB_NOEXCEPT;

/**
 * The id of the key that it says it is of. NULL only of NULL.
 *
 * Threads: any.
 *
 * \param finding  the finding
 * \param size     where its length without the NUL goes; may be NULL
 * \return a text that lives as long as the finding
 * \since 0.1
 */
const char *keyfob_finding_key_id(const struct keyfob_finding *finding,
                                  size_t *size)
KEYFOB_NOEXCEPT;

/**
 * That key, where the token's secret is one of its own. NULL where no key of this store has it:
 * any more, or ever.
 *
 * Threads: any.
 *
 * \param finding  the finding
 * \return a key that lives as long as the finding, or NULL
 * \since 0.1
 */
const struct keyfob_key *keyfob_finding_key(const struct keyfob_finding *finding) KEYFOB_NOEXCEPT;

/**
 * 1 where the token is good now, whatever environment, project, address or scope a verification
 * may ask for; else 0. One that is not may become so: of a key that is disabled, or not valid yet.
 *
 * Threads: any.
 *
 * \param finding  the finding
 * \since 0.1
 */
int keyfob_finding_works(const struct keyfob_finding *finding) KEYFOB_NOEXCEPT;

/**
 * Finds the tokens of this store in a file, or in all files of a folder and the folders in it, by
 * their prefix, shape and checksum; not in what is compressed, encrypted or in UTF-16, and not
 * strings that were imported. Symbolic links are not followed in a folder. Nothing is left out
 * because of its name.
 *
 * Errors: INVALID_ARGUMENT where neither a file nor a folder is at the path; INTERRUPTED;
 * NULL_ARGUMENT; what the store says. What was found until then has been told.
 *
 * Threads: any.
 *
 * \param store         the store
 * \param path          the file or folder
 * \param path_size     its length, or KEYFOB_NUL
 * \param found         is told of each token; may be NULL
 * \param skipped       is told of what could not be read; may be NULL
 * \param progress      is told how many bytes were read, of 0; may be NULL
 * \param user          is passed to them
 * \param[out] scanned  what was gone through; its size is set by the caller; may be NULL
 * \param[out] err      why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_scan(const struct keyfob_store *store,
                                const char *path,
                                size_t path_size,
                                keyfob_scan_found_fn found,
                                keyfob_scan_skipped_fn skipped,
                                keyfob_progress_fn progress,
                                void *user,
                                struct keyfob_scan_result *scanned,
                                struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * Finds the tokens of this store in bytes, in the order in which they begin, as
 * keyfob_store_scan() does in a file.
 *
 * Errors: NULL_ARGUMENT; what the store says.
 *
 * Threads: any.
 *
 * \param store          the store
 * \param data           the bytes
 * \param size           how many, or KEYFOB_NUL
 * \param[out] findings  the tokens; free it with keyfob_finding_list_free()
 * \param[out] err       why it failed; may be NULL
 * \since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_store_scan_bytes(const struct keyfob_store *store,
                                      const char *data,
                                      size_t size,
                                      struct keyfob_finding_list **findings,
                                      struct keyfob_error **err)
KEYFOB_NOEXCEPT;

/**
 * How many tokens were found.
 *
 * Threads: any.
 *
 * \param list  the list
 * \since 0.1
 */
size_t keyfob_finding_list_count(const struct keyfob_finding_list *list) KEYFOB_NOEXCEPT;

/**
 * One of them. NULL beyond the last.
 *
 * Threads: any.
 *
 * \param list   the list
 * \param index  which, from 0
 * \return a finding that lives as long as the list, or NULL
 * \since 0.1
 */
const struct keyfob_finding *keyfob_finding_list_at(const struct keyfob_finding_list *list,
                                                    size_t index)
KEYFOB_NOEXCEPT;

/**
 * Frees a list of findings.
 *
 * Threads: one at a time.
 *
 * \param list  a list of findings; NULL is allowed
 * \since 0.1
 */
void keyfob_finding_list_free(struct keyfob_finding_list *list) KEYFOB_NOEXCEPT;

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* KEYFOB_H */
