// A test is a sentence. It ends at the first CHECK that does not hold.
#ifndef HARNESS_HPP
#define HARNESS_HPP

#include <keyfob.hpp>

#include <string>
#include <string_view>
#include <vector>

using test_function = void (*)();

struct added_test {
    added_test(const char *name, test_function function);
};

void check_failed(const char *file, int line, const std::string &what);

#define TEST(name)                                                                                 \
  static void name();                                                                              \
  static const added_test added_##name(#name, name);                                               \
  static void name()

#define CHECK(...)                                                                                 \
  do {                                                                                             \
    if (!(__VA_ARGS__)) {                                                                          \
      check_failed(__FILE__, __LINE__, #__VA_ARGS__);                                              \
      return;                                                                                      \
    }                                                                                              \
  } while (false)

// The value of a result; what it says of its failure ends the test.
#define TRY(name, ...)                                                                             \
  auto name = (__VA_ARGS__);                                                                       \
  if (!name) {                                                                                     \
    check_failed(__FILE__, __LINE__, std::string(name.error().message()));                         \
    return;                                                                                        \
  }

// A path in a folder of the test's own, which is emptied behind it.
std::string place(std::string_view name);

// How often memory was asked for in C++ until now.
std::size_t allocations();

// A fixed time, at which clocks of tests begin.
inline constexpr keyfob::sys_seconds start{std::chrono::seconds{1'800'000'000}};

// A store at place("store"), under a clock.
struct home {
    keyfob::clock clock;
    keyfob::store store;
};
keyfob::result<home> made_home(const keyfob::store_options &options = {});

inline keyfob::new_key named(std::string_view name, std::vector<std::string_view> scopes = {})
{
    keyfob::new_key key;
    key.name = name;
    key.scopes = std::move(scopes);
    return key;
}

template <class T> keyfob::status failure_of(const keyfob::result<T> &result)
{
    return result ? keyfob::status::ok : result.error().code();
}

// Whether a program that was compiled as C++17 finds the store of this one good.
keyfob::status verified_as_cpp17(const char *path, const char *token);

#endif
