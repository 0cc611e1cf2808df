// Leaks one object, to show that whoever watches the tests for leaks would see it.
#include <keyfob.hpp>

int main()
{
    keyfob_clock *clock = nullptr;
    const keyfob_status made = keyfob_clock_new(0, &clock, nullptr);
    clock = nullptr;
    return made == KEYFOB_OK && clock == nullptr ? 0 : 1;
}
