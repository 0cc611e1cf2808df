/* A program that only verifies, as a small device would, without room for more than it needs: it
 * opens the store at the path that it is given and says what it thinks of the token. */

#include <keyfob.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    keyfob_store *store = NULL;
    keyfob_status status;
    char token[KEYFOB_TOKEN_MAX];

    if (argc != 2 || scanf("%110s", token) != 1) {
        fputs("usage: appliance PATH <TOKEN\n", stderr);
        return 2;
    }
    status = keyfob_store_open(argv[1], KEYFOB_NUL, NULL, &store, NULL);
    if (status == KEYFOB_OK) {
        status = keyfob_store_verify(store, token, KEYFOB_NUL, keyfob_requirement_nothing(), NULL,
                                     NULL);
    }
    puts(keyfob_status_name(status));
    return keyfob_store_close(store, NULL) != KEYFOB_OK || status != KEYFOB_OK;
}
