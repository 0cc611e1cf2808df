/*
 * What every operation uses: the state of a run, the bytes that are left of its input, blocks of memory
 * that are just large enough, and what must hold.
 */
#ifndef KEYFOB_FUZZ_RUN_H
#define KEYFOB_FUZZ_RUN_H

#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNKNOWN_CHANGES = -1 };

extern const uint8_t *bytes;
extern size_t bytes_left;
extern struct model model;
extern keyfob_store *store;
extern int changes;           /* events that the operation must have written */
extern int without_error;     /* the operation passes NULL for the error */
extern keyfob_verified *held; /* kept from an earlier operation, with the token that it was of */
extern int held_token;
extern keyfob_key *held_key; /* the same of a key */
extern char held_id[KEYFOB_ID_MAX];

/* Says what went wrong and ends the process. */
void fail(const char *what, const char *why);
void hold(int good, const char *what);
void same_text(const char *got, const char *expected, const char *what);
void holds_no_secret(const char *text);
/* The status must be the expected one, and the error of it; the error is freed. */
void settle(const char *call, keyfob_status status, keyfob_status expected, keyfob_error *err);

/* Makes a call whose error goes to `errp`; what stood there before must not be looked at. */
#define CALL(expected, call)                                   \
    do {                                                       \
        static char garbage_;                                   \
        keyfob_error *err_ = (keyfob_error *)(void *)&garbage_; \
        keyfob_error **const errp = without_error ? NULL : &err_; \
        const keyfob_status status_ = (call);                  \
        settle(#call, status_, (expected), err_);              \
    } while (0)

/* The next byte of the input as a number from 0 to below - 1; 0 where none is left. */
int take(int below);

/* Memory until the end of the operation. `place` has a tail behind it that nobody may touch. */
void free_blocks(void);
void *exactly(const void *from, size_t size);
void *place(size_t size);
void tail_is_untouched(const void *memory, size_t size);
void all_zeros(const void *memory, size_t from, size_t to);

/* Inputs of a call. A text has no NUL behind it, and is unstated where there is none. */
keyfob_text text(const char *from);
const keyfob_text *one_text(const char *from);
const keyfob_text *scopes_of(int set, size_t *count);
/* An id or a token, with its size or with a NUL behind it. */
const char *argument(const char *from, size_t *size);
/* A struct of the caller's: as it is, or of a version with more in it, or with a size that is none.
 * Where it must be refused, *refused becomes the status. */
void *shaped(const void *from, uint32_t size, keyfob_status *refused);

struct question any_question(void);
struct question ask(void);
/* The question as the library takes it. */
keyfob_requirement *required(const struct question *question, keyfob_request *request);

/* keys.c */
void check_key(const keyfob_key *told, const struct key *key);
void verify_in_every_way(int token, const struct question *question);
void verify(void);
void verify_no_token(void);
void create_key(void);
void create_within(void);
void enable_or_disable(void);
void revoke_key(void);
void revoke_token(void);
void rotate_key(void);
void finish_rotation(void);
void update_key(void);
void change_many(void);

#endif
