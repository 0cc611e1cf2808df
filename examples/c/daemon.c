/* A daemon that opens the store once and forks its workers afterwards. Each answers on a Unix
 * socket: a token on a line, and back its own process id and the status. SIGTERM ends it. */
#define _POSIX_C_SOURCE 200809L
#include <keyfob.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 2 };

static void answer(int fd, FILE *peer, const keyfob_store *store, const keyfob_requirement *requirement)
{
    char line[KEYFOB_TOKEN_MAX + 1];
    while (fgets(line, sizeof line, peer) != NULL) {
        size_t size = strcspn(line, "\n");
        keyfob_status status = keyfob_store_verify(store, line, size, requirement, NULL, NULL);
        if (dprintf(fd, "%ld %s\n", (long)getpid(), keyfob_status_name(status)) < 0 || line[size] == '\0') break;
    }
    keyfob_memzero(line, sizeof line);
}

/* A worker. Its first use of the handle opens the file anew; a requirement never changes, and is good here too. */
static int work(int listener, keyfob_store *store, const keyfob_requirement *requirement)
{
    for (int fd; (fd = accept(listener, NULL, NULL)) >= 0;) {
        const struct timeval patience = {.tv_sec = 10};
        FILE *peer = fdopen(fd, "r");
        if (peer == NULL) return 1;
        setvbuf(peer, NULL, _IONBF, 0); /* stdio keeps no copy of a token */
        if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0) answer(fd, peer, store, requirement);
        fclose(peer);
    }
    return keyfob_store_close(store, NULL) == KEYFOB_OK ? 0 : 1; /* writes when keys were last used */
}

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (argc != 3 || strlen(argv[2]) >= sizeof address.sun_path)
        return fprintf(stderr, "usage: %s STORE SOCKET\n", argv[0]), 2;
    strcpy(address.sun_path, argv[2]);
    keyfob_error *err = NULL;
    keyfob_store *store;
    keyfob_requirement *requirement;
    keyfob_requirement_spec spec = KEYFOB_REQUIREMENT_SPEC_INIT;
    spec.scopes = &(const keyfob_text){"orders:read", KEYFOB_NUL};
    spec.scopes_count = 1;
    if (keyfob_requirement_new(&spec, &requirement, &err) != KEYFOB_OK ||
        keyfob_store_open(argv[1], KEYFOB_NUL, NULL, &store, &err) != KEYFOB_OK) {
        fprintf(stderr, "%s\n", keyfob_error_message(err, NULL));
        keyfob_error_free(err);
        return 1;
    }
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGCHLD); /* a worker that ends early ends the daemon */
    sigprocmask(SIG_BLOCK, &ends, NULL);
    signal(SIGPIPE, SIG_IGN);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), failed = 0, sig = 0;
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 16) != 0)
        return perror(argv[2]), 1;
    for (int i = 0; i < WORKERS && !failed; i++) {
        pid_t pid = fork();
        if (pid == 0) return work(listener, store, requirement);
        failed = pid < 0;
    }
    if (!failed) failed = sigwait(&ends, &sig) != 0 || sig != SIGTERM;
    shutdown(listener, SHUT_RDWR); /* ends accept() in every worker */
    for (int status; wait(&status) > 0;) failed |= status != 0;
    unlink(argv[2]);
    keyfob_requirement_free(requirement);
    return keyfob_store_close(store, NULL) == KEYFOB_OK && !failed ? 0 : 1;
}
