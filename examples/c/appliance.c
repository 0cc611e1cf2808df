/* An appliance that only verifies: it opens the store for reading, and is one file without any
 * library beside it. The token is read from standard input, where no other user sees it.
 * Exits with 0 where it is good, 1 where it is refused, 3 where the store could not answer. */
#include <keyfob.h>
#include <stdio.h>

enum { GOOD = 0, REFUSED = 1, MISUSED = 2, NO_ANSWER = 3 };

static int no_answer(keyfob_status status, keyfob_error *err)
{
    fprintf(stderr, "%s: %s\n", keyfob_status_name(status), keyfob_error_message(err, NULL));
    keyfob_error_free(err);
    return NO_ANSWER;
}

static int verify(const keyfob_store *store, const keyfob_requirement *requirement)
{
    /* One byte more than any token: what does not fit is not one of this store's. */
    char token[KEYFOB_TOKEN_MAX + 1];
    size_t size = fread(token, 1, sizeof token, stdin);
    if (ferror(stdin)) {
        keyfob_memzero(token, sizeof token);
        fprintf(stderr, "standard input could not be read\n");
        return NO_ANSWER;
    }
    if (size > 0 && token[size - 1] == '\n') size--;

    keyfob_verification verification = KEYFOB_VERIFICATION_INIT;
    keyfob_status status = keyfob_store_verify(store, token, size, requirement, NULL, &verification);
    keyfob_memzero(token, sizeof token);
    if (status == KEYFOB_OK) {
        printf("good: key %s\n", verification.key_id);
        return GOOD;
    }
    printf("%s: %s\n", keyfob_status_name(status), keyfob_status_message(status));
    return keyfob_status_is_denial(status) ? REFUSED : NO_ANSWER;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: %s STORE SCOPE <TOKEN\n", argv[0]);
        return MISUSED;
    }
    keyfob_error *err = NULL;
    const keyfob_text scope = {argv[2], KEYFOB_NUL};
    keyfob_requirement_spec spec = KEYFOB_REQUIREMENT_SPEC_INIT;
    spec.scopes = &scope;
    spec.scopes_count = 1;
    keyfob_requirement *requirement;
    keyfob_status status = keyfob_requirement_new(&spec, &requirement, &err);
    if (status != KEYFOB_OK) return no_answer(status, err);

    keyfob_store_options options = KEYFOB_STORE_OPTIONS_INIT;
    options.flags = KEYFOB_OPEN_READ_ONLY;
    keyfob_store *store;
    status = keyfob_store_open(argv[1], KEYFOB_NUL, &options, &store, &err);
    if (status != KEYFOB_OK) {
        keyfob_requirement_free(requirement);
        return no_answer(status, err);
    }
    int result = verify(store, requirement);
    keyfob_requirement_free(requirement);
    status = keyfob_store_close(store, &err);
    return status == KEYFOB_OK ? result : no_answer(status, err);
}
