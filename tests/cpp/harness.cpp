#include "harness.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <new>

#include <sys/stat.h>

namespace
{

struct test {
    std::string name;
    test_function function;
};

std::vector<test> &tests()
{
    static std::vector<test> all;
    return all;
}

int faults = 0;
std::filesystem::path folder;
std::size_t allocated = 0;

} // namespace

// Counts what C++ asks for; what Rust asks for is counted by the tests in C.
void *operator new(std::size_t size)
{
    ++allocated;
    void *const at = std::malloc(size);
    if (at == nullptr) {
        std::abort();
    }
    return at;
}
void operator delete(void *at) noexcept
{
    std::free(at);
}
void operator delete(void *at, std::size_t) noexcept
{
    std::free(at);
}

std::size_t allocations()
{
    return allocated;
}

added_test::added_test(const char *name, test_function function)
{
    tests().push_back({name, function});
    std::string &sentence = tests().back().name;
    std::replace(sentence.begin(), sentence.end(), '_', ' ');
}

void check_failed(const char *file, int line, const std::string &what)
{
    std::printf("%s:%d: %s\n", file, line, what.c_str());
    ++faults;
}

std::string place(std::string_view name)
{
    return (folder / name).native();
}

keyfob::result<home> made_home(const keyfob::store_options &options)
{
    auto clock = keyfob::clock::at(start);
    if (!clock) {
        return keyfob::unexpected(std::move(clock.error()));
    }
    keyfob::store_options with = options;
    with.prefix = "acme";
    with.clock = &*clock;
    auto store = keyfob::store::create(place("store"), with);
    if (!store) {
        return keyfob::unexpected(std::move(store.error()));
    }
    return home{std::move(*clock), std::move(*store)};
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        std::fputs("usage: suite FOLDER [PART-OF-A-NAME]\n", stderr);
        return 2;
    }
    ::umask(077);
    folder = std::filesystem::path(argv[1]) / "test";
    int passed = 0;
    int failed = 0;
    for (const test &each : tests()) {
        if (argc > 2 && each.name.find(argv[2]) == std::string::npos) {
            continue;
        }
        std::filesystem::create_directory(folder);
        faults = 0;
        each.function();
        std::filesystem::remove_all(folder);
        std::printf("%s %s\n", faults == 0 ? "ok    " : "FAILED", each.name.c_str());
        std::fflush(stdout);
        ++(faults == 0 ? passed : failed);
    }
    std::printf("%d passed, %d failed\n", passed, failed);
    return failed != 0 || passed == 0 ? 1 : 0;
}
