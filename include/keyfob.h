/*
 * keyfob: an embedded store of API keys.
 *
 * Made from ffi/src and ffi/header/prelude.h by scripts/header; do not edit.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */

#ifndef KEYFOB_H
#define KEYFOB_H

#include <stddef.h>
#include <stdint.h>

/** The version that this header is of; keyfob_version() tells that of the library. */
#define KEYFOB_VERSION_MAJOR 0
#define KEYFOB_VERSION_MINOR 1
#define KEYFOB_VERSION_PATCH 0
#define KEYFOB_VERSION_STRING "0.1.0"
#define KEYFOB_VERSION_NUMBER \
    (KEYFOB_VERSION_MAJOR * 1000000 + KEYFOB_VERSION_MINOR * 1000 + KEYFOB_VERSION_PATCH)

/** The ABI that this header describes; keyfob_abi_version() tells that of the library. */
#define KEYFOB_ABI_VERSION 0

/** As the size of a text: it is a C string, which a NUL ends. */
#define KEYFOB_NUL SIZE_MAX

/** As a time in an answer: there is none. Smaller than any time, so that a careless comparison
 *  with an expiry refuses. */
#define KEYFOB_NO_TIME INT64_MIN

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
 * The size of a buffer that holds a pepper in hexadecimal, its NUL included.
 */
#define KEYFOB_PEPPER_HEX_MAX 65

/**
 * The values of \ref keyfob_status; the same names and numbers in every language.
 *
 * 0 to 2 are no errors; 100-199 misuse of the API; 200-299 denials of a verification; 300-399 a
 * change that was refused; 400-499 the store; 900-999 a fault of keyfob's own. Numbers are never
 * reused, and new ones may come: treat what you do not know as a failure.
 */
typedef enum keyfob_status_values {
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
} keyfob_status_values;

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
typedef enum keyfob_check_on_open {
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
} keyfob_check_on_open;

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
 * A clock that a test sets, for keyfob_store_options.clock.
 */
typedef struct keyfob_clock keyfob_clock;

/**
 * What a call says of its failure. It never holds a token, a secret or a pepper.
 */
typedef struct keyfob_error keyfob_error;

/**
 * 32 secret bytes that are kept outside the file, with which a store notices edits of it. Wiped
 * when it is freed.
 */
typedef struct keyfob_pepper keyfob_pepper;

/**
 * A store of API keys in one file.
 *
 * Any number of threads may use one at the same time, but for keyfob_store_close(). Handles that
 * one process opens on the same file share one store. After a fork the parent's handle goes on in
 * the parent; its first use in the child opens the file again there.
 */
typedef struct keyfob_store keyfob_store;

/**
 * How a call came out: one of \ref keyfob_status_values. Any other number is as well defined; it
 * is one that this version does not know.
 */
typedef int32_t keyfob_status;

/**
 * A text, or bytes, of the caller's. It is looked at during the call and not kept.
 *
 * NULL with a size of 0 is a text that is not stated; any other pointer with a size of 0 is an
 * empty one. The layout of this struct never changes.
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
   * One of \ref keyfob_check_on_open.
   */
  uint32_t check;
  /**
   * 0.
   */
  uint32_t reserved;
} keyfob_store_options;

/** A \ref keyfob_store_options of zeros, with its size. */
#define KEYFOB_STORE_OPTIONS_INIT \
    { sizeof(keyfob_store_options), 0, { NULL, 0 }, { NULL, 0 }, NULL, NULL, 0, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

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
 * Overwrites memory with zeros, in a way that the compiler cannot leave out as it may leave out a
 * memset() before a free(). For the buffers that tokens were put into.
 *
 * Threads: any.
 *
 * \param data  the memory; NULL with a size of 0 is allowed
 * \param size  its size in bytes
 * \since 0.1
 */
void keyfob_memzero(void *data, size_t size) KEYFOB_NOEXCEPT;

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
 * \ref KEYFOB_VERSION_NUMBER: major * 1,000,000 + minor * 1,000 + patch.
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
 * The status that came with the error; \ref KEYFOB_OK of NULL.
 *
 * Threads: one at a time.
 *
 * \param error  the error, or NULL
 * \since 0.1
 */
keyfob_status keyfob_error_code(const struct keyfob_error *error) KEYFOB_NOEXCEPT;

/**
 * What went wrong, and what to do: a sentence in English, for a log or an operator. It never
 * holds a token, a secret or a pepper. Never NULL; an empty text of NULL.
 *
 * Threads: one at a time.
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
 * Threads: one at a time.
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
 * Threads: one at a time.
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
 * Threads: one at a time.
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
 * Errors: STORE_EXISTS where anything is at the path; INVALID_ARGUMENT without a prefix; UNKNOWN_OPTION;
 * what the operating system says of the path.
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
 * Errors: NO_STORE where nothing is at the path; NOT_A_STORE, NOT_A_FILE, EMPTY_FILE, TRUNCATED, NEWER_FORMAT and
 * others for what is no store; PEPPER_REQUIRED, WRONG_PEPPER, PEPPER_NOT_EXPECTED; INSECURE_PERMISSIONS;
 * OPTIONS_CONTRADICT where prefix or policy are not the file's, or where this process has it open with
 * other options; LOCKED where another process has it for itself; ROLLED_BACK below the least sequence;
 * NEEDS_RECOVERY for a read-only open after a crash.
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
 * Errors: those of keyfob_store_create() and keyfob_store_open(), but for STORE_EXISTS and NO_STORE.
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
 * keyfob_store_with_actor() made of it, and its iterators, answer CLOSED afterwards. Of several
 * handles that this process opened on the file the last one writes what last-used times were kept,
 * and closes the file.
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
 * Errors: INVALID_ARGUMENT, LIMIT_EXCEEDED where the actor is not 1-200 bytes without control characters;
 * NOT_UTF8; NULL_ARGUMENT; POISONED.
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
 * Errors: what the store says; what could not be written is kept. READ_ONLY is none: nothing is kept then.
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
 * Panics on a store, for tests of what a panic does. Only in builds with the feature
 * planted-panic; not in the header.
 */
keyfob_status keyfob_store_panic(const struct keyfob_store *store,
                                 struct keyfob_error **err)
KEYFOB_NOEXCEPT;

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* KEYFOB_H */
