/*
 * Faults that are planted between the calls and the library, to show that the fuzzer finds what it
 * looks for: KEYFOB_FUZZ_FAULT in the environment names one. None is there otherwise.
 */
#ifndef KEYFOB_FUZZ_FAULTS_H
#define KEYFOB_FUZZ_FAULTS_H

#include <keyfob.h>

enum fault { NO_FAULT, FAULT_REVOKE, FAULT_CLEAR, FAULT_CURSOR, FAULT_OVERRUN };

enum fault fault_planted(void);
keyfob_status faulty_revoke_key(const keyfob_store *store, const char *id, size_t size,
                                const keyfob_revoke_options *revoke, keyfob_key **key,
                                keyfob_error **err);
keyfob_status faulty_verify(const keyfob_store *store, const char *token, size_t size,
                            const keyfob_requirement *requirement,
                            const keyfob_request *request, keyfob_verification *out);
keyfob_status faulty_list_keys(const keyfob_store *store, const keyfob_filter *filter,
                               const keyfob_list_options *listing, keyfob_key_iter **iter,
                               keyfob_error **err);
keyfob_status faulty_rotate_key(const keyfob_store *store, const char *id, size_t size,
                                const keyfob_rotate_options *rotate, char *token,
                                size_t capacity, size_t *token_size,
                                keyfob_rotate_result *rotated, keyfob_key **key,
                                keyfob_error **err);

#endif
