/* Verifies one token over and over, told by lines how often, and says what it took. The token is the
 * first line of standard input; every allocation of the process goes through the functions below. */
#include <errno.h>
#include <keyfob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static unsigned long allocations;

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

void *realloc(void *old, size_t size)
{
    allocations++;
    return __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    allocations++;
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **made, size_t alignment, size_t size)
{
    allocations++;
    *made = __libc_memalign(alignment, size);
    return *made != NULL ? 0 : ENOMEM;
}

static double nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static long refused;

static void call(long calls, const keyfob_store *store, const char *token, size_t size,
                 const keyfob_requirement *requirement, keyfob_verification *verification)
{
    for (long i = 0; i < calls; i++)
        refused += keyfob_store_verify(store, token, size, requirement, NULL, verification) != KEYFOB_OK;
}

int main(int argc, char **argv)
{
    keyfob_store_options options = KEYFOB_STORE_OPTIONS_INIT;
    options.flags = KEYFOB_OPEN_NO_FLUSHING;
    keyfob_verification verification = KEYFOB_VERIFICATION_INIT;
    const keyfob_text scope = {"orders:read", KEYFOB_NUL};
    keyfob_requirement_spec spec = KEYFOB_REQUIREMENT_SPEC_INIT;
    spec.scopes = &scope;
    spec.scopes_count = 1;
    keyfob_store *store;
    keyfob_requirement *requirement;
    char token[KEYFOB_TOKEN_MAX + 1], line[64], what[16];
    long calls;
    if (argc != 2 || fgets(token, sizeof token, stdin) == NULL
        || keyfob_store_open(argv[1], KEYFOB_NUL, &options, &store, NULL) != KEYFOB_OK) return 1;
    unsigned long before = allocations;
    if (keyfob_requirement_new(&spec, &requirement, NULL) != KEYFOB_OK) return 1;
    if (allocations == before) return fputs("allocations are not counted\n", stderr), 1;
    const size_t size = strcspn(token, "\n");
    call(1, store, token, size, requirement, &verification);
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL && sscanf(line, "%15s %ld", what, &calls) == 2) {
        keyfob_verification *filled = strcmp(what, "filled") == 0 ? &verification : NULL;
        call(calls, store, token, size, requirement, filled); /* warms, as the others are warmed */
        before = allocations;
        const double start = nanoseconds();
        call(calls, store, token, size, requirement, filled);
        const double took = nanoseconds() - start;
        printf("%.1f %lu %ld\n", took, allocations - before, refused);
        fflush(stdout);
    }
    keyfob_requirement_free(requirement);
    return keyfob_store_close(store, NULL) == KEYFOB_OK ? 0 : 1;
}
