/* One store in many threads. */
#include "harness.h"

#include <pthread.h>
#include <string.h>

#define THREADS 8
#define ROUNDS 25

struct job {
    keyfob_store *store;
    const keyfob_requirement *requirement;
    const char *token; /* of a key that stays good */
    int number;
    const char *wrong; /* what went wrong; NULL where nothing did */
};

/* Every thread makes a key, verifies it, revokes it, and verifies it again. */
static const char *round_of(const struct job *job)
{
    keyfob_new_key new_key = KEYFOB_NEW_KEY_INIT;
    new_key.name = text("of a thread");
    char token[KEYFOB_TOKEN_MAX];
    keyfob_key *key = NULL;
    keyfob_verification verification = KEYFOB_VERIFICATION_INIT;
    if (keyfob_store_create_key(job->store, &new_key, token, sizeof token, NULL, &key, NULL) != KEYFOB_OK) {
        return "a key could not be created";
    }
    const char *wrong = NULL;
    if (keyfob_store_verify(job->store, token, KEYFOB_NUL, job->requirement, NULL, &verification) != KEYFOB_OK) {
        wrong = "a new key is refused";
    } else if (strcmp(verification.key_id, keyfob_key_id(key, NULL)) != 0) {
        wrong = "an answer is of another key";
    } else if (keyfob_store_revoke_key(job->store, verification.key_id, KEYFOB_NUL, NULL, NULL, NULL) != KEYFOB_OK) {
        wrong = "a key could not be revoked";
    } else if (keyfob_store_verify(job->store, token, KEYFOB_NUL, job->requirement, NULL, &verification) != KEYFOB_REVOKED) {
        wrong = "a revoked key is accepted";
    } else if (keyfob_store_verify(job->store, job->token, KEYFOB_NUL, job->requirement, NULL, &verification) != KEYFOB_OK) {
        wrong = "a good key is refused";
    }
    keyfob_key_free(key);
    return wrong;
}

static void *run(void *argument)
{
    struct job *job = (struct job *)argument;
    for (int i = 0; i < ROUNDS && job->wrong == NULL; i++) {
        job->wrong = round_of(job);
    }
    return NULL;
}

TEST(many_threads_use_one_store_and_one_requirement)
{
    keyfob_new_key new_key = KEYFOB_NEW_KEY_INIT;
    new_key.name = text("stays good");
    char token[KEYFOB_TOKEN_MAX];
    CHECK_STATUS(KEYFOB_OK, keyfob_store_create_key(w_store(w), &new_key, token, sizeof token, NULL, NULL, NULL));
    keyfob_requirement *requirement = NULL;
    CHECK_STATUS(KEYFOB_OK, keyfob_requirement_new(NULL, &requirement, NULL));
    struct job jobs[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        const struct job job = { w_store(w), requirement, token, i, NULL };
        jobs[i] = job;
        CHECK(pthread_create(&threads[i], NULL, run, &jobs[i]) == 0);
    }
    const char *wrong = NULL;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        wrong = jobs[i].wrong != NULL ? jobs[i].wrong : wrong;
    }
    if (wrong != NULL) {
        check_failed(__FILE__, __LINE__, wrong);
    }
    uint64_t keys = 0;
    CHECK_STATUS(KEYFOB_OK, keyfob_store_count_keys(w_store(w), NULL, &keys, NULL));
    CHECK(keys == 2 + THREADS * ROUNDS);
    keyfob_requirement_free(requirement);
}

static void *use_and_free(void *argument)
{
    keyfob_key_iter *iter = (keyfob_key_iter *)argument;
    const keyfob_key *key = NULL;
    const keyfob_status status = keyfob_key_iter_next(iter, &key, NULL);
    keyfob_key_iter_free(iter);
    return status == KEYFOB_OK ? argument : NULL;
}

TEST(an_object_moves_to_another_thread)
{
    keyfob_key_iter *iter = w_key_iter(w);
    pthread_t thread;
    void *result = NULL;
    CHECK(pthread_create(&thread, NULL, use_and_free, iter) == 0);
    pthread_join(thread, &result);
    CHECK(result != NULL);
}
