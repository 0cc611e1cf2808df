/* What a user's first program does with an installed keyfob: it creates a store at the path that
 * it is given, and a key, verifies the token, and prints the token and the versions that it was
 * compiled with and runs with. */

#include <keyfob.h>
#include <stdio.h>

#ifdef NEIGHBOUR
extern int neighbour(void); /* of another library that is written in Rust */
#endif

static int failed(const char *what, keyfob_status status, keyfob_error *err)
{
    fprintf(stderr, "%s: %s: %s\n", what, keyfob_status_name(status), keyfob_error_message(err, NULL));
    keyfob_error_free(err);
    return 1;
}

int main(int argc, char **argv)
{
    keyfob_store_options options = KEYFOB_STORE_OPTIONS_INIT;
    keyfob_new_key new_key = KEYFOB_NEW_KEY_INIT;
    keyfob_store *store = NULL;
    keyfob_error *err = NULL;
    keyfob_status status;
    char token[KEYFOB_TOKEN_MAX];

    if (argc != 2) {
        fputs("usage: consumer PATH\n", stderr);
        return 2;
    }
#ifdef NEIGHBOUR
    printf("before %d\n", neighbour());
#endif
    options.prefix.data = "acme";
    options.prefix.size = KEYFOB_NUL;
    status = keyfob_store_create(argv[1], KEYFOB_NUL, &options, &store, &err);
    if (status != KEYFOB_OK) {
        return failed("create", status, err);
    }
    new_key.name.data = "appliance";
    new_key.name.size = KEYFOB_NUL;
    status = keyfob_store_create_key(store, &new_key, token, sizeof token, NULL, NULL, &err);
    if (status != KEYFOB_OK) {
        return failed("create a key", status, err);
    }
    status = keyfob_store_verify(store, token, KEYFOB_NUL, keyfob_requirement_nothing(), NULL,
                                 NULL);
    if (status != KEYFOB_OK) {
        return failed("verify", status, NULL);
    }
    status = keyfob_store_close(store, &err);
    if (status != KEYFOB_OK) {
        return failed("close", status, err);
    }
    printf("token %s\n", token);
    printf("header %s %lu abi %lu\n", KEYFOB_VERSION_STRING, (unsigned long)KEYFOB_VERSION_NUMBER,
           (unsigned long)KEYFOB_ABI_VERSION);
    printf("library %s %lu abi %lu\n", keyfob_version(), (unsigned long)keyfob_version_number(),
           (unsigned long)keyfob_abi_version());
#ifdef NEIGHBOUR
    printf("after %d\n", neighbour());
#endif
    return 0;
}
