/* Runs the inputs that are named, for machines without libFuzzer: the corpus, in the everyday tests. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is found ends in abort(), for libFuzzer; a shell need not tell of a signal. */
static void found(int signal_number)
{
    (void)signal_number;
    _exit(1);
}

int main(int argc, char **argv)
{
    signal(SIGABRT, found);
    for (int i = 1; i < argc; i++) {
        static uint8_t data[4096];
        FILE *file = fopen(argv[i], "rb");
        if (!file) {
            perror(argv[i]);
            return 2;
        }
        const size_t size = fread(data, 1, sizeof data, file);
        fclose(file);
        /* Said before it runs, so that the last line names what ended it. */
        printf("%s\n", argv[i]);
        fflush(stdout);
        LLVMFuzzerTestOneInput(data, size);
    }
    printf("%d inputs replayed\n", argc - 1);
    return 0;
}
