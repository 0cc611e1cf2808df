#include "faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum fault fault_planted(void)
{
    static int known = -1;
    if (known < 0) {
        const char *const names[] = { "", "revoke", "clear", "cursor", "overrun" };
        const char *name = getenv("KEYFOB_FUZZ_FAULT");
        for (int i = 0; i < 5; i++) {
            if (strcmp(name ? name : "", names[i]) == 0) {
                known = i;
            }
        }
        if (known < 0) {
            fprintf(stderr, "KEYFOB_FUZZ_FAULT: there is no fault %s\n", name);
            exit(2);
        }
    }
    return (enum fault)known;
}

/* "revoke": forgets to revoke a key while the grace of its old secret runs. */
keyfob_status faulty_revoke_key(const keyfob_store *store, const char *id, size_t size,
                                const keyfob_revoke_options *revoke, keyfob_key **key,
                                keyfob_error **err)
{
    keyfob_key *before = NULL;
    if (fault_planted() == FAULT_REVOKE &&
        keyfob_store_get_key(store, id, size, &before, NULL) == KEYFOB_OK) {
        const int in_grace = keyfob_key_grace_expires_at(before) != KEYFOB_NO_TIME;
        keyfob_key_free(before);
        if (in_grace) {
            return keyfob_store_get_key(store, id, size, key, err);
        }
    }
    return keyfob_store_revoke_key(store, id, size, revoke, key, err);
}

/* "clear": leaves what was there before in the answer to a token of a key that is disabled. */
keyfob_status faulty_verify(const keyfob_store *store, const char *token, size_t size,
                            const keyfob_requirement *requirement,
                            const keyfob_request *request, keyfob_verification *out)
{
    const int clears = fault_planted() != FAULT_CLEAR || !out || out->size < 20;
    const uint8_t before = clears ? 0 : ((uint8_t *)out)[16];
    const keyfob_status status =
        keyfob_store_verify(store, token, size, requirement, request, out);
    if (!clears && status == KEYFOB_DISABLED) {
        ((uint8_t *)out)[16] = before;
    }
    return status;
}

/* "cursor": a listing that goes on at a cursor leaves out its first key. */
keyfob_status faulty_list_keys(const keyfob_store *store, const keyfob_filter *filter,
                               const keyfob_list_options *listing, keyfob_key_iter **iter,
                               keyfob_error **err)
{
    const keyfob_key *lost = NULL;
    const keyfob_status status = keyfob_store_list_keys(store, filter, listing, iter, err);
    if (fault_planted() == FAULT_CURSOR && status == KEYFOB_OK && listing->after.size > 0 &&
        keyfob_key_iter_next(*iter, &lost, NULL) != KEYFOB_OK) {
        return status;
    }
    return status;
}

/* "overrun": a rotation writes one byte beyond the buffer of the token. */
keyfob_status faulty_rotate_key(const keyfob_store *store, const char *id, size_t size,
                                const keyfob_rotate_options *rotate, char *token,
                                size_t capacity, size_t *token_size,
                                keyfob_rotate_result *rotated, keyfob_key **key,
                                keyfob_error **err)
{
    const keyfob_status status = keyfob_store_rotate_key(store, id, size, rotate, token, capacity,
                                                         token_size, rotated, key, err);
    if (fault_planted() == FAULT_OVERRUN && status == KEYFOB_OK) {
        token[capacity] = '\0';
    }
    return status;
}
