/* What a verification answers, and writes. */
#include "harness.h"

#include <string.h>

static int is_empty(const keyfob_verification *verification)
{
    static const keyfob_verification empty = KEYFOB_VERIFICATION_INIT;
    return memcmp(verification, &empty, sizeof empty) == 0;
}

TEST(a_good_token_tells_of_its_key)
{
    keyfob_requirement *requirement = w_requirement(w);
    keyfob_verification verification = KEYFOB_VERIFICATION_INIT;
    memset((char *)&verification + 4, 0x5a, sizeof verification - 4);
    for (int round = 0; round < 2; round++) { /* from the file, and from memory */
        CHECK_STATUS(KEYFOB_OK, keyfob_store_verify(w_store(w), w->token, KEYFOB_NUL, requirement, w_request(w), &verification));
        CHECK(strcmp(verification.key_id, w->key_id) == 0);
        CHECK(strcmp(verification.project, "shop") == 0 && verification.project_size == 4);
        CHECK(strcmp(verification.owner, "ann") == 0 && verification.owner_size == 3);
        CHECK(strcmp(verification.environment, "live") == 0 && verification.environment_size == 4);
        CHECK(verification.expires_at == START + 86400 && verification.flags == 0);
        CHECK(verification.size == sizeof verification);
        CHECK(memcmp(verification.reserved, "\0\0\0\0\0", 5) == 0);
    }
    keyfob_verified *verified = NULL;
    CHECK_STATUS(KEYFOB_OK, keyfob_store_verify_full(w_store(w), w->token, KEYFOB_NUL, requirement, w_request(w), &verified, NULL));
    CHECK(strcmp(keyfob_verified_key_id(verified, NULL), w->key_id) == 0);
    CHECK(keyfob_verified_expires_at(verified) == verification.expires_at);
    CHECK(keyfob_verified_scope_count(verified) == 1);
    CHECK_STATUS(KEYFOB_OK, keyfob_verified_require_scope(verified, "orders:read", KEYFOB_NUL, NULL));
    CHECK_STATUS(KEYFOB_INSUFFICIENT_SCOPE, keyfob_verified_require_scope(verified, "orders:write", KEYFOB_NUL, NULL));
    keyfob_verified_free(verified);
    keyfob_requirement_free(requirement);
}

TEST(a_refusal_leaves_nothing_in_the_answer)
{
    keyfob_verification verification;
    memset(&verification, 0x5a, sizeof verification);
    verification.size = sizeof verification;
    CHECK_STATUS(KEYFOB_WRONG_PROJECT, keyfob_store_verify(w_store(w), w->token, KEYFOB_NUL, keyfob_requirement_nothing(), NULL, &verification));
    CHECK(is_empty(&verification));
    memset((char *)&verification + 4, 0x5a, sizeof verification - 4);
    CHECK_STATUS(KEYFOB_NULL_ARGUMENT, keyfob_store_verify(NULL, w->token, KEYFOB_NUL, keyfob_requirement_nothing(), NULL, &verification));
    CHECK(is_empty(&verification));
    keyfob_request request = KEYFOB_REQUEST_INIT;
    request.ip_size = 5;
    memset((char *)&verification + 4, 0x5a, sizeof verification - 4);
    CHECK(keyfob_store_verify(w_store(w), w->token, KEYFOB_NUL, keyfob_requirement_nothing(), &request, &verification) != KEYFOB_OK);
    CHECK(is_empty(&verification));
}

TEST(an_answer_that_is_too_short_or_absurd_is_refused)
{
    keyfob_requirement *requirement = w_requirement(w);
    keyfob_verification verification = KEYFOB_VERIFICATION_INIT;
    static const uint32_t sizes[] = { 0, 3, 4097, UINT32_MAX };
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        verification.size = sizes[i];
        CHECK_STATUS(KEYFOB_INVALID_ARGUMENT,
                     keyfob_store_verify(w_store(w), w->token, KEYFOB_NUL, requirement, w_request(w), &verification));
        verification.size = sizeof verification;
        CHECK(is_empty(&verification));
    }
    keyfob_requirement_free(requirement);
}

TEST(what_is_revoked_is_refused_from_then_on)
{
    keyfob_requirement *requirement = w_requirement(w);
    CHECK_STATUS(KEYFOB_OK, keyfob_store_verify(w_store(w), w->token, KEYFOB_NUL, requirement, w_request(w), NULL));
    CHECK_STATUS(KEYFOB_OK, keyfob_store_revoke_key(w_store(w), w->key_id, KEYFOB_NUL, NULL, NULL, NULL));
    keyfob_verification verification = KEYFOB_VERIFICATION_INIT;
    CHECK_STATUS(KEYFOB_REVOKED, keyfob_store_verify(w_store(w), w->token, KEYFOB_NUL, requirement, w_request(w), &verification));
    CHECK_STATUS(KEYFOB_REVOKED, keyfob_store_verify_authorization(w_store(w), w->value, KEYFOB_NUL, requirement, w_request(w), &verification));
    CHECK(is_empty(&verification));
    keyfob_requirement_free(requirement);
}

TEST(an_address_is_judged_in_both_families)
{
    keyfob_requirement *requirement = w_requirement(w);
    keyfob_request *request = w_request(w);
    static const uint8_t mapped[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1 };
    static const uint8_t beyond[] = { 192, 0, 3, 1 };
    memcpy(request->ip, mapped, 16);
    request->ip_size = 16;
    CHECK_STATUS(KEYFOB_OK, keyfob_store_verify(w_store(w), w->token, KEYFOB_NUL, requirement, request, NULL));
    memcpy(request->ip, beyond, 4);
    request->ip_size = 4;
    CHECK_STATUS(KEYFOB_IP_NOT_ALLOWED, keyfob_store_verify(w_store(w), w->token, KEYFOB_NUL, requirement, request, NULL));
    request->ip_size = 0;
    CHECK_STATUS(KEYFOB_IP_NOT_ALLOWED, keyfob_store_verify(w_store(w), w->token, KEYFOB_NUL, requirement, request, NULL));
    keyfob_requirement_free(requirement);
}

static keyfob_status told;
static char told_id[KEYFOB_ID_MAX];
static int times_told;

static void tell(keyfob_status denial, const char *key_id, void *user)
{
    told = denial;
    times_told++;
    told_id[0] = '\0';
    if (key_id != NULL) {
        strcpy(told_id, key_id);
    }
    *(int *)user += 1;
}

TEST(a_refusal_is_told_with_the_key_only_where_the_secret_is_its_own)
{
    int user = 0;
    times_told = 0;
    CHECK_STATUS(KEYFOB_OK, keyfob_store_on_refusal(w_store(w), tell, &user, NULL));
    const uint64_t before = keyfob_store_refusal_count(w_store(w), KEYFOB_WRONG_PROJECT);
    CHECK_STATUS(KEYFOB_WRONG_PROJECT, keyfob_store_verify(w_store(w), w->token, KEYFOB_NUL, keyfob_requirement_nothing(), NULL, NULL));
    CHECK(user == 1 && told == KEYFOB_WRONG_PROJECT && strcmp(told_id, w->key_id) == 0);
    CHECK(keyfob_store_refusal_count(w_store(w), KEYFOB_WRONG_PROJECT) == before + 1);
    char *secret = w->token + strlen(w->token) - 49;
    *secret = *secret == 'A' ? 'B' : 'A';
    put_checksum(w->token);
    CHECK_STATUS(KEYFOB_NOT_FOUND, keyfob_store_verify(w_store(w), w->token, KEYFOB_NUL, keyfob_requirement_nothing(), NULL, NULL));
    CHECK(user == 2 && told == KEYFOB_NOT_FOUND && told_id[0] == '\0');
    CHECK_STATUS(KEYFOB_OK, keyfob_store_on_refusal(w_store(w), NULL, NULL, NULL));
    CHECK_STATUS(KEYFOB_NOT_FOUND, keyfob_store_verify(w_store(w), w->token, KEYFOB_NUL, keyfob_requirement_nothing(), NULL, NULL));
    CHECK(user == 2);
}

static int stop(uint64_t done, uint64_t total, void *user)
{
    (void)done;
    (void)total;
    *(int *)user += 1;
    return -1;
}

TEST(a_callback_stops_the_work_with_any_number_but_0)
{
    int calls = 0;
    keyfob_integrity_report *report = (keyfob_integrity_report *)(uintptr_t)0x10;
    keyfob_error *err = NULL;
    CHECK_STATUS(KEYFOB_INTERRUPTED, keyfob_store_check_integrity(w_store(w), stop, &calls, &report, &err));
    CHECK(calls == 1 && report == NULL && keyfob_error_code(err) == KEYFOB_INTERRUPTED);
    keyfob_error_free(err);
    CHECK_STATUS(KEYFOB_OK, keyfob_store_check_integrity(w_store(w), NULL, NULL, &report, NULL));
    CHECK(keyfob_integrity_report_damage_count(report) == 0);
    keyfob_integrity_report_free(report);
}
