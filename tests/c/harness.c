#include "harness.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
    const char *name;
    test_fn *test;
} tests[200];
static size_t count;
static int faults;

void add_test(const char *name, test_fn *test)
{
    if (count == LENGTH(tests)) {
        abort();
    }
    tests[count].name = name;
    tests[count].test = test;
    count++;
}

void check_failed(const char *file, int line, const char *what)
{
    printf("%s:%d: %s\n", file, line, what);
    faults++;
}

int answers(keyfob_status expected, keyfob_status status)
{
    if (status != expected) {
        printf("%s is answered, and %s was expected\n", keyfob_status_name(status),
               keyfob_status_name(expected));
    }
    return status == expected;
}

void put_checksum(char *token)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const size_t end = strlen(token);
    uint32_t sum = UINT32_MAX;
    for (size_t at = 0; at < end - 6; at++) {
        sum ^= (unsigned char)token[at];
        for (int bit = 0; bit < 8; bit++) {
            sum = (sum >> 1) ^ ((sum & 1) != 0 ? UINT32_C(0xedb88320) : 0);
        }
    }
    sum = ~sum;
    for (size_t at = end; at-- > end - 6;) {
        token[at] = digits[sum % 62];
        sum /= 62;
    }
}

static void empty(const char *folder)
{
    DIR *entries = opendir(folder);
    const struct dirent *entry = NULL;
    while (entries != NULL && (entry = readdir(entries)) != NULL) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.') {
            unlink(path);
        }
    }
    closedir(entries);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs("usage: suite FOLDER [PART-OF-A-NAME]\n", stderr);
        return 2;
    }
    char original_folder[400], folder[400];
    snprintf(original_folder, sizeof original_folder, "%s/original", argv[1]);
    snprintf(folder, sizeof folder, "%s/copy", argv[1]);
    umask(077);
    if (mkdir(original_folder, 0700) != 0 || mkdir(folder, 0700) != 0) {
        perror(argv[1]);
        return 2;
    }
    static struct world original;
    world_build(&original, original_folder);
    world_close(&original);
    qsort(tests, count, sizeof tests[0], by_name);
    int passed = 0, wrong = 0;
    for (size_t i = 0; i < count; i++) {
        if (argc > 2 && strstr(tests[i].name, argv[2]) == NULL) {
            continue;
        }
        static struct world w;
        world_copy(&w, &original, folder);
        faults = 0;
        tests[i].test(&w);
        world_close(&w);
        empty(folder);
        char sentence[200];
        snprintf(sentence, sizeof sentence, "%s", tests[i].name);
        for (char *at = sentence; *at != '\0'; at++) {
            *at = *at == '_' ? ' ' : *at;
        }
        printf("%s %s\n", faults == 0 ? "ok    " : "FAILED", sentence);
        fflush(stdout);
        *(faults == 0 ? &passed : &wrong) += 1;
    }
    printf("%d passed, %d failed\n", passed, wrong);
    return wrong != 0 || passed == 0;
}
