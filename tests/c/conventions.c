/* What holds of every function: statuses, errors, texts, what is whose. */
#include "harness.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

TEST(every_number_has_a_name_and_a_message_and_only_200_to_299_are_denials)
{
    (void)w;
    for (int n = -1100; n <= 1100; n++) {
        const keyfob_status status = n == -1100 ? INT32_MIN : n == 1100 ? INT32_MAX : n;
        CHECK(keyfob_status_name(status)[0] != '\0');
        CHECK(keyfob_status_message(status)[0] != '\0');
        CHECK(keyfob_status_is_denial(status) == (n >= 200 && n < 300));
        /* What is not known is not let through. */
        const int http = keyfob_status_http_status(status);
        CHECK((http == 200) == (status == KEYFOB_OK || status == KEYFOB_DONE) ||
              (http >= 400 && http < 600));
    }
    CHECK(strcmp(keyfob_status_name(KEYFOB_NO_SUCH_KEY), "NO_SUCH_KEY") == 0);
    CHECK(strcmp(keyfob_status_name(77), "UNKNOWN") == 0);
    CHECK(keyfob_status_http_status(77) >= 500);
}

TEST(the_library_is_of_the_version_of_its_header)
{
    (void)w;
    CHECK(strcmp(keyfob_version(), KEYFOB_VERSION_STRING) == 0);
    CHECK(keyfob_version_number() == KEYFOB_VERSION_NUMBER);
    CHECK(keyfob_abi_version() == KEYFOB_ABI_VERSION);
    CHECK(keyfob_token_max() <= KEYFOB_TOKEN_MAX);
}

TEST(what_err_holds_before_a_call_is_not_looked_at)
{
    keyfob_error *err = (keyfob_error *)(uintptr_t)0x10;
    CHECK_STATUS(KEYFOB_NO_SUCH_KEY,
                 keyfob_store_get_key(w_store(w), "0000000000000000000000", KEYFOB_NUL, NULL, &err));
    CHECK(keyfob_error_code(err) == KEYFOB_NO_SUCH_KEY);
    size_t size = 0;
    const char *message = keyfob_error_message(err, &size);
    CHECK(size > 0 && strlen(message) == size);
    keyfob_error_free(err);
    err = (keyfob_error *)(uintptr_t)0x10;
    CHECK_STATUS(KEYFOB_OK, keyfob_store_flush(w_store(w), &err));
    CHECK(err == NULL);
}

TEST(an_error_names_the_key_that_is_in_the_way)
{
    CHECK_STATUS(KEYFOB_OK, keyfob_store_revoke_key(w_store(w), w->key_id, KEYFOB_NUL, NULL, NULL, NULL));
    keyfob_error *err = NULL;
    CHECK_STATUS(KEYFOB_KEY_IS_REVOKED,
                 keyfob_store_enable_key(w_store(w), w->key_id, KEYFOB_NUL, NULL, &err));
    CHECK(strcmp(keyfob_error_key_id(err, NULL), w->key_id) == 0);
    keyfob_error_free(err);
}

TEST(an_error_of_the_operating_system_has_its_errno)
{
    keyfob_store *store = NULL;
    keyfob_error *err = NULL;
    char path[700];
    strcpy(path, w->leak_path);
    strcat(path, "/below-a-file");
    const keyfob_status status = keyfob_store_open(path, KEYFOB_NUL, NULL, &store, &err);
    CHECK(status >= 400 && status < 500);
    CHECK(store == NULL);
    if (status == KEYFOB_IO) {
        CHECK(keyfob_error_os_errno(err) != 0);
    }
    keyfob_error_free(err);
}

/* 43 characters that nobody else can know. */
static int holds_the_secret(const struct world *w, const keyfob_error *err)
{
    char secret[44] = { 0 };
    memcpy(secret, w->token + strlen(w->token) - 49, 43);
    return strstr(keyfob_error_message(err, NULL), secret) != NULL;
}

TEST(no_error_holds_the_token_that_it_is_about)
{
    keyfob_store *store = w_store(w);
    keyfob_error *err = NULL;
    char *token = w->token;
    /* Wherever a token may end up by mistake. */
    keyfob_new_key new_key = KEYFOB_NEW_KEY_INIT;
    char no_scope[KEYFOB_TOKEN_MAX + 1] = "!";
    strcat(no_scope, token);
    const keyfob_text scope = { no_scope, KEYFOB_NUL };
    char buffer[KEYFOB_TOKEN_MAX];
    new_key.name = text("mistaken");
    new_key.scopes = &scope;
    new_key.scopes_count = 1;
    keyfob_key *key = NULL;
    keyfob_project *project = NULL;
    keyfob_store *other = NULL;
    keyfob_pepper *pepper = NULL;
    char id[KEYFOB_ID_MAX];
    uint8_t bytes[16];
    int refused_calls = 0;
#define REFUSED_WITHOUT_THE_SECRET(call)    \
    do {                                    \
        if ((call) != KEYFOB_OK) {          \
            CHECK(!holds_the_secret(w, err)); \
            refused_calls++;                \
        }                                   \
        keyfob_error_free(err);             \
        err = NULL;                         \
    } while (0)
    REFUSED_WITHOUT_THE_SECRET(keyfob_store_create_key(store, &new_key, buffer, sizeof buffer, NULL, NULL, &err));
    new_key.scopes_count = 0;
    new_key.project = text(token);
    REFUSED_WITHOUT_THE_SECRET(keyfob_store_create_key(store, &new_key, buffer, sizeof buffer, NULL, NULL, &err));
    new_key.project = text("shop");
    new_key.environment = text(token);
    REFUSED_WITHOUT_THE_SECRET(keyfob_store_create_key(store, &new_key, buffer, sizeof buffer, NULL, NULL, &err));
    REFUSED_WITHOUT_THE_SECRET(keyfob_store_get_key(store, token, KEYFOB_NUL, &key, &err));
    REFUSED_WITHOUT_THE_SECRET(keyfob_store_resolve_key(store, token, KEYFOB_NUL, id, sizeof id, &err));
    REFUSED_WITHOUT_THE_SECRET(keyfob_store_get_project(store, token, KEYFOB_NUL, &project, &err));
    REFUSED_WITHOUT_THE_SECRET(keyfob_pepper_from_hex(token, KEYFOB_NUL, &pepper, &err));
    REFUSED_WITHOUT_THE_SECRET(keyfob_id_to_bytes(token, KEYFOB_NUL, bytes, &err));
    token[strlen(token) - 1] ^= 1; /* the checksum is wrong now */
    REFUSED_WITHOUT_THE_SECRET(keyfob_store_revoke_token(store, token, KEYFOB_NUL, NULL, NULL, &err));
    keyfob_verified *verified = NULL;
    REFUSED_WITHOUT_THE_SECRET(keyfob_store_verify_full(store, token, KEYFOB_NUL, keyfob_requirement_nothing(), NULL, &verified, &err));
    keyfob_store_options options = KEYFOB_STORE_OPTIONS_INIT;
    options.prefix = text(token);
    REFUSED_WITHOUT_THE_SECRET(keyfob_store_create(w_new_path(w), KEYFOB_NUL, &options, &other, &err));
    CHECK(refused_calls == 11);
}

TEST(a_text_needs_no_nul_behind_it)
{
    /* Exactly as long as it is: who reads on is seen by valgrind and ASan. */
    const size_t size = strlen(w->token);
    char *exact = (char *)malloc(size);
    memcpy(exact, w->token, size);
    keyfob_requirement *requirement = w_requirement(w);
    CHECK_STATUS(KEYFOB_OK, keyfob_store_verify(w_store(w), exact, size, requirement, w_request(w), NULL));
    CHECK_STATUS(KEYFOB_MALFORMED,
                 keyfob_store_verify(w_store(w), exact, size - 1, requirement, w_request(w), NULL));
    free(exact);
    char *name = (char *)malloc(4);
    memcpy(name, "shop", 4);
    keyfob_project *project = NULL;
    CHECK_STATUS(KEYFOB_OK, keyfob_store_get_project(w_store(w), name, 4, &project, NULL));
    CHECK_STATUS(KEYFOB_NO_SUCH_PROJECT, keyfob_store_get_project(w_store(w), name, 3, NULL, NULL));
    free(name);
    keyfob_project_free(project);
    keyfob_requirement_free(requirement);
}

TEST(a_text_with_a_nul_inside_is_taken_whole_and_refused)
{
    static const char name[] = "sh\0op";
    CHECK_STATUS(KEYFOB_INVALID_ARGUMENT,
                 keyfob_store_get_project(w_store(w), name, sizeof name - 1, NULL, NULL));
    keyfob_new_project new_project = KEYFOB_NEW_PROJECT_INIT;
    new_project.name.data = name;
    new_project.name.size = sizeof name - 1;
    CHECK_STATUS(KEYFOB_INVALID_ARGUMENT, keyfob_store_create_project(w_store(w), &new_project, NULL, NULL));
    keyfob_store *store = NULL;
    char path[700];
    strcpy(path, w->closed_path);
    const size_t size = strlen(path) + 3;
    memcpy(path + strlen(path), "\0xy", 4);
    const keyfob_status status = keyfob_store_open(path, size, NULL, &store, NULL);
    CHECK(status != KEYFOB_OK && store == NULL);
}

TEST(null_with_a_size_of_0_is_an_empty_text)
{
    CHECK_STATUS(KEYFOB_NO_CREDENTIALS,
                 keyfob_store_verify_authorization(w_store(w), NULL, 0, keyfob_requirement_nothing(), NULL, NULL));
    CHECK_STATUS(KEYFOB_MALFORMED, keyfob_store_verify(w_store(w), NULL, 0, keyfob_requirement_nothing(), NULL, NULL));
    CHECK_STATUS(KEYFOB_NULL_ARGUMENT, keyfob_store_verify(w_store(w), NULL, 1, keyfob_requirement_nothing(), NULL, NULL));
    CHECK_STATUS(KEYFOB_NULL_ARGUMENT,
                 keyfob_store_verify(w_store(w), NULL, KEYFOB_NUL, keyfob_requirement_nothing(), NULL, NULL));
}

TEST(what_is_borrowed_lives_as_long_as_what_it_came_from)
{
    keyfob_key_iter *iter = NULL;
    const keyfob_key *borrowed = NULL;
    keyfob_key *kept = NULL;
    CHECK_STATUS(KEYFOB_OK, keyfob_store_list_keys(w_store(w), NULL, NULL, &iter, NULL));
    CHECK_STATUS(KEYFOB_OK, keyfob_key_iter_next(iter, &borrowed, NULL));
    CHECK_STATUS(KEYFOB_OK, keyfob_key_clone(borrowed, &kept, NULL));
    CHECK_STATUS(KEYFOB_DONE, keyfob_key_iter_next(iter, &borrowed, NULL));
    CHECK(borrowed == NULL);
    /* The end stays the end. */
    CHECK_STATUS(KEYFOB_DONE, keyfob_key_iter_next(iter, &borrowed, NULL));
    keyfob_key_iter_free(iter);
    CHECK_STATUS(KEYFOB_OK, keyfob_store_close(w->store, NULL));
    w->store = NULL;
    CHECK(strcmp(keyfob_key_id(kept, NULL), w->key_id) == 0);
    keyfob_key_free(kept);
}

TEST(what_outlives_its_store_answers_closed)
{
    char token[KEYFOB_TOKEN_MAX];
    keyfob_new_key new_key = KEYFOB_NEW_KEY_INIT;
    new_key.name = text("a second");
    CHECK_STATUS(KEYFOB_OK, keyfob_store_create_key(w_store(w), &new_key, token, sizeof token, NULL, NULL, NULL));
    keyfob_list_options listing = KEYFOB_LIST_OPTIONS_INIT;
    listing.page_size = 1;
    keyfob_key_iter *keys = NULL;
    CHECK_STATUS(KEYFOB_OK, keyfob_store_list_keys(w_store(w), NULL, &listing, &keys, NULL));
    keyfob_store *other = NULL;
    CHECK_STATUS(KEYFOB_OK, keyfob_store_with_actor(w_store(w), "other", KEYFOB_NUL, &other, NULL));
    CHECK_STATUS(KEYFOB_OK, keyfob_store_close(w->store, NULL));
    w->store = NULL;
    const keyfob_key *key = NULL;
    /* What was read with the first page is given; then it has to read. */
    CHECK_STATUS(KEYFOB_OK, keyfob_key_iter_next(keys, &key, NULL));
    CHECK_STATUS(KEYFOB_CLOSED, keyfob_key_iter_next(keys, &key, NULL));
    CHECK(key == NULL);
    CHECK_STATUS(KEYFOB_CLOSED, keyfob_store_verify(other, w->token, KEYFOB_NUL, keyfob_requirement_nothing(), NULL, NULL));
    CHECK_STATUS(KEYFOB_OK, keyfob_store_close(other, NULL));
    keyfob_key_iter_free(keys);
}

TEST(nothing_that_is_passed_in_is_kept)
{
    char name[] = "CI deploy", scope[] = "orders:read", owner[] = "ann";
    keyfob_text scopes[1];
    scopes[0] = text(scope);
    keyfob_requirement_spec spec = KEYFOB_REQUIREMENT_SPEC_INIT;
    spec.scopes = scopes;
    spec.scopes_count = 1;
    spec.flags = KEYFOB_REQUIRE_ANY_PROJECT;
    spec.owner = text(owner);
    keyfob_requirement *requirement = NULL;
    CHECK_STATUS(KEYFOB_OK, keyfob_requirement_new(&spec, &requirement, NULL));
    keyfob_new_key new_key = KEYFOB_NEW_KEY_INIT;
    new_key.name = text(name);
    new_key.owner = text(owner);
    new_key.scopes = scopes;
    new_key.scopes_count = 1;
    char token[KEYFOB_TOKEN_MAX];
    keyfob_key *key = NULL;
    CHECK_STATUS(KEYFOB_OK, keyfob_store_create_key(w_store(w), &new_key, token, sizeof token, NULL, &key, NULL));
    memset(name, 'x', sizeof name - 1);
    memset(scope, 'x', sizeof scope - 1);
    memset(owner, 'x', sizeof owner - 1);
    memset(scopes, 0, sizeof scopes);
    CHECK(strcmp(keyfob_key_name(key, NULL), "CI deploy") == 0);
    CHECK(strcmp(keyfob_key_scope(key, 0, NULL), "orders:read") == 0);
    CHECK_STATUS(KEYFOB_OK, keyfob_store_verify(w_store(w), token, KEYFOB_NUL, requirement, NULL, NULL));
    keyfob_requirement_free(requirement);
    keyfob_key_free(key);
}

TEST(a_nested_struct_is_read_by_its_own_size)
{
    struct {
        keyfob_policy policy;
        char more[8];
    } later;
    memset(&later, 0, sizeof later);
    later.policy.size = sizeof later;
    keyfob_store_options options = KEYFOB_STORE_OPTIONS_INIT;
    options.prefix = text("acme");
    options.policy = &later.policy;
    keyfob_store *store = NULL;
    later.more[7] = 1;
    CHECK_STATUS(KEYFOB_UNKNOWN_OPTION, keyfob_store_create(w_new_path(w), KEYFOB_NUL, &options, &store, NULL));
    later.more[7] = 0;
    CHECK_STATUS(KEYFOB_OK, keyfob_store_create(w_new_path(w), KEYFOB_NUL, &options, &store, NULL));
    CHECK_STATUS(KEYFOB_OK, keyfob_store_close(store, NULL));
    later.policy.size = 3;
    CHECK_STATUS(KEYFOB_INVALID_ARGUMENT, keyfob_store_create(w_new_path(w), KEYFOB_NUL, &options, &store, NULL));

    keyfob_filter filter = KEYFOB_FILTER_INIT;
    keyfob_selection selection = KEYFOB_SELECTION_INIT;
    keyfob_bulk_result outcome = KEYFOB_BULK_RESULT_INIT;
    selection.filter = &filter;
    filter.size = 0;
    CHECK_STATUS(KEYFOB_INVALID_ARGUMENT, keyfob_store_disable_keys(w_store(w), &selection, &outcome, NULL));
    filter.size = sizeof filter;
    filter.flags = UINT32_C(1) << 31;
    CHECK_STATUS(KEYFOB_UNKNOWN_OPTION, keyfob_store_disable_keys(w_store(w), &selection, &outcome, NULL));
    CHECK(outcome.changed == 0);
}

TEST(an_empty_selection_is_refused_and_not_every_key)
{
    keyfob_selection selection = KEYFOB_SELECTION_INIT;
    keyfob_bulk_result outcome = KEYFOB_BULK_RESULT_INIT;
    CHECK(keyfob_store_revoke_keys(w_store(w), &selection, NULL, &outcome, NULL) != KEYFOB_OK);
    CHECK(outcome.changed == 0);
    keyfob_filter filter = KEYFOB_FILTER_INIT;
    keyfob_text id = text(w->key_id);
    selection.filter = &filter;
    selection.key_ids = &id;
    selection.key_ids_count = 1;
    CHECK(keyfob_store_revoke_keys(w_store(w), &selection, NULL, &outcome, NULL) != KEYFOB_OK);
    CHECK(outcome.changed == 0);
}

TEST(an_empty_part_of_a_name_selects_no_key)
{
    keyfob_selection selection = KEYFOB_SELECTION_INIT;
    keyfob_bulk_result outcome = KEYFOB_BULK_RESULT_INIT;
    keyfob_filter filter = KEYFOB_FILTER_INIT;
    filter.name_part = text("");
    selection.filter = &filter;
    CHECK_STATUS(KEYFOB_INVALID_ARGUMENT, keyfob_store_disable_keys(w_store(w), &selection, &outcome, NULL));
    CHECK(outcome.changed == 0);
}

TEST(what_is_given_without_its_bit_is_refused_and_not_left_out)
{
    const keyfob_text one = text("192.0.2.0/24");
    keyfob_policy policy = KEYFOB_POLICY_INIT;
    policy.most_keys_per_owner = 1;
    CHECK_STATUS(KEYFOB_INVALID_ARGUMENT, keyfob_store_set_policy(w_store(w), &policy, NULL));
    keyfob_log_query query = KEYFOB_LOG_QUERY_INIT;
    query.after = 1000;
    keyfob_event_iter *events = NULL;
    CHECK_STATUS(KEYFOB_INVALID_ARGUMENT, keyfob_store_read_log(w_store(w), &query, &events, NULL));
    keyfob_key_update update = KEYFOB_KEY_UPDATE_INIT;
    update.set = KEYFOB_KEY_TAGS;
    update.ip_list = &one;
    update.ip_list_count = 1;
    CHECK_STATUS(KEYFOB_INVALID_ARGUMENT, keyfob_store_update_key(w_store(w), w->key_id, KEYFOB_NUL, &update, NULL, NULL));
    keyfob_project_update narrower = KEYFOB_PROJECT_UPDATE_INIT;
    narrower.scopes = &one;
    CHECK_STATUS(KEYFOB_INVALID_ARGUMENT, keyfob_store_update_project(w_store(w), "shop", KEYFOB_NUL, &narrower, NULL, NULL));
}

TEST(a_list_that_happens_to_be_empty_does_not_widen_what_is_allowed)
{
    const keyfob_text none = text("");
    keyfob_requirement_spec spec = KEYFOB_REQUIREMENT_SPEC_INIT;
    keyfob_requirement *requirement = NULL;
    spec.scopes = &none;
    CHECK_STATUS(KEYFOB_EMPTY_REQUIREMENT, keyfob_requirement_new(&spec, &requirement, NULL));
    CHECK_STATUS(KEYFOB_NULL_ARGUMENT, keyfob_store_verify(w_store(w), w->token, KEYFOB_NUL, requirement, NULL, NULL));
    keyfob_new_key new_key = KEYFOB_NEW_KEY_INIT;
    char token[KEYFOB_TOKEN_MAX];
    new_key.name = text("from anywhere");
    new_key.ip_list = &none;
    CHECK_STATUS(KEYFOB_INVALID_ARGUMENT, keyfob_store_create_key(w_store(w), &new_key, token, sizeof token, NULL, NULL, NULL));
}
