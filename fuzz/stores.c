/*
 * The store as a whole: projects, listings, the log, time, closing and opening again, arguments that
 * are NULL; and the loop that chooses among all operations.
 */
#include "faults.h"
#include "run.h"

#include <unistd.h>

static const int64_t START = 1790000000;
static keyfob_clock *clock_of_store;
static char path[256];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- Projects ---- */

static void create_project(void)
{
    if (model.project_count == MOST_PROJECTS) {
        return;
    }
    struct project new = { take(3), take(SCOPE_SETS), take(3) - 1, 1, 0 };
    keyfob_new_project asked = KEYFOB_NEW_PROJECT_INIT;
    keyfob_status expected =
        project_named(&model, new.name) == NONE ? KEYFOB_OK : KEYFOB_NAME_TAKEN;
    keyfob_status refused = KEYFOB_OK;
    asked.name = text(project_names[new.name]);
    asked.owner = text(new.owner == NONE ? NULL : owners[new.owner]);
    asked.scopes = scopes_of(new.scopes, &asked.scopes_count);
    const keyfob_new_project *given = shaped(&asked, sizeof asked, &refused);
    if (refused != KEYFOB_OK) {
        expected = refused;
    }
    keyfob_project *told = NULL;
    CALL(expected, keyfob_store_create_project(store, given, &told, errp));
    hold((told == NULL) == (expected != KEYFOB_OK), "a failure gives no project");
    if (told) {
        changes = 1;
        same_text(keyfob_project_name(told, NULL), project_names[new.name], "a project's name");
        model.projects[model.project_count++] = new;
    }
    keyfob_project_free(told);
}

static void change_project(void)
{
    const int name = take(3);
    const int at = project_named(&model, name);
    const int verb = take(4);
    keyfob_status expected = at == NONE ? KEYFOB_NO_SUCH_PROJECT : KEYFOB_OK;
    keyfob_project_update update = KEYFOB_PROJECT_UPDATE_INIT;
    const int set = take(SCOPE_SETS);
    update.set = KEYFOB_PROJECT_SCOPES;
    update.scopes = scopes_of(set, &update.scopes_count);
    size_t size = 0;
    const char *given = argument(project_names[name], &size);
    keyfob_project *told = NULL;
    switch (verb) {
    case 0:
        CALL(expected, keyfob_store_update_project(store, given, size, &update, &told, errp));
        break;
    case 1: CALL(expected, keyfob_store_disable_project(store, given, size, &told, errp)); break;
    case 2: CALL(expected, keyfob_store_enable_project(store, given, size, &told, errp)); break;
    default: CALL(expected, keyfob_store_delete_project(store, given, size, &told, errp)); break;
    }
    hold((told == NULL) == (expected != KEYFOB_OK), "a failure gives no project");
    if (told) {
        struct project *project = &model.projects[at];
        const struct project before = *project;
        if (verb == 0) {
            project->scopes = set;
        } else if (verb == 3) {
            project->deleted = 1;
        } else {
            project->enabled = verb == 2;
        }
        changes = memcmp(&before, project, sizeof before) != 0;
        hold(keyfob_project_enabled(told) == project->enabled, "a project is enabled or not");
        hold((keyfob_project_deleted_at(told) != KEYFOB_NO_TIME) == project->deleted,
             "a project is deleted or not");
    }
    keyfob_project_free(told);
}

/* ---- Listings ---- */

static const char *const out_of_order = "keys come in the order of their ids";

/* Walks through a listing, and at one place goes on with its cursor in another one. */
static void list_keys(void)
{
    keyfob_filter filter = KEYFOB_FILTER_INIT;
    keyfob_list_options listing = KEYFOB_LIST_OPTIONS_INIT;
    int met[MOST_KEYS] = { 0 };
    filter.states = take(2) ? 0 : (uint32_t)take(32);
    listing.page_size = (uint32_t)take(5);
    listing.order = (uint32_t)take(3);
    const int reverse = take(2);
    listing.flags = reverse ? KEYFOB_LIST_REVERSE : 0;
    int until_cut = take(6);
    char last[KEYFOB_ID_MAX] = "";
    char *cursor = NULL;
    keyfob_key_iter *iter = NULL;
    CALL(KEYFOB_OK, faulty_list_keys(store, &filter, &listing, &iter, errp));
    for (;;) {
        if (until_cut-- == 0) {
            const char *lent = NULL;
            size_t size = 0;
            CALL(KEYFOB_OK, keyfob_key_iter_cursor(iter, &lent, &size, errp));
            hold(strlen(lent) == size, "a cursor has its length");
            hold((size == 0) == (last[0] == '\0'), "a cursor is empty before the first key alone");
            cursor = exactly(lent, size);
            keyfob_key_iter_free(iter);
            listing.after.data = cursor;
            listing.after.size = size;
            if (size == 0) {
                listing.after.data = NULL;
            }
            CALL(KEYFOB_OK, faulty_list_keys(store, &filter, &listing, &iter, errp));
        }
        const keyfob_key *told = NULL;
        keyfob_error *err = NULL;
        const keyfob_status status = keyfob_key_iter_next(iter, &told, &err);
        hold(status == KEYFOB_OK || status == KEYFOB_DONE, "a listing goes on, or ends");
        hold(err == NULL && (told == NULL) == (status == KEYFOB_DONE), "the end gives no key");
        if (!told) {
            break;
        }
        int at = 0;
        while (at < model.key_count && strcmp(model.keys[at].id, keyfob_key_id(told, NULL)) != 0) {
            at++;
        }
        hold(at < model.key_count && !met[at]++, "a listing gives each key once");
        check_key(told, &model.keys[at]);
        if (listing.order == KEYFOB_ORDER_CREATED && last[0] != '\0') {
            const int compared = strcmp(last, model.keys[at].id);
            hold(reverse ? compared > 0 : compared < 0, out_of_order);
        }
        memcpy(last, model.keys[at].id, sizeof last);
    }
    keyfob_key_iter_free(iter);
    uint64_t expected = 0;
    for (int i = 0; i < model.key_count; i++) {
        const struct key *key = &model.keys[i];
        const int meant = !key->pruned &&
                          (filter.states == 0 || (filter.states & key_state(&model, key)) != 0);
        expected += (uint64_t)meant;
        hold(met[i] == meant, "a listing gives the keys that the filter means, and all of them");
    }
    uint64_t count = 0;
    CALL(KEYFOB_OK, keyfob_store_count_keys(store, &filter, &count, errp));
    hold(count == expected, "as many are counted as are listed");
}

/* ---- The log ---- */

static void read_log(void)
{
    keyfob_log_query query = KEYFOB_LOG_QUERY_INIT;
    query.flags = KEYFOB_LOG_AFTER;
    query.after = model.sequence > 0 ? (uint64_t)take(256) % (model.sequence + 1) : 0;
    keyfob_event_iter *iter = NULL;
    if (query.after < model.log_cut) {
        keyfob_error *err = NULL;
        hold(keyfob_store_read_log(store, &query, &iter, &err) == KEYFOB_GONE && iter == NULL,
             "what was pruned is gone");
        hold(keyfob_error_sequence(err) == model.log_cut + 1, "it is told where the log begins");
        keyfob_error_free(err);
        return;
    }
    CALL(KEYFOB_OK, keyfob_store_read_log(store, &query, &iter, errp));
    uint64_t at = query.after;
    const keyfob_event *event = NULL;
    while (keyfob_event_iter_next(iter, &event, NULL) == KEYFOB_OK) {
        hold(keyfob_event_sequence(event) == ++at, "no event is missing");
        for (size_t i = 0; i < keyfob_event_field_count(event); i++) {
            holds_no_secret(keyfob_event_field_value(event, i, NULL));
        }
    }
    hold(event == NULL && at == model.sequence, "the log ends with the last change");
    keyfob_event_iter_free(iter);
}

static void prune_log(void)
{
    const uint64_t through = (uint64_t)take(256) % (model.sequence + 2);
    uint64_t removed = 7;
    const int beyond = through > model.sequence;
    CALL(beyond ? KEYFOB_INVALID_ARGUMENT : KEYFOB_OK,
         keyfob_store_prune_log(store, through, &removed, errp));
    const uint64_t expected = beyond || through <= model.log_cut ? 0 : through - model.log_cut;
    hold(removed == expected, "it is told how many events were pruned");
    if (expected > 0) {
        changes = 1;
        model.log_cut = through;
    }
}

/* ---- Time, and the file ---- */

static void prune(void)
{
    keyfob_prune_options asked = KEYFOB_PRUNE_OPTIONS_INIT;
    asked.revoked_before = asked.expired_before = model.clock;
    uint64_t keys = 0, projects = 0, expected = 0;
    CALL(KEYFOB_OK, keyfob_store_prune(store, &asked, &keys, &projects, errp));
    for (int i = 0; i < model.key_count; i++) {
        struct key *key = &model.keys[i];
        const int over = (key->revoked != KEYFOB_NO_TIME && key->revoked < model.clock) ||
                         (key->until != KEYFOB_NO_TIME && key->until < model.clock);
        if (over && !key->pruned) {
            key->pruned = 1;
            expected++;
        }
    }
    hold(keys == expected, "what is over is pruned, and nothing else");
    changes = UNKNOWN_CHANGES;
}

static void move_clock(void)
{
    const int64_t by = take(8) == 1 ? -take(30) : take(30) + 1;
    model.clock += by;
    keyfob_clock_advance(clock_of_store, by);
}

static keyfob_status open_again(keyfob_store **opened, keyfob_error **err)
{
    keyfob_store_options options = KEYFOB_STORE_OPTIONS_INIT;
    options.flags = KEYFOB_OPEN_NO_FLUSHING;
    options.actor = text("fuzz");
    options.clock = clock_of_store;
    options.page_cache_bytes = 1 << 20;
    options.key_cache_bytes = 1 << 16;
    return keyfob_store_open(path, KEYFOB_NUL, &options, opened, err);
}

static void close_and_open(void)
{
    keyfob_store *other = NULL;
    keyfob_key_iter *iter = NULL;
    uint64_t count = 7;
    const int count_before = key_count(&model);
    CALL(KEYFOB_OK, keyfob_store_with_actor(store, "other", 5, &other, errp));
    keyfob_list_options listing = KEYFOB_LIST_OPTIONS_INIT;
    listing.page_size = 1;
    CALL(KEYFOB_OK, keyfob_store_list_keys(other, NULL, &listing, &iter, errp));
    if (take(2)) {
        keyfob_store *second = NULL; /* the same store, open twice */
        CALL(KEYFOB_OK, open_again(&second, errp));
        CALL(KEYFOB_OK, keyfob_store_close(store, errp));
        CALL(KEYFOB_OK, keyfob_store_count_keys(second, NULL, &count, errp));
        hold(count == (uint64_t)key_count(&model), "the other handle goes on");
        store = second;
    } else {
        CALL(KEYFOB_OK, keyfob_store_close(store, errp));
        CALL(KEYFOB_OK, open_again(&store, errp));
    }
    CALL(KEYFOB_CLOSED, keyfob_store_count_keys(other, NULL, &count, errp));
    hold(count == 0, "a failure gives no number");
    /* An iterator gives what it had read, and then no more. */
    const keyfob_key *told = NULL;
    if (count_before > 0) {
        CALL(KEYFOB_OK, keyfob_key_iter_next(iter, &told, errp));
        hold(keyfob_key_id(told, NULL) != NULL, "what was read is whole");
    }
    CALL(count_before > 1 ? KEYFOB_CLOSED : KEYFOB_DONE, keyfob_key_iter_next(iter, &told, errp));
    hold(told == NULL, "a failure lends no key");
    keyfob_key_iter_free(iter);
    CALL(KEYFOB_OK, keyfob_store_close(other, errp));
}

static void flush(void)
{
    CALL(KEYFOB_OK, keyfob_store_flush(store, errp));
}

/* What was kept goes on being what it was, whatever became of the store. */
static void look_at_what_is_held(void)
{
    if (held_key) {
        same_text(keyfob_key_id(held_key, NULL), held_id, "a key that was kept");
        keyfob_key_free(held_key);
        held_key = NULL;
    }
    keyfob_verified_free(held);
    held = NULL;
}

/* ---- Arguments that are NULL ---- */

static void null_arguments(void)
{
    const keyfob_status null = KEYFOB_NULL_ARGUMENT;
    char token[KEYFOB_TOKEN_MAX];
    size_t size = 7;
    uint64_t count = 7;
    keyfob_new_key key = KEYFOB_NEW_KEY_INIT;
    const keyfob_key *each = (const keyfob_key *)(const void *)token;
    switch (take(20)) {
    case 0: hold(keyfob_store_verify(NULL, "x", 1, keyfob_requirement_nothing(), NULL, NULL) == null, "no store"); break;
    case 1: CALL(null, keyfob_store_count_keys(store, NULL, NULL, errp)); break;
    case 2: CALL(null, keyfob_store_count_keys(NULL, NULL, &count, errp)); hold(count == 0, "0"); break;
    case 3:
        CALL(null, keyfob_store_create_key(store, NULL, token, sizeof token, &size, NULL, errp));
        hold(size == 0 && token[0] == '\0', "a failure gives no token");
        break;
    case 4: CALL(null, keyfob_store_create_key(store, &key, NULL, 0, &size, NULL, errp)); break;
    case 5: CALL(null, keyfob_store_get_key(store, NULL, 22, NULL, errp)); break;
    case 6: CALL(KEYFOB_NO_SUCH_KEY, keyfob_store_get_key(store, NULL, 0, NULL, errp)); break;
    case 7: CALL(null, keyfob_store_update_key(store, "0000000000000000000000", 22, NULL, NULL, errp)); break;
    case 8:
        CALL(null, keyfob_key_iter_next(NULL, &each, errp));
        hold(each == NULL, "a failure lends no key");
        break;
    case 9: CALL(null, keyfob_store_list_keys(store, NULL, NULL, NULL, errp)); break;
    case 10:
        CALL(null, keyfob_store_open(NULL, KEYFOB_NUL, NULL, &(keyfob_store *){ NULL }, errp));
        CALL(KEYFOB_INVALID_ARGUMENT, keyfob_store_open(NULL, 0, NULL, &(keyfob_store *){ NULL }, errp));
        break;
    case 11: CALL(null, keyfob_requirement_new(NULL, NULL, errp)); break;
    case 12: CALL(null, keyfob_store_revoke_token(store, NULL, KEYFOB_NUL, NULL, NULL, errp)); break;
    case 13: CALL(null, keyfob_store_revoke_keys(store, NULL, NULL, NULL, errp)); break;
    case 14: CALL(null, keyfob_store_read_log(store, NULL, NULL, errp)); break;
    case 15: CALL(null, keyfob_store_create_project(store, NULL, NULL, errp)); break;
    case 16: CALL(null, keyfob_verified_require_scope(NULL, "a", 1, errp)); break;
    case 17: CALL(null, keyfob_parse_authorization("x", 1, NULL, &size, errp)); break;
    case 18:
        hold(keyfob_store_verify(store, NULL, 0, keyfob_requirement_nothing(), NULL, NULL) == KEYFOB_MALFORMED, "no token");
        break;
    default: {
        const char *none = keyfob_key_name(NULL, &size);
        hold(none == NULL && size == 0, "nothing is told of no key");
        keyfob_key_free(NULL);
        keyfob_store_close(NULL, NULL);
        keyfob_verified_free(NULL);
        hold(keyfob_key_expires_at(NULL) == KEYFOB_NO_TIME, "nothing is told of no key");
    }
    }
}

/* A C string that is NULL is a mistake, and never one that is not stated. */
static void null_texts(void)
{
    const keyfob_text null = { NULL, take(2) ? KEYFOB_NUL : 1 };
    keyfob_filter filter = KEYFOB_FILTER_INIT;
    keyfob_requirement_spec spec = KEYFOB_REQUIREMENT_SPEC_INIT;
    keyfob_selection selection = KEYFOB_SELECTION_INIT;
    keyfob_requirement *requirement = NULL;
    keyfob_request request = KEYFOB_REQUEST_INIT;
    filter.owner = spec.owner = request.owner = null;
    selection.filter = &filter;
    CALL(KEYFOB_NULL_ARGUMENT, keyfob_store_revoke_keys(store, &selection, NULL, NULL, errp));
    CALL(KEYFOB_NULL_ARGUMENT, keyfob_requirement_new(&spec, &requirement, errp));
    hold(requirement == NULL, "a failure gives no object");
    if (model.token_count > 0) {
        const char *token = model.tokens[model.token_count - 1].text;
        hold(keyfob_store_verify(store, token, KEYFOB_NUL, keyfob_requirement_nothing(), &request, NULL) ==
                 KEYFOB_NULL_ARGUMENT,
             "a request with a C string that is NULL is refused");
    }
}

/* A token where it does not belong is refused, and stands in no message: settle() looks for it. */
static void misplaced_token(void)
{
    if (model.token_count == 0) {
        return;
    }
    size_t size = 0;
    const char *token = argument(model.tokens[take(model.token_count)].text, &size);
    keyfob_store_options options = KEYFOB_STORE_OPTIONS_INIT;
    keyfob_list_options listing = KEYFOB_LIST_OPTIONS_INIT;
    keyfob_new_key key = KEYFOB_NEW_KEY_INIT;
    keyfob_log_query query = KEYFOB_LOG_QUERY_INIT;
    const keyfob_text text_of_it = { token, size };
    char buffer[KEYFOB_TOKEN_MAX];
    keyfob_key_iter *keys = NULL;
    keyfob_event_iter *events = NULL;
    keyfob_pepper *pepper = NULL;
    keyfob_store *other = NULL;
    key.name = text("key");
    switch (take(11)) {
    case 0: CALL(KEYFOB_NO_SUCH_KEY, keyfob_store_get_key(store, token, size, NULL, errp)); break;
    case 1:
        CALL(KEYFOB_INVALID_ARGUMENT,
             keyfob_store_resolve_key(store, token, size, buffer, sizeof buffer, errp));
        break;
    case 2:
        listing.after = text_of_it;
        CALL(KEYFOB_INVALID_CURSOR, keyfob_store_list_keys(store, NULL, &listing, &keys, errp));
        break;
    case 3:
        query.key_id = text_of_it;
        CALL(KEYFOB_NO_SUCH_KEY, keyfob_store_read_log(store, &query, &events, errp));
        break;
    case 4:
        CALL(KEYFOB_NO_SUCH_PROJECT,
             keyfob_store_get_project_by_id(store, token, size, NULL, errp));
        break;
    case 5:
        key.environment = text_of_it;
        CALL(KEYFOB_LIMIT_EXCEEDED,
             keyfob_store_create_key(store, &key, buffer, sizeof buffer, NULL, NULL, errp));
        break;
    case 6:
        key.project = text_of_it;
        CALL(KEYFOB_LIMIT_EXCEEDED,
             keyfob_store_create_key(store, &key, buffer, sizeof buffer, NULL, NULL, errp));
        break;
    case 7:
        key.ip_list = &text_of_it;
        key.ip_list_count = 1;
        CALL(KEYFOB_INVALID_ARGUMENT,
             keyfob_store_create_key(store, &key, buffer, sizeof buffer, NULL, NULL, errp));
        break;
    case 8: CALL(KEYFOB_INVALID_PEPPER, keyfob_pepper_from_hex(token, size, &pepper, errp)); break;
    case 9:
        options.prefix = text_of_it;
        CALL(KEYFOB_LIMIT_EXCEEDED, keyfob_store_open(path, KEYFOB_NUL, &options, &other, errp));
        break;
    default: CALL(KEYFOB_NOT_A_FILE, keyfob_store_open("/dev/null", 9, NULL, &other, errp));
    }
}

/* Numbers at the ends of their range are refused or mean something, and nothing overflows. */
static void extreme_numbers(void)
{
    static const int64_t numbers[] = { INT64_MIN, INT64_MIN + 1, -1, 1, INT64_MAX - 1, INT64_MAX };
#define EXTREME numbers[take(6)]
    keyfob_filter filter = KEYFOB_FILTER_INIT;
    keyfob_log_query query = KEYFOB_LOG_QUERY_INIT;
    keyfob_key_update update = KEYFOB_KEY_UPDATE_INIT;
    keyfob_key_iter *keys = NULL;
    keyfob_event_iter *events = NULL;
    keyfob_error *err = NULL;
    filter.created_after = take(2) ? EXTREME : 0;
    filter.created_before = take(2) ? EXTREME : 0;
    filter.expires_after = take(2) ? EXTREME : 0;
    filter.expires_before = take(2) ? EXTREME : 0;
    filter.expires_within = take(2) ? EXTREME : 0;
    filter.unused_since = take(2) ? EXTREME : 0;
    keyfob_status status = keyfob_store_list_keys(store, &filter, NULL, &keys, &err);
    hold(status == KEYFOB_OK || status == KEYFOB_INVALID_TIME, "a filter of extremes");
    keyfob_error_free(err);
    keyfob_key_iter_free(keys);
    query.from = EXTREME;
    query.until = EXTREME;
    status = keyfob_store_read_log(store, &query, &events, &err);
    hold(status == KEYFOB_OK || status == KEYFOB_INVALID_TIME, "a query of extremes");
    keyfob_error_free(err);
    keyfob_event_iter_free(events);
    const int at = model.key_count ? take(model.key_count) : -1;
    if (at < 0 || model.keys[at].pruned || model.keys[at].revoked != KEYFOB_NO_TIME) {
        return;
    }
    /* A time that is out of range changes nothing. */
    update.set = take(2) ? KEYFOB_KEY_EXPIRY : KEYFOB_KEY_ROTATION_DUE_AFTER;
    update.expiry_kind = take(2) ? KEYFOB_EXPIRY_AT : KEYFOB_EXPIRY_IN;
    update.expires = numbers[take(2) ? take(2) : 4 + take(2)];
    update.rotation_due_after = numbers[take(2) ? take(3) : 4 + take(2)];
    /* What is given without its bit is refused before that. */
    if (update.set == KEYFOB_KEY_EXPIRY) {
        update.rotation_due_after = 0;
    } else {
        update.expiry_kind = 0;
        update.expires = 0;
    }
    CALL(KEYFOB_INVALID_TIME,
         keyfob_store_update_key(store, model.keys[at].id, KEYFOB_NUL, &update, NULL, errp));
    const struct question question = any_question();
    keyfob_request request;
    keyfob_requirement *requirement = required(&question, &request);
    const keyfob_status then =
        keyfob_store_verify_at(store, model.tokens[model.keys[at].current].text, KEYFOB_NUL,
                               requirement, &request, EXTREME, NULL);
    hold(then == KEYFOB_OK || keyfob_status_is_denial(then), "a verification at an extreme");
    keyfob_requirement_free(requirement);
#undef EXTREME
}

/* ---- The run ---- */

/* What the store tells of itself is what the model knows, after every operation. */
static void observe(void)
{
    keyfob_info *info = NULL;
    CALL(KEYFOB_OK, keyfob_store_info(store, &info, errp));
    const uint64_t sequence = keyfob_info_sequence(info);
    const int64_t mark = keyfob_info_mark(info);
    hold(changes == UNKNOWN_CHANGES || sequence == model.sequence + (uint64_t)changes,
         "each change is one event, and nothing else is");
    hold(sequence == model.sequence || mark == latest(&model), "a change carries the mark");
    hold(mark >= model.mark && mark <= latest(&model), "the mark never goes back");
    hold(keyfob_info_clock(info) == model.clock, "the clock is the one that was given");
    hold(keyfob_info_key_count(info) == (uint64_t)key_count(&model), "no key is lost");
    hold(keyfob_info_log_begins_after(info) == model.log_cut, "the log begins where it was cut");
    model.sequence = sequence;
    model.mark = mark;
    keyfob_info_free(info);
}

static void begin(void)
{
    keyfob_store_options options = KEYFOB_STORE_OPTIONS_INIT;
    const char *folder = getenv("KEYFOB_FUZZ_FOLDER");
    hold(folder != NULL, "KEYFOB_FUZZ_FOLDER names a folder of this user's alone");
    snprintf(path, sizeof path, "%s/store-%ld", folder, (long)getpid());
    memset(&model, 0, sizeof model);
    model.clock = model.mark = START;
    options.flags = KEYFOB_OPEN_NO_FLUSHING;
    options.prefix = text("acme");
    options.actor = text("fuzz");
    CALL(KEYFOB_OK, keyfob_clock_new(START, &clock_of_store, errp));
    options.clock = clock_of_store;
    options.page_cache_bytes = 1 << 20;
    options.key_cache_bytes = 1 << 16;
    CALL(KEYFOB_OK, keyfob_store_create(path, KEYFOB_NUL, &options, &store, errp));
    model.sequence = 1;
    changes = 0;
    observe();
    free_blocks();
}

/* Everything is asked once more of a store that was closed and opened again. */
static void end(void)
{
    without_error = 0;
    bytes_left = 0;
    close_and_open();
    free_blocks();
    for (int i = 0; i < model.token_count; i++) {
        const struct question question = any_question();
        verify_in_every_way(i, &question);
        free_blocks();
    }
    keyfob_integrity_report *report = NULL;
    CALL(KEYFOB_OK, keyfob_store_check_integrity(store, NULL, NULL, &report, errp));
    hold(keyfob_integrity_report_damage_count(report) == 0, "the store is whole");
    keyfob_integrity_report_free(report);
    look_at_what_is_held();
    CALL(KEYFOB_OK, keyfob_store_close(store, errp));
    keyfob_clock_free(clock_of_store);
    hold(unlink(path) == 0, "the file can be removed");
}

/* Several numbers for what should come often. */
static void (*const operations[])(void) = {
    create_key, create_key, create_key, verify, verify, verify, rotate_key, rotate_key,
    revoke_token, revoke_key, enable_or_disable, enable_or_disable, finish_rotation, update_key,
    update_key, create_project, create_project, change_project, change_project, list_keys,
    move_clock, move_clock, prune, change_many, close_and_open, read_log, prune_log,
    verify_no_token, create_within, null_arguments, null_texts, misplaced_token, extreme_numbers,
    flush, look_at_what_is_held,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bytes = data;
    bytes_left = size;
    begin();
    for (int i = 0; i < 96 && bytes_left > 0; i++) {
        const int chosen = take((int)(sizeof operations / sizeof operations[0]) * 2);
        without_error = chosen & 1;
        changes = 0;
        operations[chosen / 2]();
        observe();
        free_blocks();
    }
    end();
    return 0;
}
