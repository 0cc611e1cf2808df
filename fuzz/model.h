/*
 * What a store must answer, written down a second time and without the library: plain arrays, and the
 * order of the checks as the documents have it.
 */
#ifndef KEYFOB_FUZZ_MODEL_H
#define KEYFOB_FUZZ_MODEL_H

#include <keyfob.h>

enum { NONE = -1, MOST_KEYS = 24, MOST_TOKENS = 96, MOST_PROJECTS = 48, SCOPE_SETS = 5, NEEDS = 4 };

/* Sets of scopes, by number: none, a:b, a:*, a:b and c, everything. */
extern const char *const scope_sets[SCOPE_SETS][2];
/* What may be needed, by number. */
extern const char *const needs[NEEDS];
extern const char *const project_names[3];
extern const char *const owners[2];

struct project {
    int name, scopes, owner, enabled, deleted;
};

struct key {
    char id[KEYFOB_ID_MAX];
    int project;       /* in model.projects, or NONE */
    int scopes, owner; /* by number, or NONE */
    int test;          /* of the environment "test", and not "live" */
    int listed;        /* good from 192.0.2.0/24 alone */
    int enabled, pruned;
    int64_t from, until, revoked; /* KEYFOB_NO_TIME: not stated, never, not */
    int current, old;             /* in model.tokens; NONE where no old secret is kept */
    int64_t old_until;
};

struct token {
    char text[KEYFOB_TOKEN_MAX];
    int key;
};

struct model {
    struct key keys[MOST_KEYS];
    struct token tokens[MOST_TOKENS];
    struct project projects[MOST_PROJECTS];
    int key_count, token_count, project_count;
    int64_t clock, mark;
    uint64_t sequence, log_cut;
};

enum address { NO_ADDRESS, INSIDE, INSIDE_MAPPED, OUTSIDE, ADDRESSES };
enum { NO_PROJECT = 0, ANY_PROJECT = 1, NAMED_PROJECT = 2 };

struct question {
    int project;  /* NO_PROJECT, ANY_PROJECT, or NAMED_PROJECT and the number of a name */
    int test;     /* 0 live, 1 test, NONE any */
    int owner;    /* by number, or NONE */
    int need;     /* by number, or NONE */
    enum address address;
};

int64_t latest(const struct model *model);
int64_t earlier(int64_t a, int64_t b); /* KEYFOB_NO_TIME is later than any */
int project_named(const struct model *model, int name);
int key_count(const struct model *model);
uint32_t key_state(const struct model *model, const struct key *key);
/* Whether a set grants what is needed; whether all of a set is granted by another. */
int grants(int set, const char *needed);
int set_within(int inner, int outer);
/* What a verification must answer. */
keyfob_status decide(const struct model *model, int token, const struct question *question);

#endif
