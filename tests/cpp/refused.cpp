// What must not compile: each block of REFUSED. Without them it has to.
#include <keyfob.hpp>

#include <iostream>

keyfob::token made();
void use(keyfob::store &store, keyfob::token &token, keyfob::requirement &requirement);
void use(keyfob::store &store, keyfob::token &token, keyfob::requirement &requirement)
{
    const keyfob::verification good = store.verify(token.expose(), requirement);
    std::cout << good.key_id();
#ifdef REFUSED
    { // a token is not copied
        keyfob::token copy = token;
    }
    { // a token is not assigned from another that stays
        keyfob::token copy;
        copy = token;
    }
    { // a token is not written to a stream
        std::cout << token;
    }
    { // a token does not become a text by itself
        std::string_view text = token;
    }
    { // a token is not presented by mistake
        static_cast<void>(store.verify(token));
    }
    { // a token that is about to be wiped is not looked at
        std::string_view text = made().expose();
    }
    { // what a verification answers is looked at
        store.verify(token.expose());
    }
    { // that a change failed is looked at
        store.flush();
    }
    { // a status is no yes or no
        if (good.code()) {
            std::cout << "good";
        }
    }
    { // a verification is no number
        int number = good;
    }
    { // a store is not copied
        keyfob::store copy = store;
    }
    { // a pepper is not written to a stream
        std::cout << *keyfob::pepper::generate()->to_hex();
    }
    { // a callback that may throw is not passed to C
        static_cast<void>(store.check_integrity([](auto, auto) { return keyfob::progress::go_on; }));
    }
    { // nor one that is told of refusals
        static auto refused = [](keyfob::status, std::optional<std::string_view>) {};
        static_cast<void>(store.on_refusal(refused));
    }
    { // nor one that would not live long enough
        static_cast<void>(
            store.on_refusal([](keyfob::status, std::optional<std::string_view>) noexcept {}));
    }
    { // braces do not name keys, or all of them
        static_cast<void>(store.revoke_keys({}));
    }
    { // that a bulk verb stopped is looked at
        store.revoke_keys(keyfob::selection::keys({}));
    }
#endif
}

int main() {}
