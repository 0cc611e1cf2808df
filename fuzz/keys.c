/*
 * Verifications, and the verbs of keys: what every call answers is compared with what the model says,
 * and each output with what the header promises of it.
 */
#include "faults.h"
#include "run.h"

/* ---- What the store tells of a key ---- */

void check_key(const keyfob_key *told, const struct key *key)
{
    static const char *const environments[2] = { "live", "test" };
    size_t size = 0;
    same_text(keyfob_key_id(told, &size), key->id, "the id of a key");
    hold(size == KEYFOB_ID_MAX - 1, "an id has its length");
    same_text(keyfob_key_environment(told, NULL), environments[key->test], "an environment");
    same_text(keyfob_key_owner(told, NULL), key->owner == NONE ? NULL : owners[key->owner],
              "an owner");
    same_text(keyfob_key_project(told, NULL),
              key->project == NONE ? NULL : project_names[model.projects[key->project].name],
              "a project");
    hold(keyfob_key_state(told) == key_state(&model, key), "a key is in the state of the model");
    hold(keyfob_key_expires_at(told) == key->until, "a key has its expiry");
    hold(keyfob_key_not_before(told) == key->from, "a key has its not-before");
    hold(keyfob_key_revoked_at(told) == key->revoked, "a key was revoked when it was");
    hold(keyfob_key_ip_range_count(told) == (size_t)key->listed, "a key has its IP list");
    const size_t scopes = keyfob_key_scope_count(told);
    for (size_t i = 0; i < scopes; i++) {
        same_text(keyfob_key_scope(told, i, NULL), scope_sets[key->scopes][i], "a scope");
    }
    hold(scopes == 2 || scope_sets[key->scopes][scopes] == NULL, "a key has all of its scopes");
    hold(keyfob_key_scope(told, scopes, &size) == NULL && size == 0, "there is none beyond the last");
    const int in_grace = key->old != NONE && latest(&model) < key->old_until &&
                         key_state(&model, key) != KEYFOB_STATE_REVOKED;
    hold(keyfob_key_grace_expires_at(told) == (in_grace ? key->old_until : KEYFOB_NO_TIME),
         "a grace is told while it runs");
    holds_no_secret(keyfob_key_hint(told, NULL));
}

/* After a change: the key that was answered is the model's, or there is none. */
static void check_answer(keyfob_key *told, keyfob_status status, const struct key *key)
{
    hold((told == NULL) == (status != KEYFOB_OK), "a failure gives no key");
    if (told) {
        check_key(told, key);
        if (!held_key && take(4) == 0) {
            CALL(KEYFOB_OK, keyfob_key_clone(told, &held_key, errp));
            memcpy(held_id, key->id, sizeof held_id);
        }
        keyfob_key_free(told);
    }
}

static int add_token(const char *token, int key)
{
    struct token *added = &model.tokens[model.token_count];
    hold(strlen(token) < sizeof added->text, "a token fits into KEYFOB_TOKEN_MAX");
    strcpy(added->text, token);
    added->key = key;
    return model.token_count++;
}

static int some_key(void)
{
    return model.key_count ? take(model.key_count) : NONE;
}

/* ---- Verifications ---- */

static void check_verification(const keyfob_verification *told, int token)
{
    const struct key *key = &model.keys[model.tokens[token].key];
    const int old = key->old == token;
    same_text(told->key_id, key->id, "the id of what was verified");
    same_text(told->environment, key->test ? "test" : "live", "the environment");
    same_text(told->owner, key->owner == NONE ? "" : owners[key->owner], "the owner");
    same_text(told->project,
              key->project == NONE ? "" : project_names[model.projects[key->project].name],
              "the project");
    hold(told->environment_size == strlen(told->environment) &&
             told->project_size == strlen(told->project) && told->owner_size == strlen(told->owner),
         "the texts have their sizes");
    hold(told->flags == (old ? KEYFOB_VERIFIED_PREVIOUS_SECRET : 0u), "an old secret is told");
    hold(told->expires_at == (old ? earlier(key->until, key->old_until) : key->until),
         "it ends with the key, or with the grace");
}

/* Calls a verification with a place for its answer whose size is right, too short or too long. */
#define VERIFY(expected, token, call)                                           \
    do {                                                                        \
        static const uint32_t sizes[] = { 0, 0, 0, 4, 8, 20, 64, 320, 2, 5000 }; \
        const uint32_t whole = (uint32_t)sizeof(keyfob_verification);           \
        const uint32_t chosen = sizes[take(10)];                                \
        const uint32_t stated = chosen ? chosen : whole;                        \
        const int is_size = stated >= whole && stated <= 4096;                  \
        const size_t written = is_size ? stated : 4;                            \
        keyfob_verification *out = place(written > whole ? written : whole);    \
        out->size = stated;                                                     \
        const keyfob_status status = (call);                                    \
        const keyfob_status wanted =                                            \
            (expected) == KEYFOB_OK && !is_size ? KEYFOB_INVALID_ARGUMENT : (expected); \
        if (status != wanted) {                                                 \
            fprintf(stderr, "got %s, expected %s\n", keyfob_status_name(status), \
                    keyfob_status_name(wanted));                                \
            fail(#call, "answers another status");                              \
        }                                                                       \
        hold(out->size == stated, "the size stays the caller's");               \
        tail_is_untouched(out, written);                                        \
        if (status != KEYFOB_OK) {                                              \
            all_zeros(out, 4, written);                                         \
        } else if (stated >= whole) {                                           \
            check_verification(out, (token));                                   \
        }                                                                       \
    } while (0)

static void check_verified(const keyfob_verified *told, int token)
{
    const struct key *key = &model.keys[model.tokens[token].key];
    same_text(keyfob_verified_key_id(told, NULL), key->id, "the id of what was verified");
    hold(keyfob_verified_previous_secret(told) == (key->old == token), "an old secret is told");
    for (int i = 0; i < NEEDS; i++) {
        const int granted =
            grants(key->scopes, needs[i]) &&
            (key->project == NONE || grants(model.projects[key->project].scopes, needs[i]));
        const keyfob_text need = text(needs[i]);
        CALL(granted ? KEYFOB_OK : KEYFOB_INSUFFICIENT_SCOPE,
             keyfob_verified_require_scope(told, need.data, need.size, errp));
    }
    CALL(KEYFOB_INVALID_SCOPE, keyfob_verified_require_scope(told, "a:*", 3, errp));
}

static void check_explanation(const keyfob_explanation *told, keyfob_status expected)
{
    hold(keyfob_explanation_outcome(told) == expected, "an explanation has the outcome");
    const size_t count = keyfob_explanation_check_count(told);
    keyfob_status first = KEYFOB_OK;
    for (size_t i = 0; i < count && first == KEYFOB_OK; i++) {
        first = keyfob_explanation_check_outcome(told, i);
    }
    hold(first == expected, "the first check that fails is the outcome");
    hold(keyfob_explanation_check_outcome(told, count) == KEYFOB_NOT_REACHED, "there is no more");
}

/* The same question in every way that there is to ask it. */
void verify_in_every_way(int token, const struct question *question)
{
    const char *presented = model.tokens[token].text;
    const keyfob_status expected = decide(&model, token, question);
    keyfob_request filled;
    keyfob_requirement *requirement = required(question, &filled);
    const keyfob_request *request = exactly(&filled, sizeof filled);
    size_t size = 0;
    const char *given = argument(presented, &size);
    VERIFY(expected, token, faulty_verify(store, given, size, requirement, request, out));

    const int64_t mark = model.mark;
    model.mark = model.clock; /* neither clock nor mark play a part */
    const keyfob_status then = decide(&model, token, question);
    VERIFY(then, token, keyfob_store_verify_at(store, given, size, requirement, request,
                                               model.clock, out));
    model.mark = mark;

    char header[KEYFOB_TOKEN_MAX + 16];
    const size_t length = (size_t)snprintf(header, sizeof header, "bEARER \t%s ", presented);
    const char *value = exactly(header, length);
    VERIFY(expected, token, keyfob_store_verify_authorization(store, value, length, requirement,
                                                              request, out));
    keyfob_verified *verified = NULL;
    CALL(expected, keyfob_store_verify_full(store, given, size, requirement, request, &verified,
                                            errp));
    hold((verified == NULL) == (expected != KEYFOB_OK), "a denial gives no object");
    if (verified) {
        check_verified(verified, token);
    }
    if (verified && !held) {
        held = verified;
        held_token = token;
    } else {
        keyfob_verified_free(verified);
    }
    keyfob_explanation *explanation = NULL;
    CALL(KEYFOB_OK, keyfob_store_explain(store, given, size, requirement, request, &explanation,
                                         errp));
    check_explanation(explanation, expected);
    keyfob_explanation_free(explanation);
    keyfob_requirement_free(requirement);
}

void verify(void)
{
    if (model.token_count == 0) {
        return;
    }
    /* The last tokens are the interesting ones. */
    const int token = take(2) ? model.token_count - 1 : take(model.token_count);
    const struct question question = take(2) ? any_question() : ask();
    verify_in_every_way(token, &question);
}

/* A token with another character in it, and bytes that are none. */
void verify_no_token(void)
{
    if (model.token_count > 0) {
        const int token = take(model.token_count);
        char altered[KEYFOB_TOKEN_MAX];
        strcpy(altered, model.tokens[token].text);
        const int at = take((int)strlen(altered));
        const char other = (char)take(256);
        if (other != altered[at] && other != '\0') {
            altered[at] = other;
            VERIFY(KEYFOB_MALFORMED, token,
                   keyfob_store_verify(store, altered, KEYFOB_NUL, keyfob_requirement_nothing(), NULL, out));
        }
    }
    const size_t size = bytes_left < 64 ? bytes_left : (size_t)64;
    const char *raw = exactly(size ? bytes : (const uint8_t *)"", size);
    VERIFY(KEYFOB_MALFORMED, 0, keyfob_store_verify(store, raw, size, keyfob_requirement_nothing(), NULL, out));
    const char *token = raw + size;
    size_t token_size = 1;
    keyfob_error *err = NULL;
    const keyfob_status status = keyfob_parse_authorization(raw, size, &token, &token_size, &err);
    hold(status == KEYFOB_OK || status == KEYFOB_NO_CREDENTIALS || status == KEYFOB_MALFORMED,
         "a header has a token, none, or is malformed");
    if (status == KEYFOB_OK) {
        hold(token >= raw && token + token_size <= raw + size, "a token stands within the header");
    } else {
        hold(token == NULL && token_size == 0, "a failure gives no token");
    }
    hold((err != NULL) == (status == KEYFOB_MALFORMED), "no credentials are no failure");
    keyfob_error_free(err);
}

/* ---- Changes of keys ---- */

static int64_t some_expiry(int64_t *life)
{
    *life = take(3) ? 0 : take(60) + 1;
    return *life ? model.clock + *life : KEYFOB_NO_TIME;
}

void create_key(void)
{
    if (model.key_count == MOST_KEYS || model.token_count == MOST_TOKENS) {
        return;
    }
    struct key new = { "", NONE, 0, NONE, 0, 0, 1, 0, KEYFOB_NO_TIME, KEYFOB_NO_TIME,
                       KEYFOB_NO_TIME, model.token_count, NONE, KEYFOB_NO_TIME };
    int64_t life = 0;
    const int name = take(6) - 3;
    new.scopes = take(SCOPE_SETS);
    new.owner = take(4) < 2 ? NONE : take(2);
    new.test = take(4) == 1;
    new.listed = take(5) == 1;
    new.until = some_expiry(&life);
    if (take(5) == 1) {
        new.from = model.clock + take(35) - 5;
    }
    const struct project *project = NULL;
    if (name >= 0) {
        new.project = project_named(&model, name);
        project = new.project == NONE ? NULL : &model.projects[new.project];
    }

    keyfob_new_key asked = KEYFOB_NEW_KEY_INIT;
    asked.name = text("key");
    asked.scopes = scopes_of(new.scopes, &asked.scopes_count);
    asked.project = text(name >= 0 ? project_names[name] : NULL);
    asked.owner = text(new.owner == NONE ? NULL : owners[new.owner]);
    asked.environment = text(new.test ? "test" : NULL);
    asked.expiry_kind = life ? KEYFOB_EXPIRY_IN : KEYFOB_EXPIRY_NEVER;
    asked.expires = life;
    asked.not_before = new.from == KEYFOB_NO_TIME ? 0 : new.from;
    if (new.listed) {
        asked.ip_list = one_text("192.0.2.0/24");
        asked.ip_list_count = 1;
    }

    keyfob_status expected = KEYFOB_OK;
    if (name >= 0 && !project) {
        expected = KEYFOB_NO_SUCH_PROJECT;
    } else if (project && !project->enabled) {
        expected = KEYFOB_PROJECT_IS_DISABLED;
    } else if (project && !set_within(new.scopes, project->scopes)) {
        expected = KEYFOB_SCOPE_NOT_ALLOWED;
    } else if (life && new.until <= latest(&model)) {
        expected = KEYFOB_CLOCK_IS_BEHIND;
    } else if (life && new.from != KEYFOB_NO_TIME && new.from >= new.until) {
        expected = KEYFOB_INVALID_TIME;
    }
    size_t capacity = KEYFOB_TOKEN_MAX;
    int repeatable = 0;
    char *token = place(capacity);
    char request_id[16];
    switch (take(24)) {
    case 1: capacity = (size_t)take(KEYFOB_TOKEN_MAX); expected = KEYFOB_BUFFER_TOO_SMALL; break;
    case 2: asked.name.size = 0; expected = KEYFOB_INVALID_ARGUMENT; break;
    case 3: asked.name = text("\xff"); expected = KEYFOB_NOT_UTF8; break;
    case 4: asked.scopes = NULL; asked.scopes_count = 1; expected = KEYFOB_NULL_ARGUMENT; break;
    case 5: asked.expiry_kind = 4; expected = KEYFOB_UNKNOWN_OPTION; break;
    case 6: asked.expiry_kind = KEYFOB_EXPIRY_NEVER; asked.expires = 1;
            expected = KEYFOB_INVALID_ARGUMENT; break;
    case 7: asked.scopes = one_text("a::b"); asked.scopes_count = 1;
            expected = KEYFOB_INVALID_SCOPE; break;
    case 8: asked.scopes_count = SIZE_MAX / 2; asked.scopes = asked.scopes ? asked.scopes :
            one_text("a"); expected = KEYFOB_INVALID_ARGUMENT; break;
    case 9: repeatable = 1; break;
    default: break;
    }
    if (repeatable) {
        snprintf(request_id, sizeof request_id, "r%d", model.token_count);
        asked.request_id = text(request_id);
    }
    keyfob_status refused = KEYFOB_OK;
    const keyfob_new_key *given = shaped(&asked, sizeof asked, &refused);
    if (refused != KEYFOB_OK && expected != KEYFOB_BUFFER_TOO_SMALL) {
        expected = refused;
    }
    size_t size = 1;
    keyfob_key *told = (keyfob_key *)(void *)token;
    CALL(expected, keyfob_store_create_key(store, given, token, capacity, &size, &told, errp));
    tail_is_untouched(token, KEYFOB_TOKEN_MAX);
    if (expected != KEYFOB_OK) {
        hold(told == NULL && size == 0 && (capacity == 0 || token[0] == '\0'),
             "a failure gives no token and no key");
        return;
    }
    hold(strlen(token) == size, "a token has its length");
    changes = 1;
    if (new.owner == NONE && project) {
        new.owner = project->owner;
    }
    memcpy(new.id, keyfob_key_id(told, NULL), sizeof new.id);
    model.keys[model.key_count] = new;
    add_token(token, model.key_count);
    check_answer(told, expected, &model.keys[model.key_count++]);
    if (repeatable) {
        keyfob_key *again = NULL;
        CALL(KEYFOB_OK,
             keyfob_store_create_key(store, given, token, capacity, &size, &again, errp));
        hold(size == 0 && token[0] == '\0', "a repeated request gives no token");
        same_text(keyfob_key_id(again, NULL), new.id, "what a request made before");
        keyfob_key_free(again);
        asked.name = text("another");
        CALL(KEYFOB_REQUEST_ID_REUSED,
             keyfob_store_create_key(store, &asked, token, capacity, &size, &again, errp));
    }
}

/* A key makes another one, with an object that was verified some time ago. */
void create_within(void)
{
    if (!held || model.key_count == MOST_KEYS || model.token_count == MOST_TOKENS) {
        return;
    }
    const struct key *parent = &model.keys[model.tokens[held_token].key];
    const struct question any = any_question();
    const keyfob_status denied = decide(&model, held_token, &any);
    keyfob_new_key asked = KEYFOB_NEW_KEY_INIT;
    const int set = take(SCOPE_SETS);
    asked.name = text("child");
    asked.scopes = scopes_of(set, &asked.scopes_count);
    asked.environment = text(parent->test ? "test" : NULL);
    char *token = place(KEYFOB_TOKEN_MAX);
    keyfob_key *told = NULL;
    keyfob_status expected = denied;
    if (denied == KEYFOB_OK && !set_within(set, parent->scopes)) {
        expected = KEYFOB_SCOPE_NOT_ALLOWED;
    } else if (denied == KEYFOB_OK && parent->project != NONE &&
               !set_within(set, model.projects[parent->project].scopes)) {
        expected = KEYFOB_SCOPE_NOT_ALLOWED;
    }
    CALL(expected, keyfob_store_create_key_within(store, held, &asked, token, KEYFOB_TOKEN_MAX,
                                                  NULL, &told, errp));
    tail_is_untouched(token, KEYFOB_TOKEN_MAX);
    if (expected == KEYFOB_OK) {
        struct key new = *parent;
        changes = 1;
        new.scopes = set;
        new.from = KEYFOB_NO_TIME;
        new.until = parent->old == held_token ? earlier(parent->until, parent->old_until)
                                              : parent->until;
        new.old = NONE;
        new.current = model.token_count;
        memcpy(new.id, keyfob_key_id(told, NULL), sizeof new.id);
        model.keys[model.key_count] = new;
        add_token(token, model.key_count++);
    }
    check_answer(told, expected, &model.keys[model.key_count - 1]);
    if (take(2)) {
        keyfob_verified_free(held);
        held = NULL;
    }
}

/* What a verb of one key answers where it is gone, or revoked. */
static keyfob_status on_a_key(const struct key *key)
{
    return key->pruned                        ? KEYFOB_NO_SUCH_KEY
           : key->revoked != KEYFOB_NO_TIME ? KEYFOB_KEY_IS_REVOKED
                                              : KEYFOB_OK;
}

void enable_or_disable(void)
{
    const int at = some_key();
    if (at == NONE) {
        return;
    }
    struct key *key = &model.keys[at];
    const int enabled = take(2);
    const keyfob_status expected = on_a_key(key);
    size_t size = 0;
    const char *id = argument(key->id, &size);
    keyfob_key *told = NULL;
    CALL(expected, enabled ? keyfob_store_enable_key(store, id, size, &told, errp)
                           : keyfob_store_disable_key(store, id, size, &told, errp));
    if (expected == KEYFOB_OK) {
        changes = key->enabled != enabled;
        key->enabled = enabled;
    }
    check_answer(told, expected, key);
}

void revoke_key(void)
{
    const int at = some_key();
    if (at == NONE) {
        return;
    }
    struct key *key = &model.keys[at];
    keyfob_revoke_options how = KEYFOB_REVOKE_OPTIONS_INIT;
    keyfob_status expected = key->pruned ? KEYFOB_NO_SUCH_KEY : KEYFOB_OK;
    keyfob_status refused = KEYFOB_OK;
    how.reason = (uint32_t)take(12);
    if (strcmp(keyfob_reason_name(how.reason), "unknown") == 0) {
        expected = KEYFOB_UNKNOWN_OPTION;
    }
    how.note = text(take(2) ? "found in a log" : NULL);
    const keyfob_revoke_options *given = shaped(&how, sizeof how, &refused);
    if (refused != KEYFOB_OK) {
        expected = refused;
    }
    size_t size = 0;
    const char *id = argument(key->id, &size);
    keyfob_key *told = NULL;
    CALL(expected, (expected == KEYFOB_OK ? faulty_revoke_key : keyfob_store_revoke_key)(
                       store, id, size, given, &told, errp));
    if (expected == KEYFOB_OK && key->revoked == KEYFOB_NO_TIME) {
        changes = 1;
        key->revoked = model.clock;
    }
    if (fault_planted() == FAULT_REVOKE) {
        keyfob_key_free(told); /* the verifications have to find it */
        changes = UNKNOWN_CHANGES;
        return;
    }
    check_answer(told, expected, key);
}

void revoke_token(void)
{
    if (model.token_count == 0) {
        return;
    }
    const int token = take(model.token_count);
    struct key *key = &model.keys[model.tokens[token].key];
    keyfob_revoke_options how = KEYFOB_REVOKE_OPTIONS_INIT;
    const int whole = take(2);
    how.flags = whole ? KEYFOB_REVOKE_WHOLE_KEY : 0;
    const int old = key->old == token && latest(&model) < key->old_until;
    const int good =
        !key->pruned && key->revoked == KEYFOB_NO_TIME && (key->current == token || old);
    const keyfob_status expected = good ? KEYFOB_OK : KEYFOB_NOT_FOUND;
    size_t size = 0;
    const char *given = argument(model.tokens[token].text, &size);
    keyfob_key *told = NULL;
    CALL(expected, keyfob_store_revoke_token(store, given, size, &how, &told, errp));
    if (good) {
        changes = 1;
        if (old && !whole) {
            key->old = NONE;
        } else {
            key->revoked = model.clock;
        }
    }
    check_answer(told, expected, key);
}

void rotate_key(void)
{
    const int at = some_key();
    if (at == NONE || model.token_count == MOST_TOKENS) {
        return;
    }
    struct key *key = &model.keys[at];
    keyfob_rotate_options how = KEYFOB_ROTATE_OPTIONS_INIT;
    keyfob_status refused = KEYFOB_OK;
    how.grace = take(3) ? take(60) : 0;
    keyfob_status expected = on_a_key(key);
    if (expected == KEYFOB_OK && key->until != KEYFOB_NO_TIME && latest(&model) >= key->until) {
        expected = KEYFOB_KEY_IS_EXPIRED;
    }
    size_t capacity = KEYFOB_TOKEN_MAX;
    switch (take(12)) {
    case 1: how.grace = -1; expected = KEYFOB_INVALID_TIME; break;
    case 2: capacity = (size_t)take(KEYFOB_TOKEN_MAX); expected = KEYFOB_BUFFER_TOO_SMALL; break;
    default: break;
    }
    const keyfob_rotate_options *given = shaped(&how, sizeof how, &refused);
    if (refused != KEYFOB_OK && expected != KEYFOB_BUFFER_TOO_SMALL) {
        expected = refused;
    }
    char *token = place(KEYFOB_TOKEN_MAX);
    keyfob_rotate_result *rotated = place(sizeof *rotated);
    rotated->size = (uint32_t)sizeof *rotated;
    size_t size = 0;
    const char *id = argument(key->id, &size);
    keyfob_key *told = NULL;
    CALL(expected, faulty_rotate_key(store, id, size, given, token, capacity, NULL, rotated, &told,
                                     errp));
    tail_is_untouched(token, KEYFOB_TOKEN_MAX);
    tail_is_untouched(rotated, sizeof *rotated);
    if (expected == KEYFOB_OK) {
        changes = 1;
        const int running = key->old != NONE && latest(&model) < key->old_until;
        if (!running) {
            key->old = how.grace > 0 ? key->current : NONE;
            key->old_until = earlier(latest(&model) + how.grace, key->until);
        }
        key->current = add_token(token, at);
        hold(rotated->grace_expires_at == (key->old == NONE ? KEYFOB_NO_TIME : key->old_until),
             "a rotation tells until when the old token is good");
    } else {
        all_zeros(rotated, 4, sizeof *rotated);
        hold(capacity == 0 || token[0] == '\0', "a failure gives no token");
    }
    check_answer(told, expected, key);
}

void finish_rotation(void)
{
    const int at = some_key();
    if (at == NONE) {
        return;
    }
    struct key *key = &model.keys[at];
    const keyfob_status expected = on_a_key(key);
    size_t size = 0;
    const char *id = argument(key->id, &size);
    keyfob_key *told = NULL;
    CALL(expected, keyfob_store_finish_rotation(store, id, size, &told, errp));
    if (expected == KEYFOB_OK && key->old != NONE && latest(&model) < key->old_until) {
        changes = 1;
        key->old = NONE;
    }
    check_answer(told, expected, key);
}

void update_key(void)
{
    const int at = some_key();
    if (at == NONE) {
        return;
    }
    struct key *key = &model.keys[at];
    struct key next = *key;
    keyfob_key_update asked = KEYFOB_KEY_UPDATE_INIT;
    keyfob_status expected = on_a_key(key);
    int64_t life = 0;
    switch (take(6)) {
    case 0:
        next.until = some_expiry(&life);
        asked.set = life ? KEYFOB_KEY_EXPIRY : 0;
        asked.clear = life ? 0 : KEYFOB_KEY_EXPIRY;
        asked.expiry_kind = life ? KEYFOB_EXPIRY_AT : 0;
        asked.expires = life ? next.until : 0;
        if (expected == KEYFOB_OK && life && next.until != key->until &&
            next.until <= latest(&model)) {
            expected = KEYFOB_CLOCK_IS_BEHIND;
        } else if (expected == KEYFOB_OK && life && key->from != KEYFOB_NO_TIME &&
                   key->from >= next.until) {
            expected = KEYFOB_INVALID_TIME;
        }
        if (next.old != NONE) {
            next.old_until = earlier(next.old_until, next.until);
        }
        break;
    case 1:
        if (key->project != NONE) {
            return;
        }
        next.scopes = take(SCOPE_SETS);
        asked.set = KEYFOB_KEY_SCOPES;
        asked.scopes = scopes_of(next.scopes, &asked.scopes_count);
        break;
    case 2:
        if (key->project != NONE) {
            return;
        }
        next.owner = take(3) - 1;
        asked.owner = text(next.owner == NONE ? NULL : owners[next.owner]);
        *(next.owner == NONE ? &asked.clear : &asked.set) = KEYFOB_KEY_OWNER;
        break;
    case 3:
        next.listed = take(2);
        *(next.listed ? &asked.set : &asked.clear) = KEYFOB_KEY_IP_LIST;
        if (next.listed) {
            asked.ip_list = one_text("192.0.2.99/24");
            asked.ip_list_count = 1;
        }
        break;
    case 4:
        asked.set = asked.clear = KEYFOB_KEY_TAGS;
        expected = KEYFOB_INVALID_ARGUMENT;
        break;
    default:
        asked.set = KEYFOB_KEY_IP_LIST; /* would admit every address */
        if (expected == KEYFOB_OK) {
            expected = KEYFOB_INVALID_ARGUMENT;
        }
    }
    keyfob_status refused = KEYFOB_OK;
    const keyfob_key_update *given = shaped(&asked, sizeof asked, &refused);
    if (refused != KEYFOB_OK) {
        expected = refused;
    }
    size_t size = 0;
    const char *id = argument(key->id, &size);
    keyfob_key *told = NULL;
    CALL(expected, keyfob_store_update_key(store, id, size, given, &told, errp));
    if (expected == KEYFOB_OK) {
        changes = next.until != key->until || next.scopes != key->scopes ||
                  next.owner != key->owner || next.listed != key->listed ||
                  next.old_until != key->old_until;
        *key = next;
    }
    check_answer(told, expected, key);
}

/* One verb of several keys: those that are named, or those in some states. */
void change_many(void)
{
    keyfob_selection selection = KEYFOB_SELECTION_INIT;
    keyfob_filter filter = KEYFOB_FILTER_INIT;
    keyfob_text ids[3];
    int named[3] = { 0, 0, 0 };
    const int count = model.key_count ? take(4) : 0;
    const int verb = take(3);
    keyfob_status expected = KEYFOB_OK;
    uint64_t changed = 0, unchanged = 0;
    int chosen[MOST_KEYS] = { 0 };
    if (count > 0) {
        for (int i = 0; i < count; i++) {
            named[i] = some_key();
            ids[i] = text(model.keys[named[i]].id);
            chosen[named[i]] = 1;
            if (model.keys[named[i]].pruned) {
                expected = KEYFOB_NO_SUCH_KEY;
            }
        }
        selection.key_ids = exactly(ids, (size_t)count * sizeof ids[0]);
        selection.key_ids_count = (size_t)count;
    } else {
        filter.states = (uint32_t)take(32);
        selection.filter = exactly(&filter, sizeof filter);
        for (int i = 0; i < model.key_count; i++) {
            const uint32_t state = key_state(&model, &model.keys[i]);
            chosen[i] = !model.keys[i].pruned && (filter.states == 0 || (filter.states & state));
        }
    }
    for (int i = 0; i < model.key_count && expected == KEYFOB_OK; i++) {
        struct key *key = &model.keys[i];
        if (!chosen[i]) {
            continue;
        }
        const int revoked = key->revoked != KEYFOB_NO_TIME;
        const int changes_it = verb == 2 ? !revoked : !revoked && key->enabled != verb;
        changed += (uint64_t)changes_it;
        unchanged += (uint64_t)!changes_it;
        if (changes_it && verb == 2) {
            key->revoked = model.clock;
        } else if (changes_it) {
            key->enabled = verb;
        }
    }
    keyfob_bulk_result *outcome = place(sizeof *outcome);
    outcome->size = (uint32_t)sizeof *outcome;
    CALL(expected, verb == 0   ? keyfob_store_disable_keys(store, &selection, outcome, errp)
                   : verb == 1 ? keyfob_store_enable_keys(store, &selection, outcome, errp)
                               : keyfob_store_revoke_keys(store, &selection, NULL, outcome, errp));
    tail_is_untouched(outcome, sizeof *outcome);
    hold(outcome->changed == changed, "a bulk verb counts what it changed");
    const int twice = (count > 1 && named[0] == named[1]) ||
                      (count > 2 && (named[2] == named[0] || named[2] == named[1]));
    hold(twice || outcome->unchanged == unchanged, "a bulk verb counts what it left");
    changes = (int)changed;
}
