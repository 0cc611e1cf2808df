/* A test is a sentence, and is handed a world of its own (world.h); it ends at the first CHECK that
   does not hold. */
#ifndef HARNESS_H
#define HARNESS_H

#include "world.h"

typedef void test_fn(struct world *w);

void add_test(const char *name, test_fn *test);
void check_failed(const char *file, int line, const char *what);

#define TEST(name)                                                 \
    static void name(struct world *w);                             \
    __attribute__((__constructor__)) static void add_##name(void)  \
    {                                                              \
        add_test(#name, name);                                     \
    }                                                              \
    static void name(struct world *w)

#define CHECK(holds)                                  \
    do {                                              \
        if (!(holds)) {                               \
            check_failed(__FILE__, __LINE__, #holds); \
            return;                                   \
        }                                             \
    } while (0)

/* Whether a call answers what is expected; says what it answered where it does not. */
int answers(keyfob_status expected, keyfob_status status);
#define CHECK_STATUS(expected, call) CHECK(answers((expected), (call)))

/* The checksum of a token put right, after its text was changed (docs/TOKEN.md). */
void put_checksum(char *token);

#endif
