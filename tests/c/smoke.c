/*
 * One walk through the C API: a key is created, verified, rotated and revoked, then listed, and the
 * log says so. It is handed a path where there is nothing yet.
 */
#include <keyfob.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static keyfob_text text(const char *string)
{
    keyfob_text text = { NULL, KEYFOB_NUL };
    text.data = string;
    return text;
}

/* Says what went wrong, and whether anything did. */
static int failed(const char *what, keyfob_status status, keyfob_status expected, keyfob_error *err)
{
    const int wrong = status != expected;
    if (wrong) {
        fprintf(stderr, "%s: %s, and %s was expected: %s\n", what, keyfob_status_name(status),
                keyfob_status_name(expected), keyfob_error_message(err, NULL));
    }
    keyfob_error_free(err);
    return wrong;
}

#define TRY(what, expected, call)                        \
    do {                                                 \
        keyfob_error *err = NULL;                        \
        const keyfob_status status = (call);             \
        if (failed((what), status, (expected), err)) {   \
            return 1;                                    \
        }                                                \
    } while (0)

static int walk(const char *path)
{
    keyfob_store_options options = KEYFOB_STORE_OPTIONS_INIT;
    options.prefix = text("acme");
    options.actor = text("smoke");
    keyfob_store *store = NULL;
    TRY("create", KEYFOB_OK, keyfob_store_create(path, KEYFOB_NUL, &options, &store, &err));
    keyfob_store *none = NULL;
    TRY("create again", KEYFOB_STORE_EXISTS,
        keyfob_store_create(path, KEYFOB_NUL, &options, &none, &err));

    /* A key with a scope. */
    const keyfob_text scopes[] = { text("orders:read") };
    keyfob_new_key new_key = KEYFOB_NEW_KEY_INIT;
    new_key.name = text("CI deploy");
    new_key.scopes = scopes;
    new_key.scopes_count = LENGTH(scopes);
    new_key.expiry_kind = KEYFOB_EXPIRY_IN;
    new_key.expires = 90 * 24 * 60 * 60;
    char token[KEYFOB_TOKEN_MAX];
    size_t token_size = 0;
    keyfob_key *key = NULL;
    TRY("a small buffer", KEYFOB_BUFFER_TOO_SMALL,
        keyfob_store_create_key(store, &new_key, token, sizeof token - 1, NULL, NULL, &err));
    TRY("create a key", KEYFOB_OK,
        keyfob_store_create_key(store, &new_key, token, sizeof token, &token_size, &key, &err));
    if (strlen(token) != token_size || strcmp(keyfob_key_name(key, NULL), "CI deploy") != 0) {
        fputs("the key is another one\n", stderr);
        return 1;
    }

    /* Its token is good for what it may do. */
    keyfob_requirement_spec spec = KEYFOB_REQUIREMENT_SPEC_INIT;
    spec.scopes = scopes;
    spec.scopes_count = LENGTH(scopes);
    keyfob_requirement *requirement = NULL;
    TRY("requirement", KEYFOB_OK, keyfob_requirement_new(&spec, &requirement, &err));
    keyfob_verification verification = KEYFOB_VERIFICATION_INIT;
    for (int round = 0; round < 2; round++) { /* from the file, and from memory */
        keyfob_error *err = NULL;
        const keyfob_status status =
            keyfob_store_verify(store, token, token_size, requirement, NULL, &verification);
        if (failed("verify", status, KEYFOB_OK, err) ||
            strcmp(verification.key_id, keyfob_key_id(key, NULL)) != 0 ||
            verification.expires_at != keyfob_key_expires_at(key)) {
            return 1;
        }
    }

    /* A new secret; the old one stays good for a while. */
    keyfob_rotate_options rotate = KEYFOB_ROTATE_OPTIONS_INIT;
    rotate.grace = 60;
    keyfob_rotate_result rotated = KEYFOB_ROTATE_RESULT_INIT;
    char newer[KEYFOB_TOKEN_MAX];
    TRY("rotate", KEYFOB_OK,
        keyfob_store_rotate_key(store, verification.key_id, KEYFOB_NUL, &rotate, newer, sizeof newer,
                                NULL, &rotated, NULL, &err));
    TRY("the old token", KEYFOB_OK,
        keyfob_store_verify(store, token, KEYFOB_NUL, requirement, NULL, &verification));
    if ((verification.flags & KEYFOB_VERIFIED_PREVIOUS_SECRET) == 0 ||
        verification.expires_at != rotated.grace_expires_at) {
        fputs("it is not told that the token is an old one\n", stderr);
        return 1;
    }
    TRY("the new token", KEYFOB_OK,
        keyfob_store_verify(store, newer, KEYFOB_NUL, requirement, NULL, NULL));

    /* Revoked, it is good for nothing, from now on. */
    keyfob_revoke_options revoke = KEYFOB_REVOKE_OPTIONS_INIT;
    revoke.reason = KEYFOB_REASON_KEY_COMPROMISE;
    revoke.note = text("found in a log");
    keyfob_key_free(key);
    key = NULL;
    TRY("revoke", KEYFOB_OK,
        keyfob_store_revoke_key(store, verification.key_id, KEYFOB_NUL, &revoke, &key, &err));
    if (keyfob_key_state(key) != KEYFOB_STATE_REVOKED) {
        fputs("it is not revoked\n", stderr);
        return 1;
    }
    TRY("a revoked key", KEYFOB_REVOKED,
        keyfob_store_verify(store, newer, KEYFOB_NUL, requirement, NULL, &verification));
    if (verification.key_id[0] != '\0' || verification.expires_at != 0) {
        fputs("a refusal tells of a key\n", stderr);
        return 1;
    }

    /* What there is. */
    keyfob_key_iter *keys = NULL;
    const keyfob_key *each = NULL;
    TRY("list", KEYFOB_OK, keyfob_store_list_keys(store, NULL, NULL, &keys, &err));
    TRY("the first key", KEYFOB_OK, keyfob_key_iter_next(keys, &each, &err));
    printf("%s  %s  %s\n", keyfob_key_hint(each, NULL), keyfob_key_name(each, NULL),
           keyfob_key_state_name(keyfob_key_state(each)));
    TRY("the end of the keys", KEYFOB_DONE, keyfob_key_iter_next(keys, &each, &err));

    /* What happened. */
    keyfob_event_iter *events = NULL;
    TRY("log", KEYFOB_OK, keyfob_store_read_log(store, NULL, &events, &err));
    for (;;) {
        const keyfob_event *event = NULL;
        keyfob_error *err = NULL;
        const keyfob_status status = keyfob_event_iter_next(events, &event, &err);
        if (status == KEYFOB_DONE) {
            break;
        }
        if (failed("an event", status, KEYFOB_OK, err)) {
            return 1;
        }
        printf("%" PRIu64 " %s %s\n", keyfob_event_sequence(event), keyfob_event_actor(event, NULL),
               keyfob_event_kind(event, NULL));
    }

    keyfob_memzero(token, sizeof token);
    keyfob_memzero(newer, sizeof newer);
    keyfob_event_iter_free(events);
    keyfob_key_iter_free(keys);
    keyfob_key_free(key);
    keyfob_requirement_free(requirement);
    TRY("close", KEYFOB_OK, keyfob_store_close(store, &err));
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: smoke PATH\n", stderr);
        return 2;
    }
    return walk(argv[1]);
}
