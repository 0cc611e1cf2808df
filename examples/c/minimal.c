/* Creates a store with one key in it, verifies the key's token, and revokes the key. */
#include <keyfob.h>
#include <stdio.h>
#include <stdlib.h>

/* Says what failed and frees the error. The message says what to do, and holds no secret. */
static void report(const char *what, keyfob_status status, keyfob_error *err)
{
    const char *why = err != NULL ? keyfob_error_message(err, NULL) : keyfob_status_message(status);
    fprintf(stderr, "%s: %s: %s\n", what, keyfob_status_name(status), why);
    keyfob_error_free(err);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s STORE (a file that does not exist yet)\n", argv[0]);
        return EXIT_FAILURE;
    }

    const char *doing;
    keyfob_status status;
    keyfob_error *err = NULL;
    keyfob_store *store = NULL;
    keyfob_key *key = NULL;
    keyfob_requirement *requirement = NULL;
    char token[KEYFOB_TOKEN_MAX] = "";
    const keyfob_text scopes[] = {{"orders:read", KEYFOB_NUL}};
    int result = EXIT_FAILURE;

    keyfob_store_options options = KEYFOB_STORE_OPTIONS_INIT;
    options.prefix = (keyfob_text){"acme", KEYFOB_NUL};
    options.actor = (keyfob_text){"minimal", KEYFOB_NUL};
    doing = "creating the store";
    status = keyfob_store_create(argv[1], KEYFOB_NUL, &options, &store, &err);
    if (status != KEYFOB_OK) goto failed;

    keyfob_new_key new_key = KEYFOB_NEW_KEY_INIT;
    new_key.name = (keyfob_text){"CI deploy", KEYFOB_NUL};
    new_key.scopes = scopes;
    new_key.scopes_count = 1;
    new_key.expiry_kind = KEYFOB_EXPIRY_IN;
    new_key.expires = 90 * 24 * 60 * 60;
    doing = "creating a key";
    status = keyfob_store_create_key(store, &new_key, token, sizeof token, NULL, &key, &err);
    if (status != KEYFOB_OK) goto failed;
    printf("created key %s, %s\n", keyfob_key_id(key, NULL), keyfob_key_hint(key, NULL));

    keyfob_requirement_spec spec = KEYFOB_REQUIREMENT_SPEC_INIT;
    spec.scopes = scopes;
    spec.scopes_count = 1;
    doing = "stating what is required";
    status = keyfob_requirement_new(&spec, &requirement, &err);
    if (status != KEYFOB_OK) goto failed;

    doing = "verifying the token";
    status = keyfob_store_verify(store, token, KEYFOB_NUL, requirement, NULL, NULL);
    if (status != KEYFOB_OK) goto failed;
    printf("the token is good\n");

    doing = "revoking the key";
    status = keyfob_store_revoke_key(store, keyfob_key_id(key, NULL), KEYFOB_NUL, NULL, NULL, &err);
    if (status != KEYFOB_OK) goto failed;
    status = keyfob_store_verify(store, token, KEYFOB_NUL, requirement, NULL, NULL);
    printf("after the revocation: %s\n", keyfob_status_name(status));

    doing = "closing the store";
    status = keyfob_store_close(store, &err);
    store = NULL;
    if (status != KEYFOB_OK) goto failed;
    result = EXIT_SUCCESS;
failed:
    if (result != EXIT_SUCCESS) report(doing, status, err);
    keyfob_memzero(token, sizeof token);
    keyfob_requirement_free(requirement);
    keyfob_key_free(key);
    if (store != NULL && keyfob_store_close(store, NULL) != KEYFOB_OK) fprintf(stderr, "the store did not close\n");
    return result;
}
