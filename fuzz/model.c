#include "model.h"

#include <string.h>

const char *const scope_sets[SCOPE_SETS][2] = {
    { NULL, NULL }, { "a:b", NULL }, { "a:*", NULL }, { "a:b", "c" }, { "*", NULL },
};
const char *const needs[NEEDS] = { "a:b", "a:x:y", "a", "c" };
const char *const project_names[3] = { "p0", "p1", "p2" };
const char *const owners[2] = { "o0", "an owner whose id is longer than the store keeps in a word" };

int64_t latest(const struct model *model)
{
    return model->clock > model->mark ? model->clock : model->mark;
}

int64_t earlier(int64_t a, int64_t b)
{
    if (a == KEYFOB_NO_TIME || b == KEYFOB_NO_TIME) {
        return a == KEYFOB_NO_TIME ? b : a;
    }
    return a < b ? a : b;
}

int project_named(const struct model *model, int name)
{
    for (int i = 0; i < model->project_count; i++) {
        if (model->projects[i].name == name && !model->projects[i].deleted) {
            return i;
        }
    }
    return NONE;
}

int key_count(const struct model *model)
{
    int count = 0;
    for (int i = 0; i < model->key_count; i++) {
        count += !model->keys[i].pruned;
    }
    return count;
}

static const struct project *project_of(const struct model *model, const struct key *key)
{
    return key->project == NONE ? NULL : &model->projects[key->project];
}

uint32_t key_state(const struct model *model, const struct key *key)
{
    const struct project *project = project_of(model, key);
    if (key->revoked != KEYFOB_NO_TIME || (project && project->deleted)) {
        return KEYFOB_STATE_REVOKED;
    }
    if (!key->enabled || (project && !project->enabled)) {
        return KEYFOB_STATE_DISABLED;
    }
    if (key->from != KEYFOB_NO_TIME && model->clock < key->from) {
        return KEYFOB_STATE_NOT_YET_VALID;
    }
    if (key->until != KEYFOB_NO_TIME && latest(model) >= key->until) {
        return KEYFOB_STATE_EXPIRED;
    }
    return KEYFOB_STATE_ACTIVE;
}

static int scope_grants(const char *scope, const char *needed)
{
    if (strcmp(scope, "*") == 0) {
        return 1;
    }
    if (strcmp(scope, "a:*") == 0) {
        return strncmp(needed, "a:", 2) == 0;
    }
    return strcmp(scope, needed) == 0;
}

int grants(int set, const char *needed)
{
    for (int i = 0; i < 2 && scope_sets[set][i]; i++) {
        if (scope_grants(scope_sets[set][i], needed)) {
            return 1;
        }
    }
    return 0;
}

int set_within(int inner, int outer)
{
    for (int i = 0; i < 2 && scope_sets[inner][i]; i++) {
        const char *scope = scope_sets[inner][i];
        /* What ends in a "*" is granted by itself or by everything. */
        const int wild = strchr(scope, '*') != NULL;
        const int granted = wild ? outer == 4 || outer == inner : grants(outer, scope);
        if (!granted) {
            return 0;
        }
    }
    return 1;
}

static keyfob_status decide_project(const struct model *model, const struct key *key,
                                    const struct project *project, int asked)
{
    if (asked == ANY_PROJECT || (asked == NO_PROJECT && !project)) {
        return KEYFOB_OK;
    }
    if (project) {
        return asked == NAMED_PROJECT + project->name ? KEYFOB_OK : KEYFOB_WRONG_PROJECT;
    }
    const int at = project_named(model, asked - NAMED_PROJECT);
    if (at == NONE) {
        return KEYFOB_WRONG_PROJECT;
    }
    const int owner = model->projects[at].owner;
    return owner == NONE || owner == key->owner ? KEYFOB_OK : KEYFOB_WRONG_OWNER;
}

keyfob_status decide(const struct model *model, int token, const struct question *question)
{
    const struct key *key = &model->keys[model->tokens[token].key];
    if (key->pruned || (key->current != token && key->old != token)) {
        return KEYFOB_NOT_FOUND;
    }
    switch (key_state(model, key)) {
    case KEYFOB_STATE_REVOKED: return KEYFOB_REVOKED;
    case KEYFOB_STATE_DISABLED: return KEYFOB_DISABLED;
    case KEYFOB_STATE_NOT_YET_VALID: return KEYFOB_NOT_YET_VALID;
    case KEYFOB_STATE_EXPIRED: return KEYFOB_EXPIRED;
    default: break;
    }
    if (key->old == token && latest(model) >= key->old_until) {
        return KEYFOB_EXPIRED;
    }
    if (question->test != NONE && question->test != key->test) {
        return KEYFOB_WRONG_ENVIRONMENT;
    }
    if (question->owner != NONE && question->owner != key->owner) {
        return KEYFOB_WRONG_OWNER;
    }
    const struct project *project = project_of(model, key);
    const keyfob_status bound = decide_project(model, key, project, question->project);
    if (bound != KEYFOB_OK) {
        return bound;
    }
    if (key->listed && question->address != INSIDE && question->address != INSIDE_MAPPED) {
        return KEYFOB_IP_NOT_ALLOWED;
    }
    if (question->need != NONE) {
        const char *needed = needs[question->need];
        if (!grants(key->scopes, needed) || (project && !grants(project->scopes, needed))) {
            return KEYFOB_INSUFFICIENT_SCOPE;
        }
    }
    return KEYFOB_OK;
}
