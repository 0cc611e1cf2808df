/* A fork while a store is open. */
#include "harness.h"

#include <sys/wait.h>
#include <unistd.h>

static int ended_well(pid_t child)
{
    int status = 0;
    return waitpid(child, &status, 0) == child && status == 0;
}

TEST(a_child_of_a_fork_verifies_while_the_parent_goes_on)
{
    keyfob_requirement *requirement = w_requirement(w);
    const keyfob_request *request = w_request(w);
    keyfob_store *store = w_store(w);
    CHECK_STATUS(KEYFOB_OK, keyfob_store_verify(store, w->token, KEYFOB_NUL, requirement, request, NULL));
    const pid_t child = fork();
    if (child == 0) {
        /* A requirement is an object of the parent, so the child makes its own. */
        keyfob_requirement *own = w_requirement(w);
        int wrong = keyfob_store_verify(store, w->token, KEYFOB_NUL, own, request, NULL) != KEYFOB_OK;
        char token[KEYFOB_TOKEN_MAX];
        keyfob_new_key new_key = KEYFOB_NEW_KEY_INIT;
        new_key.name = text("of a child");
        wrong = wrong || keyfob_store_create_key(store, &new_key, token, sizeof token, NULL, NULL, NULL) != KEYFOB_OK;
        wrong = wrong || keyfob_store_verify(store, token, KEYFOB_NUL, keyfob_requirement_nothing(), NULL, NULL) != KEYFOB_OK;
        wrong = wrong || keyfob_store_close(store, NULL) != KEYFOB_OK;
        _exit(wrong);
    }
    CHECK(child > 0);
    /* At the same time, and after the child has closed its own. */
    CHECK_STATUS(KEYFOB_OK, keyfob_store_verify(store, w->token, KEYFOB_NUL, requirement, request, NULL));
    CHECK(ended_well(child));
    CHECK_STATUS(KEYFOB_OK, keyfob_store_verify(store, w->token, KEYFOB_NUL, requirement, request, NULL));
    uint64_t keys = 0;
    CHECK_STATUS(KEYFOB_OK, keyfob_store_count_keys(store, NULL, &keys, NULL));
    CHECK(keys == 2);
    CHECK_STATUS(KEYFOB_OK, keyfob_store_revoke_key(store, w->key_id, KEYFOB_NUL, NULL, NULL, NULL));
    keyfob_requirement_free(requirement);
}

TEST(a_child_sees_what_the_parent_revokes)
{
    keyfob_store *store = w_store(w);
    keyfob_requirement *requirement = w_requirement(w);
    const keyfob_request *request = w_request(w);
    int verified[2], revoked[2];
    char byte = 'x';
    CHECK(pipe(verified) == 0 && pipe(revoked) == 0);
    const pid_t child = fork();
    if (child == 0) {
        keyfob_requirement *own = w_requirement(w);
        int wrong = keyfob_store_verify(store, w->token, KEYFOB_NUL, own, request, NULL) != KEYFOB_OK;
        wrong = wrong || write(verified[1], &byte, 1) != 1;
        wrong = wrong || read(revoked[0], &byte, 1) != 1;
        wrong = wrong || keyfob_store_verify(store, w->token, KEYFOB_NUL, own, request, NULL) != KEYFOB_REVOKED;
        _exit(wrong);
    }
    close(verified[1]); /* so that a child that ends early is noticed */
    CHECK(read(verified[0], &byte, 1) == 1);
    CHECK_STATUS(KEYFOB_OK, keyfob_store_revoke_key(store, w->key_id, KEYFOB_NUL, NULL, NULL, NULL));
    CHECK(write(revoked[1], &byte, 1) == 1);
    close(verified[0]);
    close(revoked[0]);
    close(revoked[1]);
    CHECK(ended_well(child));
    keyfob_requirement_free(requirement);
}

TEST(an_exclusive_store_answers_forked_in_the_child)
{
    keyfob_store_options options = KEYFOB_STORE_OPTIONS_INIT;
    options.flags = KEYFOB_OPEN_EXCLUSIVE;
    keyfob_store *store = NULL;
    CHECK_STATUS(KEYFOB_OK, keyfob_store_open(w->closed_path, KEYFOB_NUL, &options, &store, NULL));
    const pid_t child = fork();
    if (child == 0) {
        keyfob_verification verification = KEYFOB_VERIFICATION_INIT;
        const int wrong = keyfob_store_verify(store, w->token, KEYFOB_NUL, keyfob_requirement_nothing(), NULL, &verification) != KEYFOB_FORKED;
        keyfob_store_close(store, NULL);
        _exit(wrong);
    }
    CHECK(ended_well(child));
    CHECK_STATUS(KEYFOB_MALFORMED, keyfob_store_verify(store, "x", 1, keyfob_requirement_nothing(), NULL, NULL));
    CHECK_STATUS(KEYFOB_OK, keyfob_store_close(store, NULL));
}
