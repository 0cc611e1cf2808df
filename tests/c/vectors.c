/* The shared vectors (tests/vectors/README.md), through the C API. */
#include "harness.h"

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANY 80 /* more than any set in the files */

static cJSON *vectors(const char *name)
{
    static char content[1 << 20];
    char path[600];
    snprintf(path, sizeof path, "%s/%s", VECTORS, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        abort();
    }
    const size_t size = fread(content, 1, sizeof content - 1, file);
    fclose(file);
    content[size] = '\0';
    /* cJSON ends a string at a NUL; a character that nobody uses stands for it meanwhile. */
    for (char *at = content; (at = strstr(at, "\\u0000")) != NULL;) {
        memcpy(at, "\\ue000", 6);
    }
    cJSON *root = cJSON_Parse(content);
    if (root == NULL) {
        printf("%s is no JSON\n", path);
        abort();
    }
    return root;
}

static const cJSON *member(const cJSON *row, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(row, name);
}

static const char *string(const cJSON *row, const char *name)
{
    return cJSON_GetStringValue(member(row, name));
}

static int64_t number(const cJSON *row, const char *name)
{
    if (!cJSON_IsNumber(member(row, name))) {
        printf("%s is no number\n", name);
        abort();
    }
    return (int64_t)member(row, name)->valuedouble;
}

static void failed_case(const cJSON *row, keyfob_status status)
{
    printf("%s: %s\n", string(row, "case"), keyfob_status_name(status));
    check_failed(__FILE__, __LINE__, string(row, "case"));
}

/* A string or hexadecimal member as bytes, to be freed. */
static char *bytes(const cJSON *row, const char *text_name, const char *hex_name, size_t *size)
{
    const char *is = string(row, text_name);
    const char *hex = string(row, hex_name);
    char *out = NULL;
    if (is != NULL) {
        *size = strlen(is);
        out = (char *)malloc(*size + 1);
        memcpy(out, is, *size);
        return out;
    }
    *size = strlen(hex) / 2;
    out = (char *)malloc(*size + 1);
    for (size_t i = 0; i < *size; i++) {
        const char pair[3] = { hex[2 * i], hex[2 * i + 1], '\0' };
        out[i] = (char)strtol(pair, NULL, 16);
    }
    return out;
}

/* Once for each array: what holds a NUL is changed. */
static size_t texts(const cJSON *row, const char *name, keyfob_text *out)
{
    size_t count = 0;
    const cJSON *each = NULL;
    cJSON_ArrayForEach(each, member(row, name))
    {
        if (count == MANY) {
            abort();
        }
        const char *is = cJSON_GetStringValue(each);
        const char *nul = strstr(is, "\xee\x80\x80");
        out[count] = text(is);
        if (nul != NULL) {
            /* The text is put right in place. */
            const size_t before = (size_t)(nul - is);
            char *fixed = each->valuestring;
            out[count].size = strlen(is) - 2;
            fixed[before] = '\0';
            memmove(fixed + before + 1, fixed + before + 3, strlen(fixed + before + 3) + 1);
        }
        count++;
    }
    return count;
}

static keyfob_text stated(const cJSON *row, const char *name)
{
    keyfob_text text = { NULL, 0 };
    if (string(row, name) != NULL) {
        text.data = string(row, name);
        text.size = KEYFOB_NUL;
    }
    return text;
}

static keyfob_store *new_store(struct world *w, const char *prefix)
{
    keyfob_store *store = NULL;
    keyfob_store_options options = KEYFOB_STORE_OPTIONS_INIT;
    options.prefix = text(prefix);
    options.clock = w_clock(w);
    MUST(keyfob_store_create(w_new_path(w), KEYFOB_NUL, &options, &store, NULL));
    return store;
}

TEST(every_token_of_the_vectors_is_read_as_they_say)
{
    cJSON *root = vectors("tokens.json");
    const cJSON *row = NULL;
    keyfob_store *store = NULL;
    char *prefix = NULL;
    int cases = 0, read = 0;
    cJSON_ArrayForEach(row, member(root, "cases"))
    {
        if (prefix == NULL || strcmp(prefix, string(row, "prefix")) != 0) {
            MUST(keyfob_store_close(store, NULL));
            store = new_store(w, string(row, "prefix"));
            prefix = member(row, "prefix")->valuestring;
        }
        size_t size = 0;
        char *token = bytes(row, "text", "hex", &size);
        const keyfob_status status = keyfob_store_verify(store, token, size, keyfob_requirement_nothing(), NULL, NULL);
        if (status != number(row, "code")) {
            failed_case(row, status);
        }
        if (strcmp(string(row, "expected"), "ok") == 0) {
            keyfob_finding_list *findings = NULL;
            MUST(keyfob_store_scan_bytes(store, token, size, &findings, NULL));
            const keyfob_finding *finding = keyfob_finding_list_at(findings, 0);
            if (finding == NULL || strcmp(keyfob_finding_key_id(finding, NULL), string(row, "key_id")) != 0 ||
                strcmp(keyfob_finding_hint(finding, NULL), string(row, "hint")) != 0 ||
                keyfob_finding_works(finding) || keyfob_finding_key(finding) != NULL) {
                failed_case(row, status);
            }
            keyfob_finding_list_free(findings);
            read++;
        }
        free(token);
        cases++;
    }
    MUST(keyfob_store_close(store, NULL));
    cJSON_Delete(root);
    CHECK(cases >= 40 && read >= 5);
}

TEST(every_authorization_of_the_vectors_is_read_as_they_say)
{
    (void)w;
    cJSON *root = vectors("authorization.json");
    const cJSON *row = NULL;
    int cases = 0;
    cJSON_ArrayForEach(row, member(root, "cases"))
    {
        size_t size = 0, token_size = 0, expected_size = 0;
        char *value = bytes(row, "value", "hex", &size);
        const char *token = NULL;
        const keyfob_status status = keyfob_parse_authorization(value, size, &token, &token_size, NULL);
        const char *expected = string(row, "expected");
        if (strcmp(expected, "token") == 0) {
            char *is = bytes(row, "-", "token_hex", &expected_size);
            if (status != KEYFOB_OK || token_size != expected_size || memcmp(token, is, token_size) != 0) {
                failed_case(row, status);
            }
            free(is);
        } else if (status != (strcmp(expected, "none") == 0 ? KEYFOB_NO_CREDENTIALS : KEYFOB_MALFORMED) ||
                   token != NULL || token_size != 0) {
            failed_case(row, status);
        }
        free(value);
        cases++;
    }
    cJSON_Delete(root);
    CHECK(cases >= 20);
}

/* A project with such a ceiling, made anew. */
static const char *project_with(keyfob_store *store, const cJSON *row, const char *scopes)
{
    static char name[32];
    static unsigned made;
    keyfob_text ceiling[MANY];
    snprintf(name, sizeof name, "p%u", made++);
    keyfob_new_project new_project = KEYFOB_NEW_PROJECT_INIT;
    new_project.name = text(name);
    new_project.scopes = ceiling;
    new_project.scopes_count = texts(row, scopes, ceiling);
    MUST(keyfob_store_create_project(store, &new_project, NULL, NULL));
    return name;
}

static keyfob_status key_with(keyfob_store *store, const char *project, const keyfob_text *scopes, size_t count,
                              char *token, keyfob_key **key)
{
    keyfob_new_key new_key = KEYFOB_NEW_KEY_INIT;
    new_key.name = text("of a vector");
    if (project != NULL) {
        new_key.project = text(project);
    }
    new_key.scopes = scopes;
    new_key.scopes_count = count;
    return keyfob_store_create_key(store, &new_key, token, KEYFOB_TOKEN_MAX, NULL, key, NULL);
}

/* Whether the scopes of a verified token are those of a set, in any order. */
static int are_the_scopes(const keyfob_verified *verified, const keyfob_text *set, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t at = 0; at < keyfob_verified_scope_count(verified); at++) {
            found += strcmp(keyfob_verified_scope(verified, at, NULL), set[i].data) == 0;
        }
    }
    return found == count && keyfob_verified_scope_count(verified) == count;
}

TEST(every_scope_of_the_vectors_is_judged_as_they_say)
{
    cJSON *root = vectors("scopes.json");
    keyfob_store *store = new_store(w, "acme");
    char token[KEYFOB_TOKEN_MAX];
    keyfob_text scopes[MANY], others[MANY];
    const cJSON *row = NULL;
    int cases = 0;
    cJSON_ArrayForEach(row, member(root, "parse"))
    {
        keyfob_key *key = NULL;
        const keyfob_status status = key_with(store, NULL, scopes, texts(row, "scopes", scopes), token, &key);
        if (status != number(row, "code")) {
            failed_case(row, status);
        } else if (status == KEYFOB_OK) {
            const size_t count = texts(row, "sorted", others);
            int same = keyfob_key_scope_count(key) == count;
            for (size_t i = 0; same && i < count; i++) {
                same = strcmp(keyfob_key_scope(key, i, NULL), others[i].data) == 0;
            }
            if (!same) {
                failed_case(row, status);
            }
        }
        keyfob_key_free(key);
        cases++;
    }
    cJSON_ArrayForEach(row, member(root, "grants"))
    {
        const int expected = cJSON_IsTrue(member(row, "expected"));
        others[0] = text(string(row, "required"));
        if (strchr(others[0].data, '*') == NULL) {
            keyfob_requirement_spec spec = KEYFOB_REQUIREMENT_SPEC_INIT;
            spec.scopes = others;
            spec.scopes_count = 1;
            keyfob_requirement *requirement = NULL;
            MUST(keyfob_requirement_new(&spec, &requirement, NULL));
            MUST(key_with(store, NULL, scopes, texts(row, "scopes", scopes), token, NULL));
            const keyfob_status status = keyfob_store_verify(store, token, KEYFOB_NUL, requirement, NULL, NULL);
            if (status != (expected ? KEYFOB_OK : KEYFOB_INSUFFICIENT_SCOPE)) {
                failed_case(row, status);
            }
            keyfob_requirement_free(requirement);
        }
        /* What is required may be a pattern; then it is a project that grants it. */
        const keyfob_status status = key_with(store, project_with(store, row, "scopes"), others, 1, token, NULL);
        if (status != (expected ? KEYFOB_OK : KEYFOB_SCOPE_NOT_ALLOWED)) {
            failed_case(row, status);
        }
        cases++;
    }
    cJSON_ArrayForEach(row, member(root, "subset"))
    {
        const char *project = project_with(store, row, "wider");
        const keyfob_status status = key_with(store, project, scopes, texts(row, "scopes", scopes), token, NULL);
        if (status != (cJSON_IsTrue(member(row, "expected")) ? KEYFOB_OK : KEYFOB_SCOPE_NOT_ALLOWED)) {
            failed_case(row, status);
        }
        cases++;
    }
    keyfob_requirement_spec any_project = KEYFOB_REQUIREMENT_SPEC_INIT;
    any_project.flags = KEYFOB_REQUIRE_ANY_PROJECT;
    keyfob_requirement *requirement = NULL;
    MUST(keyfob_requirement_new(&any_project, &requirement, NULL));
    cJSON_ArrayForEach(row, member(root, "narrowed"))
    {
        const char *project = project_with(store, row, "scopes");
        MUST(key_with(store, project, scopes, texts(row, "scopes", scopes), token, NULL));
        keyfob_project_update update = KEYFOB_PROJECT_UPDATE_INIT;
        update.scopes = others;
        update.scopes_count = texts(row, "ceiling", others);
        update.set = KEYFOB_PROJECT_SCOPES;
        MUST(keyfob_store_update_project(store, project, KEYFOB_NUL, &update, NULL, NULL));
        keyfob_verified *verified = NULL;
        MUST(keyfob_store_verify_full(store, token, KEYFOB_NUL, requirement, NULL, &verified, NULL));
        if (!are_the_scopes(verified, others, texts(row, "expected", others))) {
            failed_case(row, KEYFOB_OK);
        }
        keyfob_verified_free(verified);
        cases++;
    }
    keyfob_requirement_free(requirement);
    MUST(keyfob_store_close(store, NULL));
    cJSON_Delete(root);
    CHECK(cases >= 80);
}

/* The store of verdicts.json, and its tokens by name. */

static struct {
    const char *name;
    char token[KEYFOB_TOKEN_MAX];
} tokens[MANY];
static size_t tokens_count;
static struct {
    const char *name;
    char id[KEYFOB_ID_MAX];
} keys[MANY];
static size_t keys_count;

static char *new_token(const char *name)
{
    if (tokens_count == MANY) {
        abort();
    }
    tokens[tokens_count].name = name;
    return tokens[tokens_count++].token;
}

static const char *token_of(const char *name)
{
    for (size_t i = 0; i < tokens_count; i++) {
        if (strcmp(tokens[i].name, name) == 0) {
            return tokens[i].token;
        }
    }
    printf("no token %s\n", name);
    abort();
}

static const char *id_of(const char *name)
{
    for (size_t i = 0; i < keys_count; i++) {
        if (strcmp(keys[i].name, name) == 0) {
            return keys[i].id;
        }
    }
    printf("no key %s\n", name);
    abort();
}

static void make_project(keyfob_store *store, const cJSON *row, const char *name)
{
    keyfob_text scopes[MANY];
    keyfob_new_project new_project = KEYFOB_NEW_PROJECT_INIT;
    new_project.name = stated(row, name);
    new_project.owner = stated(row, "owner");
    new_project.scopes = scopes;
    new_project.scopes_count = texts(row, "scopes", scopes);
    MUST(keyfob_store_create_project(store, &new_project, NULL, NULL));
}

static void make_key(keyfob_store *store, const cJSON *row)
{
    keyfob_text scopes[MANY], ranges[MANY];
    keyfob_new_key new_key = KEYFOB_NEW_KEY_INIT;
    new_key.name = stated(row, "ref");
    new_key.scopes = scopes;
    new_key.scopes_count = texts(row, "scopes", scopes);
    new_key.ip_list_count = texts(row, "ip_list", ranges);
    new_key.ip_list = new_key.ip_list_count > 0 ? ranges : NULL;
    new_key.project = stated(row, "project");
    new_key.environment = stated(row, "environment");
    new_key.owner = stated(row, "owner");
    if (member(row, "not_before") != NULL) {
        new_key.not_before = START + number(row, "not_before");
    }
    if (member(row, "expires_at") != NULL) {
        new_key.expiry_kind = KEYFOB_EXPIRY_AT;
        new_key.expires = START + number(row, "expires_at");
    }
    keyfob_key *key = NULL;
    MUST(keyfob_store_create_key(store, &new_key, new_token(string(row, "ref")), KEYFOB_TOKEN_MAX, NULL, &key, NULL));
    keys[keys_count].name = string(row, "ref");
    snprintf(keys[keys_count++].id, KEYFOB_ID_MAX, "%s", keyfob_key_id(key, NULL));
    keyfob_key_free(key);
}

static void operate(keyfob_store *store, const keyfob_clock *clock, int64_t *now, const cJSON *row)
{
    const char *op = string(row, "op");
    const char *project = string(row, "project");
    const char *id = string(row, "key") != NULL ? id_of(string(row, "key")) : NULL;
    if (strcmp(op, "rotate") == 0) {
        keyfob_rotate_options rotate = KEYFOB_ROTATE_OPTIONS_INIT;
        rotate.grace = number(row, "grace");
        MUST(keyfob_store_rotate_key(store, id, KEYFOB_NUL, &rotate, new_token(string(row, "token")), KEYFOB_TOKEN_MAX,
                                     NULL, NULL, NULL, NULL));
    } else if (strcmp(op, "finish_rotation") == 0) {
        MUST(keyfob_store_finish_rotation(store, id, KEYFOB_NUL, NULL, NULL));
    } else if (strcmp(op, "disable") == 0) {
        MUST(keyfob_store_disable_key(store, id, KEYFOB_NUL, NULL, NULL));
    } else if (strcmp(op, "enable") == 0) {
        MUST(keyfob_store_enable_key(store, id, KEYFOB_NUL, NULL, NULL));
    } else if (strcmp(op, "revoke") == 0) {
        MUST(keyfob_store_revoke_key(store, id, KEYFOB_NUL, NULL, NULL, NULL));
    } else if (strcmp(op, "update_key") == 0) {
        keyfob_key_update update = KEYFOB_KEY_UPDATE_INIT;
        update.set = KEYFOB_KEY_EXPIRY;
        update.expiry_kind = KEYFOB_EXPIRY_AT;
        update.expires = START + number(row, "expires_at");
        MUST(keyfob_store_update_key(store, id, KEYFOB_NUL, &update, NULL, NULL));
    } else if (strcmp(op, "advance") == 0) {
        keyfob_clock_advance(clock, number(row, "seconds"));
        *now += number(row, "seconds");
    } else if (strcmp(op, "prune") == 0) {
        keyfob_prune_options prune = KEYFOB_PRUNE_OPTIONS_INIT;
        uint64_t pruned = 0;
        prune.revoked_before = *now;
        MUST(keyfob_store_prune(store, &prune, &pruned, NULL, NULL));
    } else if (strcmp(op, "create_project") == 0) {
        make_project(store, row, "project");
    } else if (strcmp(op, "update_project") == 0) {
        keyfob_text scopes[MANY];
        keyfob_project_update update = KEYFOB_PROJECT_UPDATE_INIT;
        update.set = KEYFOB_PROJECT_SCOPES;
        update.scopes = scopes;
        update.scopes_count = texts(row, "scopes", scopes);
        MUST(keyfob_store_update_project(store, project, KEYFOB_NUL, &update, NULL, NULL));
    } else if (strcmp(op, "disable_project") == 0) {
        MUST(keyfob_store_disable_project(store, project, KEYFOB_NUL, NULL, NULL));
    } else if (strcmp(op, "delete_project") == 0) {
        MUST(keyfob_store_delete_project(store, project, KEYFOB_NUL, NULL, NULL));
    } else {
        printf("no operation %s\n", op);
        abort();
    }
}

static void alter(char *token, const char *how)
{
    char *last = token + strlen(token) - 1;
    char *secret = last - 48;
    if (how == NULL) {
        return;
    }
    if (strcmp(how, "cut") == 0) {
        *last = '\0';
    } else if (strcmp(how, "checksum") == 0) {
        *last = *last == '0' ? '1' : '0';
    } else if (strcmp(how, "blank") == 0) {
        memmove(token + 1, token, strlen(token) + 1);
        token[0] = ' ';
    } else if (strcmp(how, "prefix") == 0) {
        token[0] = 'b';
    } else if (strcmp(how, "nothing") == 0) {
        token[0] = '\0';
    } else if (strcmp(how, "secret") == 0) {
        *secret = *secret == 'A' ? 'B' : 'A';
        put_checksum(token);
    } else if (strcmp(how, "environment") == 0) {
        memcpy(strstr(token, "_test_"), "_live_", 6);
        put_checksum(token);
    } else {
        printf("no alteration %s\n", how);
        abort();
    }
}

static void set_address(const char *is, keyfob_request *request)
{
    if (inet_pton(AF_INET, is, request->ip) == 1) {
        request->ip_size = 4;
    } else if (inet_pton(AF_INET6, is, request->ip) == 1) {
        request->ip_size = 16;
    } else {
        printf("no address %s\n", is);
        abort();
    }
}

TEST(every_verdict_of_the_vectors_holds)
{
    cJSON *root = vectors("verdicts.json");
    const cJSON *row = NULL;
    keyfob_store *store = new_store(w, string(root, "prefix"));
    int64_t now = START;
    int cases = 0;
    tokens_count = keys_count = 0;
    CHECK(number(root, "start") == START);
    cJSON_ArrayForEach(row, member(root, "projects"))
    {
        make_project(store, row, "name");
    }
    cJSON_ArrayForEach(row, member(root, "keys"))
    {
        make_key(store, row);
    }
    cJSON_ArrayForEach(row, member(root, "operations"))
    {
        operate(store, w_clock(w), &now, row);
    }
    cJSON_ArrayForEach(row, member(root, "cases"))
    {
        const cJSON *required = member(row, "requirement");
        keyfob_text all[MANY], any[MANY];
        keyfob_requirement_spec spec = KEYFOB_REQUIREMENT_SPEC_INIT;
        spec.scopes_count = texts(required, "all", all);
        spec.scopes = spec.scopes_count > 0 ? all : NULL;
        if (member(required, "any") != NULL) {
            spec.any_scopes = any;
            spec.any_scopes_count = texts(required, "any", any);
        }
        spec.project = stated(required, "project");
        spec.environment = stated(required, "environment");
        spec.owner = stated(required, "owner");
        if (spec.project.data != NULL && strcmp(spec.project.data, "*") == 0) {
            spec.flags |= KEYFOB_REQUIRE_ANY_PROJECT;
            spec.project = stated(required, "-");
        }
        if (spec.environment.data != NULL && strcmp(spec.environment.data, "*") == 0) {
            spec.flags |= KEYFOB_REQUIRE_ANY_ENVIRONMENT;
            spec.environment = stated(required, "-");
        }
        keyfob_requirement *requirement = NULL;
        MUST(keyfob_requirement_new(&spec, &requirement, NULL));
        keyfob_request request = KEYFOB_REQUEST_INIT;
        if (string(required, "ip") != NULL) {
            set_address(string(required, "ip"), &request);
        }
        char token[KEYFOB_TOKEN_MAX + 1];
        snprintf(token, sizeof token, "%s", token_of(string(row, "token")));
        alter(token, string(row, "alter"));
        const keyfob_status status =
            keyfob_store_verify_at(store, token, KEYFOB_NUL, requirement, &request, START + number(row, "at"), NULL);
        if (status != number(row, "code") || strcmp(keyfob_status_name(status), string(row, "expected")) != 0) {
            failed_case(row, status);
        }
        keyfob_requirement_free(requirement);
        cases++;
    }
    MUST(keyfob_store_close(store, NULL));
    cJSON_Delete(root);
    CHECK(cases >= 60);
}
