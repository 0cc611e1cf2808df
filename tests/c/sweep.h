/* What tests/c/sweep.py writes calls of, and what they are judged by. */
#ifndef SWEEP_H
#define SWEEP_H

#include "world.h"

enum kind {
    VALID,   /* every argument is as it should be */
    NULLED,  /* the parameter is NULL */
    NUMBER,  /* the parameter is `number` */
    FIELD,   /* `bytes` stand at an offset of the struct */
    SIZED    /* the struct has `number` bytes, and `tail` behind what is known of it */
};

struct variation {
    int param;
    enum kind kind;
    uint64_t number;
    size_t offset, length;
    const void *bytes;
    int tail;
};

struct span {
    size_t offset, length;
};

/* What is expected beside a status. */
enum {
    ANY = -1,     /* that it returns */
    REFUSED = -2, /* any failure */
    ABSENT = -3,  /* NULL, or 0 of what is yes or no */
    ALLOWED = -4  /* whatever, but that nothing is wrong with the pointer */
};

struct call {
    const char *name;
    keyfob_status (*call)(struct world *w, const struct variation *v);
};

struct one {
    int call;
    const char *what;
    struct variation variation;
    int expected;
};

struct sizes {
    int call, param;
    const char *what;
    size_t size; /* the only one so far: what is shorter is refused */
    int is_output;
};

extern const struct call CALLS[];
extern const struct one ONES[];
extern const size_t ONE_COUNT;
extern const struct sizes SIZES[];
extern const size_t SIZES_COUNT;

#define IS_NULL(v, at) ((v)->param == (at) && (v)->kind == NULLED)
#define IS_NUMBER(v, at) ((v)->param == (at) && (v)->kind == NUMBER)

/* A pointer that nothing is at; what a function has not written is still it. */
#define POISON ((void *)(uintptr_t)0x5a5a5a50)
#define GARBAGE 0xee

void fault(const char *format, ...);
int failed(keyfob_status status);
void judge_error(keyfob_status status, const keyfob_error *err);
void judge_bytes(const char *what, const void *bytes, size_t from, size_t to, int expected);

/* The struct as the variation has it: changed in a field, or cut or longer, at the end of a page
   behind which nothing can be read. Not writable where it is an input. */
void *shaped(const struct variation *v, int at, void *whole, size_t size, const struct span *fields,
             size_t fields_count, int is_output);
/* Looks at what is round an output, and in it. */
void judge_output(const struct variation *v, int at, const char *what, const void *output, size_t size,
                  keyfob_status status, int kept_on_failure);

#endif
