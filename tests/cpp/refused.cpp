// What must not compile: each case by itself, at its own lines. Case 0, without any of them, has
// to.
#include <keyfob.hpp>

#include <iostream>
#include <string>

#ifndef CASE
#  define CASE 0
#endif

keyfob::token made();
void use(keyfob::store &store, keyfob::token &token, keyfob::requirement &requirement);
void use(keyfob::store &store, keyfob::token &token, keyfob::requirement &requirement)
{
    const keyfob::verification good = store.verify(token.expose(), requirement);
    std::cout << good.key_id();
#if CASE == 1 // a token is not copied
    keyfob::token copy = token;
#endif
#if CASE == 2 // a token is not assigned from another that stays
    keyfob::token copy;
    copy = token;
#endif
#if CASE == 3 // a token is not written to a stream
    std::cout << token;
#endif
#if CASE == 4 // a token does not become a text by itself
    std::string_view text = token;
#endif
#if CASE == 5 // a token is not presented by mistake
    static_cast<void>(store.verify(token));
#endif
#if CASE == 6 // a token that is about to be wiped is not looked at
    std::string_view text = made().expose();
#endif
#if CASE == 7 // what a verification answers is looked at
    store.verify(token.expose());
#endif
#if CASE == 8 // that a change failed is looked at
    store.flush();
#endif
#if CASE == 9 // a status is no yes or no
    if (good.code()) {
        std::cout << "good";
    }
#endif
#if CASE == 10 // a verification is no number
    int number = good;
#endif
#if CASE == 11 // a store is not copied
    keyfob::store copy = store;
#endif
#if CASE == 12 // a pepper is not written to a stream
    std::cout << *keyfob::pepper::generate()->to_hex();
#endif
#if CASE == 13 // a callback that may throw is not passed to C
    static_cast<void>(store.check_integrity([](auto, auto) { return keyfob::progress::go_on; }));
#endif
#if CASE == 14 // nor one that is told of refusals
    static auto refused = [](keyfob::status, std::optional<std::string_view>) {};
    static_cast<void>(store.on_refusal(refused));
#endif
#if CASE == 15 // nor one that would not live long enough
    static_cast<void>(
        store.on_refusal([](keyfob::status, std::optional<std::string_view>) noexcept {}));
#endif
#if CASE == 16 // braces do not name keys, or all of them
    static_cast<void>(store.revoke_keys({}));
#endif
#if CASE == 17 // that a bulk verb stopped is looked at
    store.revoke_keys(keyfob::selection::keys({}));
#endif
}

int main() {}
