/*
 * What a panic inside becomes. Linked against the library with the feature planted-panic.
 */
#include "harness.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Not in the header: no release has it. */
keyfob_status keyfob_store_panic(const keyfob_store *store, keyfob_error **err);

TEST(a_panic_is_a_status_and_spoils_the_handle)
{
    keyfob_store *store = w_store(w);
    keyfob_store *other = NULL;
    keyfob_key_iter *iter = w_key_iter(w);
    CHECK_STATUS(KEYFOB_OK, keyfob_store_with_actor(store, "other", KEYFOB_NUL, &other, NULL));
    keyfob_error *err = NULL;
    CHECK_STATUS(KEYFOB_INTERNAL, keyfob_store_panic(store, &err));
    CHECK(keyfob_error_code(err) == KEYFOB_INTERNAL && keyfob_error_message(err, NULL)[0] != '\0');
    keyfob_error_free(err);
    err = NULL;

    /* Nothing is done with it afterwards, and nobody is let in. */
    keyfob_verification verification;
    memset(&verification, 0x5a, sizeof verification);
    verification.size = sizeof verification;
    CHECK_STATUS(KEYFOB_POISONED, keyfob_store_verify(store, w->token, KEYFOB_NUL, keyfob_requirement_nothing(), NULL, &verification));
    CHECK(verification.key_id[0] == '\0' && verification.expires_at == 0);
    CHECK_STATUS(KEYFOB_POISONED, keyfob_store_get_key(store, w->key_id, KEYFOB_NUL, NULL, &err));
    CHECK(keyfob_error_code(err) == KEYFOB_POISONED);
    keyfob_error_free(err);
    CHECK_STATUS(KEYFOB_POISONED, keyfob_store_panic(store, NULL));
    /* Nor with the handle that was made of it, nor with what reads it. */
    CHECK_STATUS(KEYFOB_POISONED, keyfob_store_verify(other, w->token, KEYFOB_NUL, keyfob_requirement_nothing(), NULL, NULL));
    const keyfob_key *key = NULL;
    CHECK_STATUS(KEYFOB_POISONED, keyfob_key_iter_next(iter, &key, NULL));
    keyfob_key_iter_free(iter);
    CHECK_STATUS(KEYFOB_OK, keyfob_store_close(other, NULL));

    /* Opened again it is as good as before. */
    CHECK_STATUS(KEYFOB_OK, keyfob_store_close(store, NULL));
    w->store = NULL;
    keyfob_requirement *requirement = w_requirement(w);
    CHECK_STATUS(KEYFOB_OK, keyfob_store_verify(w_store(w), w->token, KEYFOB_NUL, requirement, w_request(w), NULL));
    keyfob_requirement_free(requirement);
}

TEST(a_panic_prints_nothing)
{
    FILE *caught = tmpfile();
    CHECK(caught != NULL);
    fflush(NULL);
    const int kept_out = dup(1), kept_err = dup(2);
    dup2(fileno(caught), 1);
    dup2(fileno(caught), 2);
    const keyfob_status status = keyfob_store_panic(w_store(w), NULL);
    fflush(NULL);
    dup2(kept_out, 1);
    dup2(kept_err, 2);
    close(kept_out);
    close(kept_err);
    const long printed = (long)lseek(fileno(caught), 0, SEEK_END);
    fclose(caught);
    CHECK_STATUS(KEYFOB_INTERNAL, status);
    CHECK(printed == 0);
}
