/* The buffers that tokens are put into. */
#include "harness.h"

#include <string.h>

static uint64_t key_count(struct world *w)
{
    uint64_t keys = 0;
    MUST(keyfob_store_count_keys(w_store(w), NULL, &keys, NULL));
    return keys;
}

static uint64_t sequence(struct world *w)
{
    keyfob_info *info = w_info(w);
    const uint64_t sequence = keyfob_info_sequence(info);
    keyfob_info_free(info);
    return sequence;
}

static int holds_only(const char *bytes, size_t from, size_t to, char expected)
{
    for (size_t at = from; at < to; at++) {
        if (bytes[at] != expected) {
            return 0;
        }
    }
    return 1;
}

TEST(a_buffer_that_is_one_too_small_stores_nothing)
{
    keyfob_new_key new_key = KEYFOB_NEW_KEY_INIT;
    new_key.name = text("small");
    const uint64_t before = sequence(w);
    const uint64_t keys = key_count(w);
    char token[KEYFOB_TOKEN_MAX];
    for (size_t capacity = 0; capacity < keyfob_token_max(); capacity++) {
        memset(token, 0x5a, sizeof token);
        size_t size = 7;
        keyfob_key *key = (keyfob_key *)(uintptr_t)0x10;
        CHECK_STATUS(KEYFOB_BUFFER_TOO_SMALL,
                     keyfob_store_create_key(w_store(w), &new_key, token, capacity, &size, &key, NULL));
        CHECK(size == 0 && key == NULL);
        CHECK(capacity == 0 || token[0] == '\0');
        CHECK(holds_only(token, capacity == 0 ? 0 : 1, sizeof token, 0x5a));
        CHECK_STATUS(KEYFOB_BUFFER_TOO_SMALL,
                     keyfob_store_rotate_key(w_store(w), w->key_id, KEYFOB_NUL, NULL, token, capacity,
                                             NULL, NULL, NULL, NULL));
    }
    CHECK(sequence(w) == before && key_count(w) == keys);
    CHECK_STATUS(KEYFOB_OK, keyfob_store_create_key(w_store(w), &new_key, token, keyfob_token_max(), NULL, NULL, NULL));
}

TEST(a_token_is_written_with_its_nul_and_nothing_behind_it)
{
    keyfob_new_key new_key = KEYFOB_NEW_KEY_INIT;
    new_key.name = text("whole");
    char token[KEYFOB_TOKEN_MAX + 32];
    memset(token, 0x5a, sizeof token);
    size_t size = 0;
    CHECK_STATUS(KEYFOB_OK, keyfob_store_create_key(w_store(w), &new_key, token, sizeof token, &size, NULL, NULL));
    CHECK(size < keyfob_token_max() && token[size] == '\0' && strlen(token) == size);
    CHECK(holds_only(token, size + 1, sizeof token, 0x5a));
}

TEST(the_longest_token_fits_into_the_buffer_that_the_header_names)
{
    keyfob_store_options options = KEYFOB_STORE_OPTIONS_INIT;
    options.prefix = text("a2345678901234567890");
    keyfob_store *store = NULL;
    CHECK_STATUS(KEYFOB_OK, keyfob_store_create(w_new_path(w), KEYFOB_NUL, &options, &store, NULL));
    keyfob_new_key new_key = KEYFOB_NEW_KEY_INIT;
    new_key.name = text("longest");
    new_key.environment = text("e123456789012345");
    char token[KEYFOB_TOKEN_MAX];
    size_t size = 0;
    CHECK_STATUS(KEYFOB_OK, keyfob_store_create_key(store, &new_key, token, sizeof token, &size, NULL, NULL));
    CHECK(size == KEYFOB_TOKEN_MAX - 1);
    CHECK_STATUS(KEYFOB_OK, keyfob_store_close(store, NULL));
}

TEST(a_refused_key_leaves_an_empty_token)
{
    keyfob_new_key new_key = KEYFOB_NEW_KEY_INIT;
    new_key.name = text("refused");
    new_key.project = text("nowhere");
    char token[KEYFOB_TOKEN_MAX];
    memset(token, 'x', sizeof token);
    size_t size = 7;
    keyfob_key *key = (keyfob_key *)(uintptr_t)0x10;
    CHECK_STATUS(KEYFOB_NO_SUCH_PROJECT,
                 keyfob_store_create_key(w_store(w), &new_key, token, sizeof token, &size, &key, NULL));
    CHECK(token[0] == '\0' && size == 0 && key == NULL);
    new_key.project = text("shop");
    CHECK_STATUS(KEYFOB_OK, keyfob_store_create_key(w_store(w), &new_key, token, sizeof token, &size, &key, NULL));
    CHECK(token[0] == 'a' && size > 0 && key != NULL);
    keyfob_key_free(key);
}

TEST(a_repeated_request_answers_the_key_and_no_token)
{
    keyfob_new_key new_key = KEYFOB_NEW_KEY_INIT;
    new_key.name = text("once");
    new_key.request_id = text("request");
    char first[KEYFOB_TOKEN_MAX], second[KEYFOB_TOKEN_MAX];
    keyfob_key *made = NULL, *again = NULL;
    size_t size = 7;
    CHECK_STATUS(KEYFOB_OK, keyfob_store_create_key(w_store(w), &new_key, first, sizeof first, NULL, &made, NULL));
    CHECK_STATUS(KEYFOB_OK, keyfob_store_create_key(w_store(w), &new_key, second, sizeof second, &size, &again, NULL));
    CHECK(second[0] == '\0' && size == 0);
    CHECK(strcmp(keyfob_key_id(made, NULL), keyfob_key_id(again, NULL)) == 0);
    new_key.name = text("another");
    CHECK_STATUS(KEYFOB_REQUEST_ID_REUSED,
                 keyfob_store_create_key(w_store(w), &new_key, second, sizeof second, NULL, NULL, NULL));
    keyfob_key_free(made);
    keyfob_key_free(again);
}

TEST(what_a_bulk_creation_made_is_given_although_it_stopped)
{
    keyfob_new_key good = KEYFOB_NEW_KEY_INIT, bad = KEYFOB_NEW_KEY_INIT;
    good.name = text("good");
    bad.name = text("bad");
    bad.project = text("nowhere");
    const keyfob_new_key *keys[] = { &good, &bad };
    keyfob_created_list *created = NULL;
    CHECK(keyfob_store_create_keys(w_store(w), keys, 2, &created, NULL) != KEYFOB_OK);
    const size_t made = keyfob_created_list_count(created);
    CHECK(key_count(w) == 1 + made);
    char token[KEYFOB_TOKEN_MAX];
    size_t size = 7;
    CHECK_STATUS(KEYFOB_INVALID_ARGUMENT,
                 keyfob_created_list_token(created, made, token, sizeof token, &size, NULL));
    CHECK(token[0] == '\0' && size == 0);
    keyfob_created_list_free(created);
    created = NULL;
    keys[1] = &good;
    CHECK_STATUS(KEYFOB_OK, keyfob_store_create_keys(w_store(w), keys, 2, &created, NULL));
    CHECK(keyfob_created_list_count(created) == 2);
    CHECK_STATUS(KEYFOB_BUFFER_TOO_SMALL, keyfob_created_list_token(created, 0, token, 10, NULL, NULL));
    CHECK_STATUS(KEYFOB_OK, keyfob_created_list_token(created, 1, token, sizeof token, &size, NULL));
    CHECK_STATUS(KEYFOB_OK, keyfob_store_verify(w_store(w), token, size, keyfob_requirement_nothing(), NULL, NULL));
    keyfob_created_list_free(created);
}

TEST(memory_is_wiped_as_far_as_it_is_said_to_go)
{
    (void)w;
    char bytes[40];
    memset(bytes, 'x', sizeof bytes);
    keyfob_memzero(bytes + 4, 32);
    CHECK(holds_only(bytes, 0, 4, 'x') && holds_only(bytes, 4, 36, 0) && holds_only(bytes, 36, 40, 'x'));
    keyfob_memzero(bytes, 0);
    keyfob_memzero(NULL, 0);
    CHECK(bytes[0] == 'x');
}
