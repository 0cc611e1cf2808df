#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEX_OF_A_PEPPER "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static const keyfob_text SCOPES[] = { { "orders:read", KEYFOB_NUL } };
static const keyfob_text CEILING[] = { { "orders:*", KEYFOB_NUL }, { "stock:*", KEYFOB_NUL } };
static const keyfob_text TAGS[] = { { "blue", KEYFOB_NUL } };
static const keyfob_text RANGES[] = { { "192.0.2.0/24", KEYFOB_NUL } };
static const keyfob_pair PAIRS[] = { { { "team", KEYFOB_NUL }, { "payments", KEYFOB_NUL } } };

keyfob_text text(const char *string)
{
    keyfob_text text = { NULL, KEYFOB_NUL };
    text.data = string;
    return text;
}

void must(keyfob_status status, const char *call, const char *file, int line)
{
    if (status != KEYFOB_OK) {
        printf("%s:%d: %s answers %s\n", file, line, call, keyfob_status_name(status));
        fflush(NULL);
        _Exit(3);
    }
}

/* Memory that is kept to the end, and found there by who looks for leaks. */
static void *fresh(size_t size)
{
    static struct kept {
        struct kept *next;
    } *all;
    struct kept *kept = (struct kept *)calloc(1, sizeof *kept + size);
    if (kept == NULL) {
        abort();
    }
    kept->next = all;
    all = kept;
    return kept + 1;
}

/* A struct that is initialised by its _INIT, on the heap. */
#define NEW(type, name, init)                 \
    static const type name##_zeros = init;    \
    type *name = (type *)fresh(sizeof *name); \
    *name = name##_zeros

static void join(char *to, size_t size, const char *folder, const char *name)
{
    if (snprintf(to, size, "%s/%s", folder, name) >= (int)size) {
        abort();
    }
}

static void paths(struct world *w, const char *folder)
{
    snprintf(w->folder, sizeof w->folder, "%s", folder);
    join(w->open_path, sizeof w->open_path, folder, "open.keyfob");
    join(w->closed_path, sizeof w->closed_path, folder, "closed.keyfob");
    join(w->peppered_path, sizeof w->peppered_path, folder, "peppered.keyfob");
    join(w->backup_path, sizeof w->backup_path, folder, "backup.keyfob");
    join(w->leak_path, sizeof w->leak_path, folder, "leak.txt");
}

static void copy(const char *from, const char *to)
{
    static char bytes[1 << 16];
    FILE *in = fopen(from, "rb");
    FILE *out = fopen(to, "wb");
    size_t read = 0;
    if (in == NULL || out == NULL) {
        abort();
    }
    while ((read = fread(bytes, 1, sizeof bytes, in)) > 0) {
        if (fwrite(bytes, 1, read, out) != read) {
            abort();
        }
    }
    fclose(in);
    fclose(out);
}

void world_build(struct world *w, const char *folder)
{
    memset(w, 0, sizeof *w);
    paths(w, folder);
    snprintf(w->pepper_hex, sizeof w->pepper_hex, "%s", HEX_OF_A_PEPPER);
    keyfob_store_options *options = w_store_options(w);
    MUST(keyfob_store_create(w->open_path, KEYFOB_NUL, options, &w->store, NULL));
    keyfob_project *project = NULL;
    keyfob_new_project shop = KEYFOB_NEW_PROJECT_INIT;
    shop.name = text("shop");
    shop.scopes = CEILING;
    shop.scopes_count = LENGTH(CEILING);
    MUST(keyfob_store_create_project(w->store, &shop, &project, NULL));
    snprintf(w->project_id, sizeof w->project_id, "%s", keyfob_project_id(project, NULL));

    keyfob_new_key *new_key = w_new_key(w);
    new_key->request_id = (keyfob_text){ NULL, 0 };
    new_key->not_before = 0;
    keyfob_key *key = NULL;
    MUST(keyfob_store_create_key(w->store, new_key, w->token, sizeof w->token, NULL, &key, NULL));
    snprintf(w->key_id, sizeof w->key_id, "%s", keyfob_key_id(key, NULL));
    keyfob_rotate_options rotate = KEYFOB_ROTATE_OPTIONS_INIT;
    rotate.grace = 3600;
    MUST(keyfob_store_rotate_key(w->store, w->key_id, KEYFOB_NUL, &rotate, w->token, sizeof w->token,
                                 NULL, NULL, NULL, NULL));
    snprintf(w->value, sizeof w->value, "Bearer %s", w->token);
    MUST(keyfob_store_backup(w->store, w->backup_path, KEYFOB_NUL, NULL, NULL, NULL, NULL));
    keyfob_key_free(key);
    keyfob_project_free(project);
    MUST(keyfob_store_close(w->store, NULL));
    w->store = NULL;

    copy(w->open_path, w->closed_path);
    keyfob_pepper *pepper = w_pepper(w);
    options->pepper = pepper;
    keyfob_store *peppered = NULL;
    MUST(keyfob_store_create(w->peppered_path, KEYFOB_NUL, options, &peppered, NULL));
    MUST(keyfob_store_close(peppered, NULL));
    keyfob_pepper_free(pepper);
    FILE *leak = fopen(w->leak_path, "wb");
    if (leak == NULL || fprintf(leak, "token = \"%s\"\n", w->token) < 0 || fclose(leak) != 0) {
        abort();
    }
}

void world_copy(struct world *to, const struct world *from, const char *folder)
{
    *to = *from;
    to->clock = NULL;
    to->store = NULL;
    paths(to, folder);
    copy(from->open_path, to->open_path);
    copy(from->closed_path, to->closed_path);
    copy(from->peppered_path, to->peppered_path);
    copy(from->backup_path, to->backup_path);
    copy(from->leak_path, to->leak_path);
}

void world_close(struct world *w)
{
    MUST(keyfob_store_close(w->store, NULL));
    keyfob_clock_free(w->clock);
    w->store = NULL;
    w->clock = NULL;
}

/* Objects. */

keyfob_clock *w_clock(struct world *w)
{
    if (w->clock == NULL) {
        MUST(keyfob_clock_new(START, &w->clock, NULL));
    }
    return w->clock;
}

keyfob_store *w_store(struct world *w)
{
    if (w->store == NULL) {
        keyfob_store_options options = KEYFOB_STORE_OPTIONS_INIT;
        options.clock = w_clock(w);
        MUST(keyfob_store_open(w->open_path, KEYFOB_NUL, &options, &w->store, NULL));
    }
    return w->store;
}

const char *w_new_path(struct world *w)
{
    snprintf(w->new_path, sizeof w->new_path, "%s/new-%u", w->folder, w->new_paths++);
    return w->new_path;
}

const char *w_copy_of(struct world *w, const char *path)
{
    copy(path, w_new_path(w));
    return w->new_path;
}

#define MADE(type, name, call) \
    type *name = NULL;         \
    MUST(call);                \
    return name

keyfob_pepper *w_pepper(struct world *w)
{
    MADE(keyfob_pepper, pepper, keyfob_pepper_from_hex(w->pepper_hex, KEYFOB_NUL, &pepper, NULL));
}

keyfob_error *w_error(struct world *w)
{
    keyfob_error *error = NULL;
    if (keyfob_store_get_key(w_store(w), "nobody", KEYFOB_NUL, NULL, &error) == KEYFOB_OK) {
        abort();
    }
    return error;
}

keyfob_requirement *w_requirement(struct world *w)
{
    keyfob_requirement_spec *spec = w_requirement_spec(w);
    MADE(keyfob_requirement, requirement, keyfob_requirement_new(spec, &requirement, NULL));
}

keyfob_verified *w_verified(struct world *w)
{
    MADE(keyfob_verified, verified,
         keyfob_store_verify_full(w_store(w), w->token, KEYFOB_NUL, w_requirement(w), w_request(w),
                                  &verified, NULL));
}

keyfob_explanation *w_explanation(struct world *w)
{
    MADE(keyfob_explanation, explanation,
         keyfob_store_explain(w_store(w), w->token, KEYFOB_NUL, w_requirement(w), w_request(w),
                              &explanation, NULL));
}

keyfob_created_list *w_created_list(struct world *w)
{
    const keyfob_new_key *new_key = w_new_key(w);
    MADE(keyfob_created_list, created,
         keyfob_store_create_keys(w_store(w), &new_key, 1, &created, NULL));
}

keyfob_key *w_key(struct world *w)
{
    MADE(keyfob_key, key, keyfob_store_get_key(w_store(w), w->key_id, KEYFOB_NUL, &key, NULL));
}

keyfob_key_list *w_key_list(struct world *w)
{
    MADE(keyfob_key_list, keys,
         keyfob_store_least_recently_used(w_store(w), NULL, 1, &keys, NULL));
}

keyfob_key_iter *w_key_iter(struct world *w)
{
    MADE(keyfob_key_iter, iter, keyfob_store_list_keys(w_store(w), NULL, NULL, &iter, NULL));
}

keyfob_project *w_project(struct world *w)
{
    MADE(keyfob_project, project,
         keyfob_store_get_project(w_store(w), "shop", KEYFOB_NUL, &project, NULL));
}

keyfob_project_list *w_project_list(struct world *w)
{
    MADE(keyfob_project_list, projects, keyfob_store_list_projects(w_store(w), &projects, NULL));
}

keyfob_event_iter *w_event_iter(struct world *w)
{
    MADE(keyfob_event_iter, iter, keyfob_store_read_log(w_store(w), NULL, &iter, NULL));
}

const keyfob_event *w_event(struct world *w)
{
    const keyfob_event *event = NULL;
    MUST(keyfob_event_iter_next(w_event_iter(w), &event, NULL));
    return event;
}

keyfob_info *w_info(struct world *w)
{
    MADE(keyfob_info, info, keyfob_store_info(w_store(w), &info, NULL));
}

keyfob_table_list *w_table_list(struct world *w)
{
    MADE(keyfob_table_list, tables, keyfob_store_table_sizes(w_store(w), &tables, NULL));
}

keyfob_integrity_report *w_integrity_report(struct world *w)
{
    MADE(keyfob_integrity_report, report,
         keyfob_store_check_integrity(w_store(w), NULL, NULL, &report, NULL));
}

keyfob_restore_result *w_restore_result(struct world *w)
{
    MADE(keyfob_restore_result, restored,
         keyfob_restore(w_new_path(w), KEYFOB_NUL, w->backup_path, KEYFOB_NUL, NULL, NULL, NULL,
                        NULL, &restored, NULL));
}

keyfob_import_result *w_import_result(struct world *w)
{
    MADE(keyfob_import_result, imported,
         keyfob_store_import(w_store(w), KEYFOB_IMPORT_RAW, w_lines(w), LINES, NULL, NULL, NULL,
                             &imported, NULL));
}

keyfob_finding_list *w_finding_list(struct world *w)
{
    MADE(keyfob_finding_list, findings,
         keyfob_store_scan_bytes(w_store(w), w->token, KEYFOB_NUL, &findings, NULL));
}

const keyfob_finding *w_finding(struct world *w)
{
    return keyfob_finding_list_at(w_finding_list(w), 0);
}

/* Structs. */

keyfob_policy *w_policy(struct world *w)
{
    (void)w;
    NEW(keyfob_policy, policy, KEYFOB_POLICY_INIT);
    policy->flags = KEYFOB_POLICY_MOST_KEYS_PER_OWNER;
    policy->default_lifetime = 90 * 86400;
    policy->longest_lifetime = 365 * 86400;
    policy->most_keys_per_owner = 5000;
    return policy;
}

keyfob_store_options *w_store_options(struct world *w)
{
    NEW(keyfob_store_options, options, KEYFOB_STORE_OPTIONS_INIT);
    options->flags = KEYFOB_OPEN_NO_FLUSHING;
    options->prefix = text("acme");
    options->actor = text("sweep");
    options->clock = w_clock(w);
    options->least_sequence = 0;
    options->page_cache_bytes = 4 << 20;
    options->key_cache_bytes = 1 << 20;
    options->read_timeout_ms = 250;
    options->write_timeout_ms = 2000;
    options->flush_every_ms = 5000;
    options->file_mode = 0600;
    options->check = KEYFOB_CHECK_AUTO;
    return options;
}

keyfob_requirement_spec *w_requirement_spec(struct world *w)
{
    (void)w;
    NEW(keyfob_requirement_spec, spec, KEYFOB_REQUIREMENT_SPEC_INIT);
    spec->flags = 0;
    spec->scopes = SCOPES;
    spec->scopes_count = LENGTH(SCOPES);
    spec->any_scopes = SCOPES;
    spec->any_scopes_count = LENGTH(SCOPES);
    spec->project = text("shop");
    spec->environment = text("live");
    spec->owner = text("ann");
    return spec;
}

keyfob_request *w_request(struct world *w)
{
    (void)w;
    NEW(keyfob_request, request, KEYFOB_REQUEST_INIT);
    static const uint8_t address[] = { 192, 0, 2, 1 };
    request->ip_size = sizeof address;
    memcpy(request->ip, address, sizeof address);
    request->project = text("shop");
    request->owner = text("ann");
    return request;
}

keyfob_new_key *w_new_key(struct world *w)
{
    NEW(keyfob_new_key, new_key, KEYFOB_NEW_KEY_INIT);
    new_key->expiry_kind = KEYFOB_EXPIRY_AT;
    new_key->expires = START + 86400;
    new_key->not_before = START;
    new_key->rotation_due_after = 86400;
    new_key->name = text("CI deploy");
    new_key->project = text("shop");
    new_key->environment = text("live");
    new_key->owner = text("ann");
    char *request_id = (char *)fresh(40);
    snprintf(request_id, 40, "request-%u", w->new_paths++);
    new_key->request_id = text(request_id);
    new_key->scopes = SCOPES;
    new_key->scopes_count = LENGTH(SCOPES);
    new_key->metadata = PAIRS;
    new_key->metadata_count = LENGTH(PAIRS);
    new_key->tags = TAGS;
    new_key->tags_count = LENGTH(TAGS);
    new_key->ip_list = RANGES;
    new_key->ip_list_count = LENGTH(RANGES);
    return new_key;
}

keyfob_key_update *w_key_update(struct world *w)
{
    (void)w;
    NEW(keyfob_key_update, update, KEYFOB_KEY_UPDATE_INIT);
    update->set = KEYFOB_KEY_NAME | KEYFOB_KEY_SCOPES | KEYFOB_KEY_OWNER | KEYFOB_KEY_EXPIRY |
                  KEYFOB_KEY_METADATA | KEYFOB_KEY_TAGS | KEYFOB_KEY_IP_LIST;
    update->clear = KEYFOB_KEY_NOT_BEFORE | KEYFOB_KEY_ROTATION_DUE_AFTER;
    update->expiry_kind = KEYFOB_EXPIRY_IN;
    update->expires = 7200;
    update->name = text("renamed");
    update->owner = text("ann");
    update->scopes = SCOPES;
    update->scopes_count = LENGTH(SCOPES);
    update->metadata = PAIRS;
    update->metadata_count = LENGTH(PAIRS);
    update->metadata_pairs = PAIRS;
    update->metadata_pairs_count = LENGTH(PAIRS);
    update->tags = TAGS;
    update->tags_count = LENGTH(TAGS);
    update->ip_list = RANGES;
    update->ip_list_count = LENGTH(RANGES);
    return update;
}

keyfob_revoke_options *w_revoke_options(struct world *w)
{
    (void)w;
    NEW(keyfob_revoke_options, revoke, KEYFOB_REVOKE_OPTIONS_INIT);
    revoke->reason = KEYFOB_REASON_SUPERSEDED;
    revoke->note = text("replaced");
    return revoke;
}

keyfob_rotate_options *w_rotate_options(struct world *w)
{
    NEW(keyfob_rotate_options, rotate, KEYFOB_ROTATE_OPTIONS_INIT);
    rotate->grace = 60;
    char *request_id = (char *)fresh(40);
    snprintf(request_id, 40, "request-%u", w->new_paths++);
    rotate->request_id = text(request_id);
    return rotate;
}

keyfob_filter *w_filter(struct world *w)
{
    (void)w;
    NEW(keyfob_filter, filter, KEYFOB_FILTER_INIT);
    filter->flags = KEYFOB_FILTER_NEVER_USED;
    filter->states = KEYFOB_STATE_ACTIVE | KEYFOB_STATE_DISABLED;
    filter->project = text("shop");
    filter->owner = text("ann");
    filter->environment = text("live");
    filter->scope = text("orders:read");
    filter->name_part = text("ci");
    filter->tag = text("blue");
    filter->created_after = START - 1;
    filter->created_before = START + 1;
    filter->expires_after = START;
    filter->expires_before = START + 100000;
    filter->expires_within = 100000;
    filter->unused_since = START + 1;
    return filter;
}

keyfob_selection *w_selection(struct world *w)
{
    NEW(keyfob_selection, selection, KEYFOB_SELECTION_INIT);
    keyfob_text *ids = (keyfob_text *)fresh(sizeof *ids);
    ids[0] = text(w->key_id);
    selection->key_ids = ids;
    selection->key_ids_count = 1;
    return selection;
}

keyfob_list_options *w_list_options(struct world *w)
{
    (void)w;
    NEW(keyfob_list_options, listing, KEYFOB_LIST_OPTIONS_INIT);
    listing->flags = KEYFOB_LIST_REVERSE;
    listing->order = KEYFOB_ORDER_EXPIRES;
    listing->page_size = 10;
    return listing;
}

keyfob_new_project *w_new_project(struct world *w)
{
    NEW(keyfob_new_project, new_project, KEYFOB_NEW_PROJECT_INIT);
    char *name = (char *)fresh(40);
    snprintf(name, 40, "project-%u", w->new_paths++);
    new_project->name = text(name);
    new_project->owner = text("ann");
    new_project->scopes = CEILING;
    new_project->scopes_count = LENGTH(CEILING);
    return new_project;
}

keyfob_project_update *w_project_update(struct world *w)
{
    (void)w;
    NEW(keyfob_project_update, update, KEYFOB_PROJECT_UPDATE_INIT);
    update->set = KEYFOB_PROJECT_SCOPES | KEYFOB_PROJECT_OWNER;
    update->owner = text("bob");
    update->scopes = CEILING;
    update->scopes_count = LENGTH(CEILING);
    return update;
}

keyfob_log_query *w_log_query(struct world *w)
{
    NEW(keyfob_log_query, query, KEYFOB_LOG_QUERY_INIT);
    query->flags = KEYFOB_LOG_AFTER;
    query->after = 1;
    query->key_id = text(w->key_id);
    query->project = text("shop");
    query->from = START - 1;
    query->until = START + 1;
    return query;
}

keyfob_prune_options *w_prune_options(struct world *w)
{
    (void)w;
    NEW(keyfob_prune_options, prune, KEYFOB_PRUNE_OPTIONS_INIT);
    prune->revoked_before = START - 1;
    prune->expired_before = START - 1;
    return prune;
}

keyfob_restore_options *w_restore_options(struct world *w)
{
    NEW(keyfob_restore_options, how, KEYFOB_RESTORE_OPTIONS_INIT);
    how->flags = KEYFOB_RESTORE_DISABLE_ALL;
    keyfob_text *ids = (keyfob_text *)fresh(sizeof *ids);
    ids[0] = text(w->key_id);
    how->named = ids;
    how->named_count = 1;
    return how;
}

keyfob_import_defaults *w_import_defaults(struct world *w)
{
    (void)w;
    NEW(keyfob_import_defaults, defaults, KEYFOB_IMPORT_DEFAULTS_INIT);
    defaults->expiry_kind = KEYFOB_EXPIRY_IN;
    defaults->expires = 86400;
    defaults->name = text("imported");
    defaults->project = text("shop");
    defaults->environment = text("live");
    defaults->owner = text("ann");
    defaults->scopes = SCOPES;
    defaults->scopes_count = LENGTH(SCOPES);
    defaults->tags = TAGS;
    defaults->tags_count = LENGTH(TAGS);
    return defaults;
}

const keyfob_text *w_lines(struct world *w)
{
    keyfob_text *lines = (keyfob_text *)fresh(LINES * sizeof *lines);
    for (unsigned i = 0; i < LINES; i++) {
        char *line = (char *)fresh(80);
        snprintf(line, 80, "sk_0123456789abcdefghijklmnopqrstuvwxyz_%u", w->new_paths++);
        lines[i] = text(line);
    }
    return lines;
}

/* Callbacks. */

int w_progress(uint64_t done, uint64_t total, void *user)
{
    (void)done;
    (void)total;
    (void)user;
    return 0;
}

void w_refused(keyfob_status denial, const char *key_id, void *user)
{
    (void)denial;
    (void)key_id;
    (void)user;
}

void w_found(const keyfob_finding *finding, void *user)
{
    (void)finding;
    (void)user;
}

void w_skipped(const char *path, int os_errno, void *user)
{
    (void)path;
    (void)os_errno;
    (void)user;
}
