// Compiled as C++17 whatever the rest is compiled as: a result is another type here than where
// std::expected is, and both have to live in one program.
#include "harness.hpp"

static_assert(__cplusplus < 202002L, "compile this as C++17");

keyfob::status verified_as_cpp17(const char *path, const char *token)
{
    keyfob::result<keyfob::store> store = keyfob::store::open(path);
    return store ? store->verify(token).code() : store.error().code();
}
