/*
 * How often the library allocates: this program's malloc() and its like are the library's as well.
 * Not for valgrind or a sanitizer, which have their own.
 */
#include "harness.h"

#include <errno.h>

#define HOT 10000

/* Of glibc, behind the names that are taken here. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

/* Of each thread: the library's own, which starts when it likes, is none that verifies. */
static __thread size_t allocations;

void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    allocations++;
    return __libc_realloc(memory, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    allocations++;
    *memory = __libc_memalign(alignment, size);
    return *memory == NULL ? ENOMEM : 0;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    allocations++;
    return __libc_memalign(alignment, size);
}

TEST(a_hot_verification_allocates_nothing)
{
    keyfob_store *store = w_store(w);
    keyfob_requirement *requirement = w_requirement(w);
    const keyfob_request *request = w_request(w);
    keyfob_verification verification = KEYFOB_VERIFICATION_INIT;
    CHECK_STATUS(KEYFOB_OK, keyfob_store_verify(store, w->token, KEYFOB_NUL, requirement, request, &verification));
    const size_t before = allocations;
    int wrong = 0;
    for (int i = 0; i < HOT; i++) {
        wrong += keyfob_store_verify(store, w->token, KEYFOB_NUL, requirement, request, &verification) != KEYFOB_OK;
        wrong += keyfob_store_verify_authorization(store, w->value, KEYFOB_NUL, requirement, request, &verification) != KEYFOB_OK;
        /* A denial neither. */
        wrong += keyfob_store_verify(store, w->token, KEYFOB_NUL, keyfob_requirement_nothing(), NULL, &verification) != KEYFOB_WRONG_PROJECT;
        wrong += keyfob_store_verify(store, "nonsense", KEYFOB_NUL, keyfob_requirement_nothing(), NULL, &verification) != KEYFOB_MALFORMED;
    }
    const size_t after = allocations;
    CHECK(wrong == 0);
    CHECK(after == before);
    keyfob_requirement_free(requirement);
}

TEST(the_counter_sees_what_the_library_allocates)
{
    (void)w;
    const size_t before = allocations;
    keyfob_requirement *requirement = NULL;
    CHECK_STATUS(KEYFOB_OK, keyfob_requirement_new(NULL, &requirement, NULL));
    CHECK(allocations > before);
    keyfob_requirement_free(requirement);
}
