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
