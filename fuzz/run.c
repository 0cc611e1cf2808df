#include "run.h"

enum { UNTOUCHED = 0x5a, TAIL = 32, MOST_BLOCKS = 64 };

const uint8_t *bytes;
size_t bytes_left;
struct model model;
keyfob_store *store;
int changes;
int without_error;
keyfob_verified *held;
int held_token;
keyfob_key *held_key;
char held_id[KEYFOB_ID_MAX];

/* ---- What goes wrong ---- */

void fail(const char *what, const char *why)
{
    fprintf(stderr, "\nkeyfob-fuzz: %s: %s\n", what, why);
    fflush(stderr);
    abort();
}

void hold(int good, const char *what)
{
    if (!good) {
        fail(what, "does not hold");
    }
}

void same_text(const char *got, const char *expected, const char *what)
{
    if ((got == NULL) != (expected == NULL) || (got && strcmp(got, expected) != 0)) {
        fprintf(stderr, "got %s, expected %s\n", got ? got : "NULL", expected ? expected : "NULL");
        fail(what, "is another text");
    }
}

void holds_no_secret(const char *text)
{
    enum { SECRET = 43, CHECKSUM = 6, PART = 6 };
    for (int i = 0; i < model.token_count; i++) {
        const char *token = model.tokens[i].text;
        const char *secret = token + strlen(token) - CHECKSUM - SECRET;
        for (int at = 0; at + PART <= SECRET; at++) {
            char part[PART + 1] = "";
            memcpy(part, secret + at, PART);
            hold(strstr(text, part) == NULL, "no message holds a part of a secret");
        }
    }
}

/* The status must be the expected one, and the error must be of it. */
void settle(const char *call, keyfob_status status, keyfob_status expected, keyfob_error *err)
{
    if (status != expected) {
        fprintf(stderr, "got %s, expected %s: %s\n", keyfob_status_name(status),
                keyfob_status_name(expected), without_error ? "" : keyfob_error_message(err, NULL));
        fail(call, "answers another status");
    }
    if (without_error) {
        return;
    }
    hold((err == NULL) == (status <= KEYFOB_NO_CREDENTIALS), "an error comes with a failure alone");
    if (err) {
        size_t size = 0;
        const char *message = keyfob_error_message(err, &size);
        hold(keyfob_error_code(err) == status, "the error is of the status");
        hold(size > 0 && strlen(message) == size, "an error has a message");
        holds_no_secret(message);
        keyfob_error_free(err);
    }
}

/* ---- Bytes, and blocks that live for one operation ---- */

int take(int below)
{
    if (bytes_left == 0) {
        return 0;
    }
    bytes_left--;
    return *bytes++ % below;
}

static void *blocks[MOST_BLOCKS];
static int block_count;

static void *block(size_t size)
{
    void *memory = malloc(size ? size : 1);
    hold(memory != NULL && block_count < MOST_BLOCKS, "there is memory");
    blocks[block_count++] = memory;
    return memory;
}

void free_blocks(void)
{
    while (block_count > 0) {
        free(blocks[--block_count]);
    }
}

/* So many bytes, and no more. */
void *exactly(const void *from, size_t size)
{
    void *to = block(size);
    memcpy(to, from, size);
    return to;
}

/* A text without a NUL behind it; unstated where there is none. */
keyfob_text text(const char *from)
{
    keyfob_text text = { NULL, 0 };
    if (from) {
        text.size = strlen(from);
        text.data = exactly(from, text.size);
    }
    return text;
}

/* An id or a token is passed with its size, or with a NUL behind it. */
const char *argument(const char *from, size_t *size)
{
    const int counted = take(2);
    *size = counted ? strlen(from) : KEYFOB_NUL;
    return exactly(from, strlen(from) + !counted);
}

/* A place for an answer of so many bytes, with a tail that nobody may touch. */
void *place(size_t size)
{
    uint8_t *memory = block(size + TAIL);
    memset(memory, UNTOUCHED, size + TAIL);
    return memory;
}

void tail_is_untouched(const void *memory, size_t size)
{
    for (size_t i = size; i < size + TAIL; i++) {
        hold(((const uint8_t *)memory)[i] == UNTOUCHED, "nothing is written behind an output");
    }
}

void all_zeros(const void *memory, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        hold(((const uint8_t *)memory)[i] == 0, "a failure leaves zeros in the answer");
    }
}

/* A struct of the caller's: as it is, or of a version with more in it, or with a size that is none.
 * Where it must be refused, *refused becomes the status. */
void *shaped(const void *from, uint32_t size, keyfob_status *refused)
{
    const int shape = take(12);
    const uint32_t more = shape == 1 || shape == 2 ? 16 : 0;
    uint8_t *to = block(size + more);
    uint32_t stated = size + more;
    memset(to, 0, size + more);
    memcpy(to, from, size);
    if (shape == 2) {
        to[size + more - 1] = 1;
        *refused = KEYFOB_UNKNOWN_OPTION;
    } else if (shape == 3) {
        stated = (uint32_t)take(4);
        *refused = KEYFOB_INVALID_ARGUMENT;
    } else if (shape == 4) {
        stated = 0xffffffffu;
        *refused = KEYFOB_INVALID_ARGUMENT;
    }
    memcpy(to, &stated, sizeof stated);
    return to;
}

/* ---- What is asked ---- */

const keyfob_text *scopes_of(int set, size_t *count)
{
    keyfob_text scopes[2];
    *count = 0;
    for (int i = 0; i < 2 && scope_sets[set][i]; i++) {
        scopes[(*count)++] = text(scope_sets[set][i]);
    }
    return *count ? exactly(scopes, *count * sizeof scopes[0]) : NULL;
}

const keyfob_text *one_text(const char *from)
{
    const keyfob_text one = text(from);
    return exactly(&one, sizeof one);
}

struct question any_question(void)
{
    const struct question question = { ANY_PROJECT, NONE, NONE, NONE, INSIDE };
    return question;
}

struct question ask(void)
{
    struct question question;
    question.project = take(NAMED_PROJECT + 3);
    question.test = take(3) - 1;
    question.owner = take(4) < 2 ? NONE : take(2);
    question.need = take(NEEDS + 2) - 2 < 0 ? NONE : take(NEEDS);
    question.address = (enum address)take(ADDRESSES);
    return question;
}

/* The question as the library takes it. Project and owner are stated by the requirement, or by the
 * request, which goes before what the requirement says of the same. */
keyfob_requirement *required(const struct question *question, keyfob_request *request)
{
    static const keyfob_request nothing = KEYFOB_REQUEST_INIT;
    keyfob_requirement_spec spec = KEYFOB_REQUIREMENT_SPEC_INIT;
    keyfob_requirement *requirement = NULL;
    *request = nothing;
    if (question->project == ANY_PROJECT) {
        spec.flags |= KEYFOB_REQUIRE_ANY_PROJECT;
    } else if (question->project >= NAMED_PROJECT) {
        const keyfob_text name = text(project_names[question->project - NAMED_PROJECT]);
        switch (take(3)) {
        case 0: spec.project = name; break;
        case 1: request->project = name; break;
        default:
            request->project = name;
            spec.project = text("another");
        }
    }
    if (question->test == NONE) {
        spec.flags |= KEYFOB_REQUIRE_ANY_ENVIRONMENT;
    } else if (question->test) {
        spec.environment = text("test");
    }
    if (question->owner != NONE) {
        *(take(2) ? &spec.owner : &request->owner) = text(owners[question->owner]);
    }
    if (question->need != NONE) {
        const keyfob_text *scopes = one_text(needs[question->need]);
        if (take(2)) {
            spec.scopes = scopes;
            spec.scopes_count = 1;
        } else {
            spec.any_scopes = scopes;
            spec.any_scopes_count = 1;
        }
    }
    static const uint8_t v4[2][4] = { { 192, 0, 2, 7 }, { 198, 51, 100, 1 } };
    switch (question->address) {
    case INSIDE:
    case OUTSIDE:
        request->ip_size = 4;
        memcpy(request->ip, v4[question->address == OUTSIDE], 4);
        break;
    case INSIDE_MAPPED:
        request->ip_size = 16;
        request->ip[10] = request->ip[11] = 0xff;
        memcpy(request->ip + 12, v4[0], 4);
        break;
    default: break;
    }
    keyfob_status refused = KEYFOB_OK;
    const keyfob_requirement_spec *given = shaped(&spec, sizeof spec, &refused);
    CALL(refused, keyfob_requirement_new(given, &requirement, errp));
    hold((requirement == NULL) == (refused != KEYFOB_OK), "a failure gives no object");
    if (!requirement) {
        CALL(KEYFOB_OK, keyfob_requirement_new(&spec, &requirement, errp));
    }
    return requirement;
}

