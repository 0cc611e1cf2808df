// What is whose, what becomes of it, and what is left of a secret.
#include "harness.hpp"

#include <cstring>
#include <memory>
#include <new>
#include <type_traits>

using keyfob::status;

namespace
{

template <class T>
constexpr bool only_moved =
    !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T> &&
    std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T>;

static_assert(only_moved<keyfob::store> && only_moved<keyfob::key> && only_moved<keyfob::token> &&
              only_moved<keyfob::pepper> && only_moved<keyfob::pepper_hex> &&
              only_moved<keyfob::clock> && only_moved<keyfob::error> &&
              only_moved<keyfob::verified> && only_moved<keyfob::project> &&
              only_moved<keyfob::key_range> && only_moved<keyfob::event_range> &&
              only_moved<keyfob::key_list> && only_moved<keyfob::project_list> &&
              only_moved<keyfob::created_list> && only_moved<keyfob::explanation> &&
              only_moved<keyfob::info> && only_moved<keyfob::table_list> &&
              only_moved<keyfob::integrity_report> && only_moved<keyfob::restore_result> &&
              only_moved<keyfob::import_result> && only_moved<keyfob::finding_list> &&
              only_moved<keyfob::result<keyfob::store>>);
static_assert(!std::is_convertible_v<keyfob::token, std::string_view> &&
              !std::is_convertible_v<keyfob::token, std::string> &&
              !std::is_convertible_v<status, bool> && !std::is_convertible_v<status, int>);

// Whether some bytes hold a text.
bool hold(const void *bytes, std::size_t size, std::string_view text)
{
    const std::string_view all(static_cast<const char *>(bytes), size);
    return all.find(text) != std::string_view::npos;
}

} // namespace

TEST(a_token_is_wiped_where_it_is_destroyed)
{
    TRY(home, made_home());
    TRY(made, home->store.create_key(named("k")));
    alignas(keyfob::token) unsigned char memory[sizeof(keyfob::token)];
    auto *const token = new (memory) keyfob::token(std::move(made->token));
    const std::string secret(token->expose().substr(40, 20));
    CHECK(hold(memory, sizeof memory, secret)); // it would be found
    std::destroy_at(token);
    CHECK(!hold(memory, sizeof memory, secret));
}

TEST(a_token_is_wiped_where_it_is_moved_away_from)
{
    TRY(home, made_home());
    TRY(made, home->store.create_key(named("k")));
    const std::string secret(made->token.expose().substr(40, 20));
    CHECK(hold(&made->token, sizeof made->token, secret));
    keyfob::token taken(std::move(made->token));
    CHECK(!hold(&made->token, sizeof made->token, secret));
    CHECK(made->token.empty() && made->token.expose().empty());
    keyfob::token other;
    CHECK(other.empty());
    other = std::move(taken);
    CHECK(!hold(&taken, sizeof taken, secret));
    CHECK(home->store.verify(other.expose()).code() == status::ok);
    // What was there before is wiped too, and so is what is wiped by hand.
    TRY(second, home->store.create_key(named("k")));
    other = std::move(second->token);
    CHECK(!hold(&other, sizeof other, secret));
    other.wipe();
    CHECK(other.empty() && other.expose().empty());
    for (const unsigned char *at = reinterpret_cast<const unsigned char *>(&other);
         at != reinterpret_cast<const unsigned char *>(&other + 1); ++at) {
        CHECK(*at == 0);
    }
}

TEST(a_pepper_in_hexadecimal_is_wiped_as_a_token_is)
{
    TRY(pepper, keyfob::pepper::generate());
    alignas(keyfob::pepper_hex) unsigned char memory[sizeof(keyfob::pepper_hex)];
    std::string text;
    {
        TRY(hex, pepper->to_hex());
        auto *const kept = new (memory) keyfob::pepper_hex(std::move(*hex));
        text = kept->expose();
        std::destroy_at(kept);
    }
    CHECK(text.size() == 64);
    CHECK(!hold(memory, sizeof memory, text.substr(10, 20)));
    TRY(again, keyfob::pepper::from_hex(text));
    TRY(hex, again->to_hex());
    CHECK(hex->expose() == text);
    CHECK(failure_of(keyfob::pepper::from_hex("abc")) == status::invalid_pepper);
}

TEST(memzero_wipes_what_the_caller_kept_elsewhere)
{
    char copy[] = "secret";
    keyfob::memzero(copy, sizeof copy);
    CHECK(std::string_view(copy, sizeof copy) == std::string_view("\0\0\0\0\0\0\0", 7));
}

TEST(a_store_that_was_moved_away_answers_that_it_is_not_there)
{
    TRY(home, made_home());
    TRY(made, home->store.create_key(named("k")));
    const keyfob::store moved = std::move(home->store);
    const keyfob::store &gone = home->store;
    CHECK(moved.verify(made->token.expose()));
    CHECK(gone.capi() == nullptr && gone.prefix().empty() && gone.path().empty());
    const auto verified = gone.verify(made->token.expose());
    CHECK(!verified && verified.code() == status::null_argument && !verified.is_denial());
    CHECK(verified.key_id().empty() && !verified.owner() && !verified.expires_at());
    CHECK(failure_of(gone.get_key(made->key.id())) == status::null_argument);
    CHECK(failure_of(gone.create_key(named("k"))) == status::null_argument);
    CHECK(failure_of(gone.list_keys()) == status::null_argument);
    CHECK(gone.disable_keys(keyfob::selection::matching({})).failure()->code() ==
          status::null_argument);
    CHECK(gone.refusal_count(status::expired) == 0);
    CHECK(home->store.close()); // there is nothing to close
}

TEST(a_key_that_was_moved_away_tells_nothing)
{
    TRY(home, made_home());
    TRY(made, home->store.create_key(named("k", {"a"})));
    keyfob::key kept(std::move(made->key));
    const keyfob::key &gone = made->key;
    CHECK(!gone && gone.capi() == nullptr);
    CHECK(gone.id().empty() && gone.name().empty() && !gone.owner() && !gone.expires_at());
    CHECK(gone.scopes().empty() && gone.scopes().begin() == gone.scopes().end());
    CHECK(failure_of(gone.clone()) == status::null_argument);
    made->key = std::move(kept); // and may be assigned to
    CHECK(made->key && made->key.name() == "k");
    keyfob::key &same = made->key;
    made->key = std::move(same);
    CHECK(made->key.name() == "k");
}

TEST(an_error_that_was_moved_away_keeps_its_number)
{
    TRY(home, made_home());
    auto missing = home->store.get_key("0000000000000000000000");
    CHECK(!missing && missing.error().code() == status::no_such_key);
    const keyfob::error taken(std::move(missing.error()));
    CHECK(taken.code() == status::no_such_key && !taken.message().empty());
    CHECK(missing.error().code() == status::no_such_key);
    CHECK(missing.error().message() == keyfob::message(status::no_such_key));
    CHECK(!missing.error().key_id() && missing.error().os_errno() == 0);
}

TEST(a_requirement_that_was_moved_from_still_asks_for_all_that_it_asked_for)
{
    TRY(home, made_home());
    TRY(made, home->store.create_key(named("k", {"a"})));
    keyfob::requirement_spec spec;
    spec.scopes = {"b"};
    TRY(required, keyfob::requirement::make(spec));
    keyfob::requirement taken(std::move(*required));
    keyfob::requirement assigned;
    CHECK(home->store.verify(made->token.expose(), assigned));
    assigned = std::move(taken);
    for (const keyfob::requirement &each : {*required, taken, assigned}) {
        CHECK(home->store.verify(made->token.expose(), each).code() == status::insufficient_scope);
    }
}

TEST(a_requirement_that_states_nothing_is_the_one_that_requires_nothing)
{
    TRY(home, made_home());
    keyfob::new_project shop;
    shop.name = "shop";
    CHECK(home->store.create_project(shop).has_value());
    keyfob::new_key bound = named("bound");
    bound.project = "shop";
    TRY(inside, home->store.create_key(bound));
    TRY(outside, home->store.create_key(named("outside")));
    const keyfob::requirement nothing;
    CHECK(nothing.capi() == keyfob_requirement_nothing());
    CHECK(home->store.verify(outside->token.expose(), nothing));
    CHECK(home->store.verify(inside->token.expose(), nothing).code() == status::wrong_project);
    const keyfob::requirement copy = nothing;
    CHECK(copy.capi() == keyfob_requirement_nothing());
}

// NULL is what C makes of a requirement that it refused: once, whoever adopted it let everybody in.
TEST(a_requirement_that_c_refused_verifies_nobody)
{
    TRY(home, made_home());
    TRY(made, home->store.create_key(named("k")));
    const auto token = made->token.expose();
    keyfob_requirement_spec refused = KEYFOB_REQUIREMENT_SPEC_INIT;
    const keyfob_text scope{"", 0};
    refused.any_scopes = &scope; // any of none
    keyfob_requirement *raw = nullptr;
    CHECK(keyfob_requirement_new(&refused, &raw, nullptr) == KEYFOB_EMPTY_REQUIREMENT);
    const keyfob::requirement none(raw);
    CHECK(none.capi() == nullptr);
    const std::string value = "Bearer " + std::string(token);
    CHECK(home->store.verify(token)); // which is good for nothing required
    CHECK(home->store.verify(token, none).code() == status::null_argument);
    CHECK(home->store.verify_at(start, token, none).code() == status::null_argument);
    CHECK(home->store.verify_authorization(value, none).code() == status::null_argument);
    CHECK(failure_of(home->store.verify_full(token, none)) == status::null_argument);
    CHECK(failure_of(home->store.explain(token, none)) == status::null_argument);
}

// Once, a new store was made without a pepper, since the one that it was to have was NULL to C.
TEST(a_pepper_or_a_clock_that_was_moved_away_is_not_one_that_is_not_wanted)
{
    TRY(pepper, keyfob::pepper::generate());
    TRY(clock, keyfob::clock::at(start));
    const keyfob::pepper kept = std::move(*pepper);
    const keyfob::clock other = std::move(*clock);
    keyfob::store_options options;
    options.prefix = "acme";
    options.pepper = &*pepper;
    const auto refused = [&](const keyfob::store_options &with) {
        const std::string path = place("store");
        return failure_of(keyfob::store::create(path, with)) == status::null_argument &&
               failure_of(keyfob::store::open(path, with)) == status::null_argument &&
               failure_of(keyfob::store::open_or_create(path, with)) == status::null_argument &&
               failure_of(keyfob::set_pepper(path, with, kept)) == status::null_argument &&
               failure_of(keyfob::remove_pepper(path, with)) == status::null_argument &&
               failure_of(keyfob::restore(path, place("backup"), with)) == status::null_argument;
    };
    CHECK(refused(options));
    options.pepper = nullptr;
    options.clock = &*clock;
    CHECK(refused(options));
    options.clock = nullptr;
    options.retired_peppers = {&*pepper};
    CHECK(refused(options));
    options.retired_peppers.clear();
    CHECK(failure_of(keyfob::store::open(place("store"), options)) == status::no_store);
}

TEST(a_verification_that_no_store_answered_is_zeros)
{
    alignas(keyfob::verification) unsigned char memory[sizeof(keyfob::verification)];
    std::memset(memory, 0xff, sizeof memory);
    const auto *const none = new (memory) keyfob::verification;
    CHECK(!*none && none->code() == status::null_argument && !none->is_denial());
    const keyfob_verification zeros = KEYFOB_VERIFICATION_INIT;
    CHECK(std::memcmp(none->capi(), &zeros, sizeof zeros) == 0);
    std::destroy_at(none);
}

TEST(any_of_no_scopes_is_refused_and_does_not_require_nothing)
{
    keyfob::requirement_spec spec;
    CHECK(keyfob::requirement::make(spec).has_value());
    spec.any_scopes.emplace();
    CHECK(failure_of(keyfob::requirement::make(spec)) == status::empty_requirement);
    spec.any_scopes->push_back("a");
    CHECK(keyfob::requirement::make(spec).has_value());
}

TEST(ranges_and_what_they_lend_outlive_the_handle_of_the_store)
{
    TRY(home, made_home());
    CHECK(home->store.create_key(named("first")).has_value());
    CHECK(home->store.create_key(named("second")).has_value());
    keyfob::list_options one;
    one.order = keyfob::order::name;
    one.page_size = 1;
    TRY(keys, home->store.list_keys({}, one));
    int seen = 0;
    std::string name;
    for (const keyfob::key_view key : *keys) {
        ++seen;
        CHECK(home->store.close());
        name = key.name();
    }
    // The loop ended where the store was closed, and not at the end of the keys.
    CHECK(seen == 1 && name == "first");
    CHECK(keys->failure() != nullptr && keys->failure()->code() == status::closed);
}

TEST(a_range_goes_through_all_and_its_end_is_no_failure)
{
    TRY(home, made_home());
    for (const char *name : {"a", "b", "c"}) {
        CHECK(home->store.create_key(named(name)).has_value());
    }
    // Ids of one millisecond have no order of their own.
    keyfob::list_options by_name;
    by_name.order = keyfob::order::name;
    TRY(keys, home->store.list_keys({}, by_name));
    std::string names;
    std::string kept;
    for (const keyfob::key_view &key : *keys) {
        names += key.name();
        if (key.name() == "b") {
            TRY(clone, key.clone());
            kept = clone->id();
        }
    }
    CHECK(names == "abc" && keys->failure() == nullptr);
    CHECK(kept.size() == 22);
    auto at = keys->begin(); // behind the end
    CHECK(at == keys->end() && keys->failure() == nullptr);
    // A second loop goes on behind the first.
    TRY(again, home->store.list_keys({}, by_name));
    for (const keyfob::key_view key : *again) {
        CHECK(key.name() == "a");
        break;
    }
    TRY(cursor, again->cursor());
    const std::string after(*cursor);
    names.clear();
    for (const keyfob::key_view key : *again) {
        names += key.name();
    }
    CHECK(names == "bc");
    by_name.after = after;
    TRY(resumed, home->store.list_keys({}, by_name));
    names.clear();
    for (const keyfob::key_view key : *resumed) {
        names += key.name();
    }
    CHECK(names == "bc");
}

TEST(the_log_is_followed_by_another_loop)
{
    TRY(home, made_home());
    TRY(log, home->store.read_log());
    std::uint64_t last = 0;
    for (const keyfob::event_view &event : *log) {
        last = event.sequence();
        CHECK(event.at() == start && event.kind() == "store_created");
        CHECK(event.subject() == keyfob::subject::store && !event.subject_id());
    }
    CHECK(last == 1 && log->failure() == nullptr);
    TRY(made, home->store.create_key(named("k", {"a", "b"})));
    int scopes = 0;
    for (const keyfob::event_view &event : *log) {
        last = event.sequence();
        CHECK(event.subject() == keyfob::subject::key && event.subject_id() == made->key.id());
        CHECK(event.actor() == "unknown" && event.previous() == 0);
        CHECK(event.hash() != keyfob::hash_bytes{});
        for (const auto &[name, value] : event.fields()) {
            scopes += name == "scopes" || name == "scope" ? 1 : 0;
            CHECK(!name.empty() && !value.empty());
        }
    }
    CHECK(last == 2 && scopes == 2);
}

TEST(a_verification_asks_cpp_for_no_memory)
{
    TRY(home, made_home());
    TRY(made, home->store.create_key(named("k", {"a"})));
    keyfob::requirement_spec spec;
    spec.scopes = {"a"};
    TRY(required, keyfob::requirement::make(spec));
    keyfob::request known;
    known.ip = std::array<std::uint8_t, 4>{192, 0, 2, 1};
    const std::string value = "Bearer " + std::string(made->token.expose());
    const std::size_t before = allocations();
    for (int i = 0; i < 3; ++i) {
        const auto verified = home->store.verify(made->token.expose(), *required, known);
        CHECK(verified && verified.key_id() == made->key.id() && !verified.owner());
        CHECK(home->store.verify_authorization(value, *required));
        CHECK(!home->store.verify("acme_live_x", *required));
    }
    CHECK(allocations() == before);
}

TEST(objects_of_another_standard_of_cpp_are_in_the_same_program)
{
    TRY(home, made_home());
    // The store of the other one reads the system's clock, under which this one has passed or lies
    // ahead; a wrong token is a wrong token under both.
    CHECK(home->store.close());
    CHECK(verified_as_cpp17(place("store").c_str(), "nonsense") == status::malformed);
    CHECK(verified_as_cpp17(place("none").c_str(), "nonsense") == status::no_store);
}

#if defined(__cpp_exceptions)

TEST(who_would_rather_catch_gets_the_value_or_an_exception)
{
    TRY(home, made_home());
    const keyfob::created_key made = keyfob::value_or_throw(home->store.create_key(named("k")));
    keyfob::value_or_throw(home->store.flush());
    status caught = status::ok;
    std::string what;
    try {
        static_cast<void>(keyfob::value_or_throw(home->store.get_key("0000000000000000000000")));
    } catch (const keyfob::exception &thrown) {
        caught = thrown.code();
        what = thrown.what();
    }
    CHECK(caught == status::no_such_key && !what.empty());
    caught = status::ok;
    try {
        keyfob::value_or_throw(home->store.prune_log(99));
    } catch (const std::exception &) {
        caught = status::invalid_argument;
    }
    CHECK(caught == status::invalid_argument);
    CHECK(made.key.name() == "k");
}

#endif
