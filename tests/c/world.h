/*
 * A valid argument for every parameter of the C API, made when it is asked for: a store with a key
 * and a project, and what comes out of it. Objects are the caller's to be freed, or to be left to
 * the end of a process that ends soon.
 */
#ifndef WORLD_H
#define WORLD_H

#include <keyfob.h>

#define START 1800000000

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

struct world {
    char folder[512];      /* where its files are */
    char open_path[600];   /* of the store that w_store() opens */
    char closed_path[600]; /* of a copy that nobody opens */
    char peppered_path[600];
    char backup_path[600];
    char leak_path[600]; /* a file with the token in it */
    char new_path[600];
    unsigned new_paths;
    char token[KEYFOB_TOKEN_MAX];
    char value[KEYFOB_TOKEN_MAX + 8]; /* of an Authorization header */
    char key_id[KEYFOB_ID_MAX];
    char project_id[KEYFOB_ID_MAX];
    char pepper_hex[KEYFOB_PEPPER_HEX_MAX];
    keyfob_clock *clock;
    keyfob_store *store;
};

/* A text that a NUL ends. */
keyfob_text text(const char *string);

/* Ends the process where a call that has to succeed does not. */
#define MUST(call) must((call), #call, __FILE__, __LINE__)
void must(keyfob_status status, const char *call, const char *file, int line);

/* Makes the files, in a folder that exists. */
void world_build(struct world *w, const char *folder);
/* Copies them into another folder, which exists: a world of its own. */
void world_copy(struct world *to, const struct world *from, const char *folder);

/* Closes its store, and frees its clock. */
void world_close(struct world *w);

keyfob_clock *w_clock(struct world *w);
keyfob_store *w_store(struct world *w);
/* Where nothing is yet. */
const char *w_new_path(struct world *w);
const char *w_copy_of(struct world *w, const char *path);
keyfob_pepper *w_pepper(struct world *w);
keyfob_error *w_error(struct world *w);
keyfob_requirement *w_requirement(struct world *w);
keyfob_verified *w_verified(struct world *w);
keyfob_explanation *w_explanation(struct world *w);
keyfob_created_list *w_created_list(struct world *w);
keyfob_key *w_key(struct world *w);
keyfob_key_list *w_key_list(struct world *w);
keyfob_key_iter *w_key_iter(struct world *w);
keyfob_project *w_project(struct world *w);
keyfob_project_list *w_project_list(struct world *w);
keyfob_event_iter *w_event_iter(struct world *w);
const keyfob_event *w_event(struct world *w);
keyfob_info *w_info(struct world *w);
keyfob_table_list *w_table_list(struct world *w);
keyfob_integrity_report *w_integrity_report(struct world *w);
keyfob_restore_result *w_restore_result(struct world *w);
keyfob_import_result *w_import_result(struct world *w);
keyfob_finding_list *w_finding_list(struct world *w);
const keyfob_finding *w_finding(struct world *w);

/* The structs that are passed in, with something in every field that can hold it. */
keyfob_policy *w_policy(struct world *w);
keyfob_store_options *w_store_options(struct world *w);
keyfob_requirement_spec *w_requirement_spec(struct world *w);
keyfob_request *w_request(struct world *w);
keyfob_new_key *w_new_key(struct world *w);
keyfob_key_update *w_key_update(struct world *w);
keyfob_revoke_options *w_revoke_options(struct world *w);
keyfob_rotate_options *w_rotate_options(struct world *w);
keyfob_filter *w_filter(struct world *w);
keyfob_selection *w_selection(struct world *w);
keyfob_list_options *w_list_options(struct world *w);
keyfob_new_project *w_new_project(struct world *w);
keyfob_project_update *w_project_update(struct world *w);
keyfob_log_query *w_log_query(struct world *w);
keyfob_prune_options *w_prune_options(struct world *w);
keyfob_restore_options *w_restore_options(struct world *w);
keyfob_import_defaults *w_import_defaults(struct world *w);
const keyfob_text *w_lines(struct world *w);
#define LINES 2

int w_progress(uint64_t done, uint64_t total, void *user);
void w_refused(keyfob_status denial, const char *key_id, void *user);
void w_found(const keyfob_finding *finding, void *user);
void w_skipped(const char *path, int os_errno, void *user);

#endif
