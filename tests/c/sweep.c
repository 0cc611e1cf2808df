/*
 * Calls every function of the header with everything that may be wrong in one argument, each in a
 * process of its own: the answer is the right status, nothing is written that should not be, and
 * the same call with good arguments then works.
 */
#include "sweep.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FRONT 0xa5

static const char *current;
static int faults;

void fault(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("FAILED %s: ", current);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
    faults++;
}

int failed(keyfob_status status)
{
    return status < KEYFOB_OK || status > KEYFOB_DONE;
}

void judge_error(keyfob_status status, const keyfob_error *err)
{
    if (!failed(status)) {
        if (err != NULL) {
            fault("%s, and an error", keyfob_status_name(status));
        }
    } else if (err == NULL || err == POISON) {
        fault("%s, and no error", keyfob_status_name(status));
    } else if (keyfob_error_code(err) != status || keyfob_error_message(err, NULL)[0] == '\0') {
        fault("%s, and the error says %s", keyfob_status_name(status),
              keyfob_status_name(keyfob_error_code(err)));
    }
}

void judge_bytes(const char *what, const void *bytes, size_t from, size_t to, int expected)
{
    for (size_t at = from; at < to; at++) {
        const int is = ((const unsigned char *)bytes)[at];
        if (is != expected) {
            fault("byte %zu of %s is %#x, not %#x", at, what, (unsigned)is, (unsigned)expected);
            return;
        }
    }
}

/* Three pages, the last of which cannot be touched. */
static unsigned char *pages;
static size_t page;

static void map(void)
{
    page = (size_t)sysconf(_SC_PAGESIZE);
    pages = (unsigned char *)mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect(pages + 2 * page, page, PROT_NONE) != 0) {
        abort();
    }
}

static void protect(int how)
{
    if (mprotect(pages, 2 * page, how) != 0) {
        abort();
    }
}

void *shaped(const struct variation *v, int at, void *whole, size_t size, const struct span *fields,
             size_t fields_count, int is_output)
{
    if (v->param != at || v->kind == VALID || v->kind == NUMBER) {
        return whole;
    }
    if (v->kind == NULLED) {
        return NULL;
    }
    if (v->kind == FIELD) {
        memcpy((char *)whole + v->offset, v->bytes, v->length);
        return whole;
    }
    const uint32_t stated = (uint32_t)v->number;
    const size_t there = stated < sizeof stated ? sizeof stated : stated;
    protect(PROT_READ | PROT_WRITE);
    memset(pages, FRONT, 2 * page);
    unsigned char *to = pages + 2 * page - there;
    memset(to, is_output ? GARBAGE : 0, there);
    if (!is_output) {
        for (size_t i = 0; i < fields_count; i++) {
            if (fields[i].offset + fields[i].length <= there) {
                memcpy(to + fields[i].offset, (char *)whole + fields[i].offset, fields[i].length);
            }
        }
        if (v->tail == 1) {
            to[size] = 1;
        } else if (v->tail == 2) {
            to[there - 1] = 1;
        }
    }
    memcpy(to, &stated, sizeof stated);
    if (!is_output) {
        protect(PROT_READ);
    }
    return to;
}

void judge_output(const struct variation *v, int at, const char *what, const void *output, size_t size,
                  keyfob_status status, int kept_on_failure)
{
    if (output == NULL) {
        return;
    }
    uint32_t stated = 0;
    memcpy(&stated, output, sizeof stated);
    size_t there = size;
    if (v->param == at && v->kind == SIZED) {
        there = (size_t)v->number;
        judge_bytes("what is before the output", pages, 0,
                    (size_t)((const unsigned char *)output - pages), FRONT);
    }
    if (stated != there) {
        fault("the size of %s became %u", what, (unsigned)stated);
    }
    if (there < size) {
        /* A size that is not believed says nothing of what may be written. */
        if (there > sizeof stated) {
            judge_bytes(what, output, sizeof stated, there, GARBAGE);
        }
        return;
    }
    if (failed(status) && !kept_on_failure) {
        judge_bytes(what, output, sizeof stated, there, 0);
    } else if (!failed(status) && there > size) {
        judge_bytes(what, output, size, there, 0);
    }
}

static int as_expected(keyfob_status status, int expected)
{
    switch (expected) {
    case ANY:
        return 1;
    case REFUSED:
        return failed(status);
    case ALLOWED:
        return status != KEYFOB_NULL_ARGUMENT;
    default:
        return status == expected;
    }
}

static const char *name_of(keyfob_status status)
{
    return status == ABSENT ? "nothing" : keyfob_status_name(status);
}

static const struct variation GOOD = { -1, VALID, 0, 0, 0, NULL, 0 };

static void call_once(struct world *w, const struct one *one)
{
    const struct call *call = &CALLS[one->call];
    const keyfob_status status = call->call(w, &one->variation);
    if (!as_expected(status, one->expected)) {
        fault("answers %s", name_of(status));
    }
    if (one->variation.kind != VALID && failed(status)) {
        const keyfob_status again = call->call(w, &GOOD);
        if (again != KEYFOB_OK && again != KEYFOB_DONE && again != ABSENT) {
            fault("with good arguments it then answers %s", name_of(again));
        }
    }
}

static void call_at_every_size(struct world *w, const struct sizes *sizes)
{
    const struct call *call = &CALLS[sizes->call];
    for (size_t size = 0; size <= sizes->size + 64; size++) {
        for (int tail = 0; tail <= (size > sizes->size && !sizes->is_output ? 2 : 0); tail++) {
            const struct variation v = { sizes->param, SIZED, size, 0, 0, NULL, tail };
            const keyfob_status status = call->call(w, &v);
            const int misread = status == KEYFOB_UNKNOWN_OPTION || status == KEYFOB_INVALID_ARGUMENT;
            const int right = size < sizes->size ? status == KEYFOB_INVALID_ARGUMENT
                              : tail != 0        ? status == KEYFOB_UNKNOWN_OPTION
                              : sizes->is_output ? !failed(status)
                                                 : !misread;
            if (!right) {
                fault("with %zu of %zu bytes%s it answers %s", size, sizes->size,
                      tail != 0 ? " and something behind them" : "", name_of(status));
            }
            if (faults != 0) {
                return;
            }
        }
    }
}

static void empty(const char *folder)
{
    DIR *entries = opendir(folder);
    const struct dirent *entry = NULL;
    while ((entry = readdir(entries)) != NULL) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.') {
            unlink(path);
        }
    }
    closedir(entries);
}

/* Runs one call, or one struct at all its sizes, in a child; answers whether all was well. */
static int in_child(const struct world *original, const char *folder, const char *what,
                    const struct one *one, const struct sizes *sizes)
{
    current = what;
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        alarm(120);
        static struct world w;
        world_copy(&w, original, folder);
        if (one != NULL) {
            call_once(&w, one);
        } else {
            call_at_every_size(&w, sizes);
        }
        fflush(stdout);
        _exit(faults != 0);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        abort();
    }
    empty(folder);
    if (WIFSIGNALED(status)) {
        printf("FAILED %s: killed by signal %d\n", what, WTERMSIG(status));
    } else if (WEXITSTATUS(status) > 1) {
        printf("FAILED %s: ended by itself with %d\n", what, WEXITSTATUS(status));
    }
    return status == 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs("usage: sweep FOLDER [PART-OF-A-NAME]\n", stderr);
        return 2;
    }
    const char *only = argc > 2 ? argv[2] : "";
    char original_folder[600], folder[600];
    snprintf(original_folder, sizeof original_folder, "%s/original", argv[1]);
    snprintf(folder, sizeof folder, "%s/copy", argv[1]);
    if (mkdir(original_folder, 0700) != 0 || mkdir(folder, 0700) != 0) {
        perror(argv[1]);
        return 2;
    }
    umask(077); /* as stores have to be */
    map();
    /* In a child, so that nothing that the library holds is there when the others are forked. */
    struct world *original = (struct world *)mmap(NULL, sizeof *original, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const pid_t builder = fork();
    if (builder == 0) {
        world_build(original, original_folder);
        _exit(0);
    }
    int status = 0;
    if (waitpid(builder, &status, 0) != builder || status != 0) {
        return 1;
    }
    int passed = 0, wrong = 0;
    for (size_t i = 0; i < ONE_COUNT + SIZES_COUNT; i++) {
        const struct one *one = i < ONE_COUNT ? &ONES[i] : NULL;
        const struct sizes *sizes = one == NULL ? &SIZES[i - ONE_COUNT] : NULL;
        const char *what = one != NULL ? one->what : sizes->what;
        if (strstr(what, only) == NULL) {
            continue;
        }
        *(in_child(original, folder, what, one, sizes) ? &passed : &wrong) += 1;
    }
    printf("%d passed, %d failed\n", passed, wrong);
    return wrong != 0;
}
