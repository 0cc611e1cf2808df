// Every operation, through the options and answers that it has in C++.
#include "harness.hpp"

#include <fstream>

#if __cplusplus >= 202002L
#  include <ranges>
#endif

using keyfob::status;
using std::chrono::seconds;

#if defined(__cpp_lib_ranges)
static_assert(std::ranges::input_range<keyfob::key_range &>);
static_assert(std::ranges::input_range<keyfob::event_range &>);
static_assert(std::ranges::input_range<keyfob::key_list>);
static_assert(std::ranges::input_range<keyfob::key_view::scope_texts>);
#endif

namespace
{

template <class Range> std::string joined(const Range &texts)
{
    std::string all;
    for (const std::string_view each : texts) {
        all += all.empty() ? "" : " ";
        all += each;
    }
    return all;
}

} // namespace

TEST(the_library_is_of_the_version_of_its_header)
{
    CHECK(keyfob::version() == KEYFOB_VERSION_STRING);
    CHECK(keyfob::version_number() == KEYFOB_VERSION_NUMBER);
    CHECK(keyfob::abi_version() == KEYFOB_ABI_VERSION);
}

TEST(a_status_has_a_name_a_message_and_an_answer_over_http)
{
    CHECK(keyfob::name(status::no_such_key) == "NO_SUCH_KEY");
    CHECK(!keyfob::message(status::busy).empty());
    CHECK(keyfob::is_denial(status::expired) && !keyfob::is_denial(status::busy));
    CHECK(!keyfob::is_denial(status::no_credentials));
    CHECK(keyfob::http_status(status::ok) == 200 && keyfob::http_status(status::expired) == 401);
    CHECK(keyfob::http_status(status::insufficient_scope) == 403);
    CHECK(keyfob::http_status(status::busy) == 503);
    CHECK(keyfob::name(static_cast<status>(77)) == "UNKNOWN");
    CHECK(keyfob::name(keyfob::state::not_yet_valid) == "not_yet_valid");
    CHECK(keyfob::name(keyfob::reason::key_compromise) == "key_compromise");
    CHECK(keyfob::name(keyfob::import_format::drf_api_key) == "drf-api-key");
}

TEST(a_store_is_created_opened_and_closed)
{
    CHECK(failure_of(keyfob::store::open(place("store"))) == status::no_store);
    TRY(home, made_home());
    CHECK(home->store.prefix() == "acme" && home->store.path() == place("store"));
    CHECK(home->store.scanner_expression().find("acme") != std::string_view::npos);
    keyfob::store_options options;
    options.prefix = "acme";
    CHECK(failure_of(keyfob::store::create(place("store"), options)) == status::store_exists);
    CHECK(failure_of(keyfob::store::create(place("other"), {})) == status::invalid_argument);
    TRY(actor, home->store.with_actor("ann"));
    CHECK(actor->create_key(named("k")).has_value());
    CHECK(failure_of(home->store.with_actor("")) == status::invalid_argument);
    TRY(made, home->store.create_key(named("of the log")));
    CHECK(home->store.flush().has_value());
    CHECK(home->store.close().has_value());
    CHECK(failure_of(actor->flush()) == status::closed);
    options.read_timeout = std::chrono::milliseconds(100);
    options.write_timeout = seconds(1);
    options.flush_every = seconds(9);
    options.page_cache_bytes = 8 << 20;
    options.key_cache_bytes = 1 << 20;
    options.check = keyfob::check_on_open::always;
    options.actor = "bob";
    TRY(again, keyfob::store::open_or_create(place("store"), options));
    CHECK(failure_of(again->get_key(made->key.id())) == status::ok);
    CHECK(again->close().has_value());
    options.prefix = "other";
    CHECK(failure_of(keyfob::store::open(place("store"), options)) == status::options_contradict);
    keyfob::store_options reading;
    reading.read_only = true;
    TRY(reader, keyfob::store::open(place("store"), reading));
    CHECK(failure_of(reader->create_key(named("k"))) == status::read_only);
    TRY(info, reader->info());
    CHECK(info->read_only());
    keyfob::store_options later;
    later.least_sequence = 1'000;
    CHECK(reader->close().has_value());
    const auto rolled_back = keyfob::store::open(place("store"), later);
    CHECK(failure_of(rolled_back) == status::rolled_back && rolled_back.error().sequence() == 3);
}

TEST(a_key_shows_what_it_was_made_from)
{
    TRY(home, made_home());
    keyfob::new_project shop;
    shop.name = "shop";
    shop.scopes = {"orders:*"};
    shop.owner = "ann";
    CHECK(home->store.create_project(shop).has_value());
    keyfob::new_key from = named("CI deploy", {"orders:read", "orders:list"});
    from.expiry = keyfob::expiry::at(start + seconds(100));
    from.not_before = start - seconds(1);
    from.rotation_due_after = seconds(50);
    from.project = "shop";
    from.environment = "test";
    from.request_id = "r1";
    from.metadata = {{"team", "blue"}, {"empty", ""}};
    from.tags = {"x", "a"};
    from.ip_list = {"192.0.2.0/24"};
    TRY(made, home->store.create_key(from));
    CHECK(!made->replayed() && made->token.expose().size() > 80);
    const keyfob::key &key = made->key;
    CHECK(key.id().size() == 22 && key.name() == "CI deploy" && key.environment() == "test");
    CHECK(key.project() == "shop" && key.owner() == "ann");
    CHECK(key.hint().find(key.id().substr(16)) != std::string_view::npos);
    CHECK(joined(key.scopes()) == "orders:list orders:read" && joined(key.tags()) == "a x");
    CHECK(key.scopes()[0] == "orders:list" && key.scopes()[9].empty());
    CHECK(joined(key.ip_list()) == "192.0.2.0/24");
    CHECK(key.metadata().size() == 2 && key.metadata()[1].first == "team");
    CHECK(key.metadata("team") == "blue" && key.metadata("empty") == "" && !key.metadata("none"));
    CHECK(key.created_at() == start && key.updated_at() == start && key.rotated_at() == start);
    CHECK(key.expires_at() == start + seconds(100) && key.not_before() == start - seconds(1));
    CHECK(key.rotation_due_after() == seconds(50) && key.rotation_due_at() == start + seconds(50));
    CHECK(!key.grace_expires_at() && !key.revoked_at() && !key.revocation_note());
    CHECK(!key.last_used_at() && key.use_count() == 0 && !key.imported() && key.sequence() == 3);
    CHECK(key.state() == keyfob::state::active && !key.state_by_project());
    TRY(bytes, keyfob::id_to_bytes(key.id()));
    CHECK(*bytes == key.id_bytes() && keyfob::id_from_bytes(*bytes) == key.id());
    CHECK(failure_of(keyfob::id_to_bytes("no id")) == status::invalid_argument);
    // The same request again answers the key, and no token.
    TRY(replayed, home->store.create_key(from));
    CHECK(replayed->replayed() && replayed->token.empty() && replayed->key.id() == key.id());
    from.name = "another";
    CHECK(failure_of(home->store.create_key(from)) == status::request_id_reused);
}

TEST(a_verification_tells_of_the_key_and_a_request_adds_what_only_it_knows)
{
    TRY(home, made_home());
    keyfob::new_project shop;
    shop.name = "shop";
    shop.scopes = {"orders:*"};
    CHECK(home->store.create_project(shop).has_value());
    keyfob::new_key from = named("k", {"orders:read"});
    from.project = "shop";
    from.owner = "ann";
    from.ip_list = {"192.0.2.0/24", "2001:db8::/32"};
    from.expiry = keyfob::expiry::in(seconds(60));
    TRY(made, home->store.create_key(from));
    const auto token = made->token.expose();
    keyfob::requirement_spec spec;
    spec.scopes = {"orders:read"};
    TRY(required, keyfob::requirement::make(spec));
    keyfob::request known;
    known.project = "shop";
    CHECK(home->store.verify(token, *required).code() == status::wrong_project);
    CHECK(home->store.verify(token, *required, known).code() == status::ip_not_allowed);
    known.ip = std::array<std::uint8_t, 4>{192, 0, 2, 9};
    const keyfob::verification good = home->store.verify(token, *required, known);
    CHECK(good && good.code() == status::ok && good.http_status() == 200 && !good.is_denial());
    CHECK(good.key_id() == made->key.id() && good.environment() == "live");
    CHECK(good.project() == "shop" && good.owner() == "ann" && !good.previous_secret());
    CHECK(good.expires_at() == start + seconds(60) && good.capi()->owner_size == 3);
    known.ip = std::array<std::uint8_t, 16>{0x20, 0x01, 0x0d, 0xb8};
    CHECK(home->store.verify(token, *required, known));
    known.owner = "bob";
    const keyfob::verification bad = home->store.verify(token, *required, known);
    CHECK(bad.code() == status::wrong_owner && bad.is_denial() && bad.http_status() == 403);
    CHECK(bad.key_id().empty() && bad.environment().empty() && !bad.project() && !bad.expires_at());
    known.owner.reset();
    CHECK(home->store.verify_at(start + seconds(60), token, *required, known).code() ==
          status::expired);
    CHECK(home->store.verify_at(start + seconds(59), token, *required, known));
    const std::string value = "Bearer " + std::string(token);
    CHECK(home->store.verify_authorization(value, *required, known));
    CHECK(home->store.verify_authorization({}, *required, known).code() == status::no_credentials);
    CHECK(home->store.verify_authorization("Basic x").code() == status::no_credentials);
    TRY(parsed, keyfob::parse_authorization(value));
    CHECK(*parsed == token && parsed->data() == value.data() + 7);
    CHECK(failure_of(keyfob::parse_authorization({})) == status::no_credentials);
    CHECK(failure_of(keyfob::parse_authorization("Bearer a b")) == status::malformed);
    CHECK(home->store.refusal_count(status::wrong_owner) == 1);

    TRY(full, home->store.verify_full(token, *required, known));
    CHECK(full->key_id() == made->key.id() && full->key_id_bytes() == made->key.id_bytes());
    CHECK(full->owner() == "ann" && full->project() == "shop" && full->environment() == "live");
    CHECK(!full->previous_secret() && full->expires_at() == start + seconds(60));
    CHECK(joined(full->scopes()) == "orders:read");
    CHECK(full->require_scope("orders:read") == status::ok);
    CHECK(full->require_scope("orders:write") == status::insufficient_scope);
    CHECK(full->require_scope("*") == status::invalid_scope);
    keyfob::new_key child = named("child", {"orders:read"});
    TRY(within, home->store.create_key_within(*full, child));
    CHECK(within->key.project() == "shop" && within->key.expires_at() == start + seconds(60));
    child.scopes = {"orders:*"};
    CHECK(failure_of(home->store.create_key_within(*full, child)) == status::scope_not_allowed);

    TRY(explained, home->store.explain(token, *required));
    CHECK(explained->outcome() == status::wrong_project && explained->key_id() == made->key.id());
    int failed = 0;
    for (const keyfob::explained_check &check : *explained) {
        CHECK(!check.name.empty() && check.outcome != status::not_reached);
        failed += check.outcome == status::ok ? 0 : 1;
    }
    CHECK(failed >= 2); // project and address
    TRY(nonsense, home->store.explain("nonsense"));
    CHECK(nonsense->outcome() == status::malformed && !nonsense->key_id());
    CHECK((*nonsense)[nonsense->size() - 1].outcome == status::not_reached);
}

TEST(a_key_is_updated_field_by_field)
{
    TRY(home, made_home());
    keyfob::new_key from = named("k", {"a"});
    from.owner = "ann";
    from.metadata = {{"one", "1"}, {"two", "2"}};
    from.tags = {"t"};
    from.ip_list = {"192.0.2.1"};
    from.expiry = keyfob::expiry::in(seconds(60));
    TRY(made, home->store.create_key(from));
    const std::string id(made->key.id());
    TRY(same, home->store.update_key(id, {}));
    CHECK(same->owner() == "ann" && joined(same->tags()) == "t" && same->metadata().size() == 2);
    keyfob::key_update update;
    update.name = "new name";
    update.scopes = std::vector<std::string_view>{"b", "c"};
    update.owner = keyfob::clear;
    update.expiry = keyfob::expiry::at(start + seconds(99));
    update.not_before = start + seconds(1);
    update.rotation_due_after = seconds(7);
    update.metadata_pairs = {{"one", std::nullopt}, {"three", "3"}};
    update.tags = keyfob::clear;
    update.ip_list = keyfob::clear;
    TRY(changed, home->store.update_key(id, update));
    CHECK(changed->name() == "new name" && joined(changed->scopes()) == "b c");
    CHECK(!changed->owner() && changed->tags().empty() && changed->ip_list().empty());
    CHECK(changed->expires_at() == start + seconds(99));
    CHECK(changed->not_before() == start + seconds(1));
    CHECK(changed->state() == keyfob::state::not_yet_valid);
    CHECK(changed->rotation_due_after() == seconds(7));
    CHECK(!changed->metadata("one") && changed->metadata("two") == "2");
    CHECK(changed->metadata("three") == "3");
    keyfob::key_update second;
    second.expiry = keyfob::clear;
    second.not_before = keyfob::clear;
    second.metadata = std::vector<std::pair<std::string_view, std::string_view>>{{"x", "y"}};
    second.tags = std::vector<std::string_view>{"u"};
    TRY(again, home->store.update_key(id, second));
    CHECK(!again->expires_at() && !again->not_before() && joined(again->tags()) == "u");
    CHECK(again->metadata().size() == 1 && again->metadata("x") == "y");
    keyfob::key_update epoch;
    epoch.not_before = keyfob::sys_seconds{};
    TRY(old, home->store.update_key(id, epoch));
    CHECK(old->not_before() == keyfob::sys_seconds{});
    keyfob::key_update at_once;
    at_once.rotation_due_after = seconds(0);
    CHECK(failure_of(home->store.update_key(id, at_once)) == status::invalid_time);
    // An empty list that is stated is not one that is left out.
    keyfob::key_update no_scopes;
    no_scopes.scopes = std::vector<std::string_view>{};
    TRY(bare, home->store.update_key(id, no_scopes));
    CHECK(bare->scopes().empty());
}

TEST(what_is_not_stated_is_left_out_and_what_is_stated_as_nothing_is_not)
{
    TRY(home, made_home());
    TRY(made, home->store.create_key(named("k"))); // neither scopes nor tags nor an IP list
    keyfob::key_update update;
    update.name = "renamed";
    CHECK(home->store.update_key(made->key.id(), update).has_value());
    update.ip_list = std::vector<std::string_view>{};
    CHECK(failure_of(home->store.update_key(made->key.id(), update)) == status::invalid_argument);
    keyfob::requirement_spec spec;
    spec.environment = "live"; // and no scopes
    TRY(required, keyfob::requirement::make(spec));
    CHECK(home->store.verify(made->token.expose(), *required));
    CHECK(home->store.set_policy({}).has_value());
    keyfob::log_query first;
    first.after = 0;
    TRY(log, home->store.read_log(first));
    CHECK(log->begin() != log->end());
    TRY(all, home->store.read_log({}));
    CHECK(all->begin() != all->end());
}

TEST(a_time_or_a_duration_of_zero_that_is_stated_is_not_left_out)
{
    TRY(home, made_home());
    CHECK(home->store.create_key(named("k")).has_value());
    const keyfob::sys_seconds epoch{};
    keyfob::filter before;
    before.created_before = epoch;
    TRY(none, home->store.count_keys(before));
    CHECK(*none == 0); // left out, it would be all
    keyfob::filter after;
    after.created_after = epoch;
    TRY(all, home->store.count_keys(after));
    CHECK(*all == 1);
    keyfob::new_key from = named("due at once");
    from.rotation_due_after = seconds(0);
    CHECK(failure_of(home->store.create_key(from)) == status::invalid_time);
    keyfob::policy policy;
    policy.longest_lifetime = seconds(0);
    CHECK(failure_of(home->store.set_policy(policy)) == status::invalid_time);
}

TEST(a_key_is_disabled_enabled_rotated_and_revoked)
{
    TRY(home, made_home());
    TRY(made, home->store.create_key(named("k")));
    const std::string id(made->key.id());
    TRY(disabled, home->store.disable_key(id));
    CHECK(disabled->state() == keyfob::state::disabled);
    CHECK(home->store.verify(made->token.expose()).code() == status::disabled);
    TRY(enabled, home->store.enable_key(id));
    CHECK(enabled->state() == keyfob::state::active);
    keyfob::rotate_options how;
    how.grace = seconds(60);
    how.request_id = "r";
    TRY(rotated, home->store.rotate_key(id, how));
    CHECK(rotated->grace_expires_at == start + seconds(60) && !rotated->grace_cut);
    CHECK(!rotated->replayed && rotated->key.grace_expires_at() == start + seconds(60));
    const auto old = home->store.verify(made->token.expose());
    CHECK(old && old.previous_secret() && old.expires_at() == start + seconds(60));
    CHECK(home->store.verify(rotated->token.expose()));
    TRY(replayed, home->store.rotate_key(id, how));
    CHECK(replayed->replayed && replayed->token.empty());
    TRY(used, home->store.get_key(id));
    CHECK(used->last_used_at(keyfob::secrets::previous) == start && used->use_count() == 2);
    CHECK(used->use_count(keyfob::secrets::current) == 1);
    CHECK(home->store.finish_rotation(id).has_value());
    CHECK(home->store.verify(made->token.expose()).code() == status::expired ||
          home->store.verify(made->token.expose()).code() == status::not_found);
    keyfob::revoke_options why;
    why.reason = keyfob::reason::key_compromise;
    why.note = "found in a log";
    why.whole_key = true;
    TRY(revoked, home->store.revoke_token(rotated->token.expose(), why));
    CHECK(revoked->revoked_at() == start && revoked->revocation_note() == "found in a log");
    CHECK(revoked->revocation_reason() == keyfob::reason::key_compromise);
    const auto late = home->store.rotate_key(id);
    CHECK(failure_of(late) == status::key_is_revoked && late.error().key_id() == id);
    TRY(twice, home->store.revoke_key(id));
    CHECK(twice->state() == keyfob::state::revoked);
}

TEST(a_short_life_cuts_a_grace_and_says_so)
{
    TRY(home, made_home());
    keyfob::new_key from = named("k");
    from.expiry = keyfob::expiry::in(seconds(10));
    TRY(made, home->store.create_key(from));
    keyfob::rotate_options how;
    how.grace = seconds(60);
    TRY(rotated, home->store.rotate_key(made->key.id(), how));
    CHECK(rotated->grace_cut && rotated->grace_expires_at == start + seconds(10));
    home->clock.advance(seconds(10));
    CHECK(home->store.verify(rotated->token.expose()).code() == status::expired);
    home->clock.set(start);
    TRY(info, home->store.info());
    CHECK(info->clock() == start);
}

TEST(many_keys_are_created_and_what_was_created_before_a_refusal_is_given)
{
    TRY(home, made_home());
    keyfob::new_key repeated = named("b", {"x"});
    repeated.request_id = "r";
    const keyfob::created_list made = home->store.create_keys({named("a"), repeated});
    CHECK(made.failure() == nullptr && made.size() == 2);
    CHECK(made.key(0).name() == "a" && made.key(1).scopes()[0] == "x" && !made.key(2));
    for (std::size_t i = 0; i < made.size(); ++i) {
        TRY(token, made.token(i));
        CHECK(home->store.verify(token->expose()).key_id() == made.key(i).id());
    }
    CHECK(failure_of(made.token(2)) == status::invalid_argument);
    const keyfob::created_list again = home->store.create_keys({repeated});
    CHECK(again.failure() == nullptr && again.replayed(0) && !made.replayed(0));
    const keyfob::created_list refused = home->store.create_keys({named("c"), named("")});
    CHECK(refused.failure() != nullptr && refused.failure()->code() == status::invalid_argument);
    CHECK(refused.size() == 0 && !refused.failure()->message().empty());
}

TEST(a_bulk_verb_is_about_keys_that_are_named_or_that_a_filter_means)
{
    TRY(home, made_home());
    TRY(a, home->store.create_key(named("a")));
    keyfob::new_key of_ann = named("b");
    of_ann.owner = "ann";
    TRY(b, home->store.create_key(of_ann));
    keyfob::filter ann;
    ann.owner = "ann";
    using keyfob::selection;
    const keyfob::bulk_result none = home->store.disable_keys(selection::keys({}));
    CHECK(none.failure() == nullptr && none.changed() == 0 && none.unchanged() == 0);
    CHECK(home->store.disable_keys(selection::matching(ann)).changed() == 1);
    CHECK(home->store.disable_keys(selection::matching(ann)).unchanged() == 1);
    CHECK(home->store.verify(a->token.expose()));
    CHECK(home->store.enable_keys(selection::keys({a->key.id(), b->key.id()})).changed() == 1);
    keyfob::key_update update;
    update.name = "all";
    CHECK(home->store.update_keys(selection::matching({}), update).changed() == 2);
    const auto missing = home->store.revoke_keys(selection::keys({"0000000000000000000000"}));
    CHECK(missing.failure() != nullptr && missing.failure()->code() == status::no_such_key);
    CHECK(home->store.revoke_keys(selection::matching({})).changed() == 2);
}

TEST(keys_are_listed_counted_and_found)
{
    TRY(home, made_home());
    keyfob::new_key from = named("Alpha", {"a:*"});
    from.owner = "ann";
    from.tags = {"t"};
    from.environment = "test";
    from.expiry = keyfob::expiry::in(seconds(100));
    TRY(alpha, home->store.create_key(from));
    TRY(beta, home->store.create_key(named("beta")));
    CHECK(home->store.verify(beta->token.expose()));
    const auto count = [&](auto &&change) {
        keyfob::filter filter;
        change(filter);
        return home->store.count_keys(filter).value_or(99);
    };
    CHECK(count([](keyfob::filter &) {}) == 2);
    CHECK(count([](keyfob::filter &f) { f.owner = "ann"; }) == 1);
    CHECK(count([](keyfob::filter &f) { f.owner = ""; }) == 0); // stated, and nobody's
    CHECK(count([](keyfob::filter &f) { f.environment = "test"; }) == 1);
    CHECK(count([](keyfob::filter &f) { f.scope = "a:b"; }) == 1);
    CHECK(count([](keyfob::filter &f) { f.name_part = "ALPH"; }) == 1);
    CHECK(count([](keyfob::filter &f) { f.tag = "t"; }) == 1);
    CHECK(count([](keyfob::filter &f) { f.states = {keyfob::state::active}; }) == 2);
    CHECK(count([](keyfob::filter &f) {
              f.states = {keyfob::state::revoked, keyfob::state::expired};
          }) == 0);
    CHECK(count([](keyfob::filter &f) { f.expires_within = seconds(101); }) == 1);
    CHECK(count([](keyfob::filter &f) { f.expires_before = start + seconds(101); }) == 1);
    CHECK(count([](keyfob::filter &f) { f.expires_after = start + seconds(101); }) == 1);
    CHECK(count([](keyfob::filter &f) { f.unused_since = start + seconds(1); }) == 2);
    CHECK(count([](keyfob::filter &f) { f.never_used = true; }) == 1);
    CHECK(count([](keyfob::filter &f) { f.rotation_due = true; }) == 0);
    CHECK(count([](keyfob::filter &f) { f.project = "none"; }) == 99);
    keyfob::list_options by_name;
    by_name.order = keyfob::order::name;
    by_name.reverse = true;
    TRY(listed, home->store.list_keys({}, by_name));
    std::string names;
    for (const keyfob::key_view key : *listed) {
        names += key.name();
    }
    CHECK(names == "betaAlpha" && listed->failure() == nullptr);
    by_name.after = "nonsense";
    CHECK(failure_of(home->store.list_keys({}, by_name)) == status::invalid_cursor);
    TRY(least, home->store.least_recently_used(5));
    CHECK(least->size() == 2 && (*least)[0].name() == "Alpha" && !(*least)[2]);
    TRY(resolved, home->store.resolve_key(alpha->key.id().substr(14)));
    CHECK(*resolved == alpha->key.id());
    CHECK(failure_of(home->store.resolve_key("zzzzzzzz")) == status::no_such_key);
}

TEST(a_project_is_created_changed_and_deleted)
{
    TRY(home, made_home());
    keyfob::new_project from;
    from.name = "shop";
    from.scopes = {"b", "a"};
    TRY(made, home->store.create_project(from));
    CHECK(made->name() == "shop" && !made->owner() && joined(made->scopes()) == "a b");
    CHECK(made->enabled() && made->created_at() == start && made->updated_at() == start);
    CHECK(!made->deleted_at());
    CHECK(failure_of(home->store.create_project(from)) == status::name_taken);
    keyfob::project_update update;
    update.owner = "ann";
    update.scopes = keyfob::clear;
    TRY(changed, home->store.update_project("shop", update));
    CHECK(changed->owner() == "ann" && changed->scopes().empty());
    TRY(disabled, home->store.disable_project("shop"));
    CHECK(!disabled->enabled());
    CHECK(home->store.enable_project("shop").has_value());
    TRY(listed, home->store.list_projects());
    CHECK(listed->size() == 1 && (*listed)[0].id() == made->id());
    CHECK(home->store.get_project("shop").has_value());
    // While it has a key it is known when it was deleted.
    keyfob::new_key of_shop = named("k");
    of_shop.project = "shop";
    TRY(key, home->store.create_key(of_shop));
    TRY(deleted, home->store.delete_project("shop"));
    CHECK(deleted->deleted_at() == start);
    CHECK(failure_of(home->store.get_project("shop")) == status::no_such_project);
    CHECK(home->store.get_project_by_id(made->id()).has_value());
    TRY(gone, home->store.list_deleted_projects());
    CHECK(gone->size() == 1 && (*gone)[0].name() == "shop");
    TRY(of_gone, home->store.get_key(key->key.id()));
    CHECK(of_gone->state() == keyfob::state::revoked && of_gone->state_by_project());
}

TEST(the_policy_and_the_mark_of_time_are_read_and_set)
{
    keyfob::policy first;
    first.default_lifetime = seconds(10);
    keyfob::store_options options;
    options.policy = first;
    TRY(home, made_home(options));
    TRY(policy, home->store.get_policy());
    CHECK(policy->default_lifetime == seconds(10) && !policy->longest_lifetime);
    CHECK(!policy->expiry_required && !policy->most_keys_per_owner);
    policy->longest_lifetime = seconds(20);
    policy->expiry_required = true;
    policy->most_keys_per_owner = 0;
    CHECK(home->store.set_policy(*policy).has_value());
    TRY(now, home->store.get_policy());
    CHECK(now->longest_lifetime == seconds(20) && now->expiry_required);
    CHECK(now->most_keys_per_owner == 0U);
    keyfob::new_key from = named("k");
    TRY(made, home->store.create_key(from));
    CHECK(made->key.expires_at() == start + seconds(10));
    from.expiry = keyfob::expiry::never();
    CHECK(failure_of(home->store.create_key(from)) == status::policy_refused);
    from.expiry = keyfob::expiry();
    from.owner = "ann";
    CHECK(failure_of(home->store.create_key(from)) == status::too_many_keys);
    CHECK(home->store.reset_clock().has_value());
    TRY(info, home->store.info());
    CHECK(info->mark() == start && info->clock() == start && !info->clock_ahead());
}

TEST(a_store_tells_of_itself_and_is_checked)
{
    TRY(home, made_home());
    TRY(made, home->store.create_key(named("k")));
    TRY(info, home->store.info());
    CHECK(info->format() > 0 && info->store_id() != keyfob::id_bytes{});
    CHECK(info->created_at() == start && info->sequence() == 2 && info->log_begins_after() == 0);
    CHECK(info->key_count() == 1 && info->project_count() == 0 && info->digest_count() == 0);
    CHECK(info->tombstone_count() == 0 && info->pepper() == keyfob::pepper_state::none);
    CHECK(info->file_bytes() > 0 && !info->read_only());
    TRY(tables, home->store.table_sizes());
    std::uint64_t rows = 0;
    for (const keyfob::table_size &table : *tables) {
        CHECK(!table.name.empty());
        rows += table.rows;
    }
    CHECK(rows > 2);
    std::uint64_t told = 0;
    const auto telling = [&](std::uint64_t, std::uint64_t) noexcept {
        ++told;
        return keyfob::progress::go_on;
    };
    TRY(report, home->store.check_integrity(telling));
    CHECK(report->empty() && report->key_count() == 1 && report->project_count() == 0);
    CHECK(report->event_count() == 2 && report->sequence() == 2 && report->head() == info->head());
    CHECK(told > 0);
    const auto stopping = [](std::uint64_t, std::uint64_t) noexcept {
        return keyfob::progress::stop;
    };
    CHECK(failure_of(home->store.check_integrity(stopping)) == status::interrupted);
    TRY(log, home->store.verify_log());
    CHECK(log->first == 1 && log->last == 2 && log->head == info->head());
    TRY(holds, home->store.check_expected(2, info->head()));
    CHECK(*holds);
    TRY(other, home->store.check_expected(2, keyfob::hash_bytes{}));
    CHECK(!*other);
    TRY(removed, home->store.prune_log(1));
    CHECK(*removed == 1);
    keyfob::log_query all;
    all.after = 0;
    const auto gone = home->store.read_log(all);
    CHECK(failure_of(gone) == status::gone && gone.error().sequence() == 2);
    keyfob::log_query of_key;
    of_key.key_id = made->key.id();
    of_key.from = start;
    of_key.until = start + seconds(1);
    TRY(events, home->store.read_log(of_key));
    int seen = 0;
    for (const keyfob::event_view &event : *events) {
        seen += event.kind() == "key_created" ? 1 : 100;
    }
    CHECK(seen == 1 && events->failure() == nullptr);
    CHECK(home->store.revoke_key(made->key.id()).has_value());
    keyfob::prune_options revoked;
    revoked.revoked_before = start + seconds(1);
    TRY(pruned, home->store.prune(revoked));
    CHECK(pruned->keys == 1 && pruned->projects == 0);
    TRY(compacted, home->store.compact());
    CHECK(compacted->bytes_after > 0 && compacted->bytes_before >= compacted->bytes_after);
}

TEST(a_backup_is_written_and_restored)
{
    TRY(home, made_home());
    TRY(made, home->store.create_key(named("k")));
    const auto stopping = [](std::uint64_t, std::uint64_t) noexcept {
        return keyfob::progress::stop;
    };
    CHECK(failure_of(home->store.backup(place("backup"), stopping)) == status::interrupted);
    TRY(backup, home->store.backup(place("backup")));
    CHECK(backup->keys == 1 && backup->sequence == 2 && backup->bytes > 0);
    CHECK(failure_of(home->store.backup(place("backup"))) == status::store_exists);
    CHECK(home->store.close().has_value());
    keyfob::store_options options;
    options.clock = &home->clock;
    keyfob::restore_options how;
    how.disable_all = true;
    TRY(restored, keyfob::restore(place("restored"), place("backup"), options, how));
    CHECK(restored->key_count() == 1 && restored->project_count() == 0 &&
          restored->sequence() >= 2);
    CHECK(restored->kept_away_count() == 0 && restored->conflicts().empty());
    CHECK(restored->uncertain().size() == 1 && restored->uncertain()[0].id() == made->key.id());
    CHECK(restored->project_conflicts().empty() && !restored->set_aside());
    CHECK(!restored->common_sequence());
    TRY(store, keyfob::store::open(place("restored"), options));
    CHECK(store->verify(made->token.expose()).code() == status::disabled);
    CHECK(store->close().has_value());
    TRY(again, keyfob::restore(place("restored"), place("backup"), options));
    CHECK(again->common_sequence().has_value() && again->uncertain().empty());
}

TEST(a_pepper_is_introduced_changed_and_removed)
{
    TRY(home, made_home());
    CHECK(home->store.close().has_value());
    TRY(first, keyfob::pepper::generate());
    TRY(second, keyfob::pepper::generate());
    keyfob::store_options options;
    CHECK(keyfob::set_pepper(place("store"), options, *first).has_value());
    CHECK(failure_of(keyfob::store::open(place("store"), options)) == status::pepper_required);
    options.pepper = &*second;
    CHECK(failure_of(keyfob::store::open(place("store"), options)) == status::wrong_pepper);
    options.pepper = &*first;
    options.retired_peppers = {&*second};
    {
        TRY(store, keyfob::store::open(place("store"), options));
        TRY(info, store->info());
        CHECK(info->pepper() == keyfob::pepper_state::set);
    }
    options.retired_peppers.clear();
    CHECK(keyfob::set_pepper(place("store"), options, *second).has_value());
    options.pepper = &*second;
    CHECK(keyfob::remove_pepper(place("store"), options).has_value());
    CHECK(failure_of(keyfob::store::open(place("store"), options)) == status::pepper_not_expected);
}

TEST(each_line_of_an_import_has_its_own_result)
{
    TRY(home, made_home());
    const std::string string = "sk_4f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a";
    keyfob::import_defaults defaults;
    defaults.name = "imported";
    defaults.owner = "ann";
    defaults.scopes = {"a"};
    defaults.tags = {"old"};
    defaults.expiry = keyfob::expiry::in(seconds(100));
    const keyfob::import_result imported =
        home->store.import_keys(keyfob::import_format::raw, {string, "short", string}, defaults);
    CHECK(imported.failure() == nullptr && imported.size() == 3);
    CHECK(imported[0].code == status::ok && imported[0].key_id &&
          imported[0].error.capi() == nullptr);
    CHECK(imported[1].code == status::not_importable && !imported[1].key_id);
    CHECK(imported[1].error.code() == status::not_importable &&
          !imported[1].error.message().empty());
    CHECK(imported[2].code == status::digest_taken);
    CHECK(imported[2].error.key_id() == imported[0].key_id);
    CHECK(imported[3].code == status::invalid_argument);
    const auto verified = home->store.verify(string);
    CHECK(verified && verified.key_id() == *imported[0].key_id && verified.owner() == "ann");
    TRY(key, home->store.get_key(verified.key_id()));
    CHECK(key->imported() && joined(key->tags()) == "old");
    const auto unknown = home->store.import_keys(static_cast<keyfob::import_format>(99), {string});
    CHECK(unknown.failure() != nullptr && unknown.failure()->code() == status::unknown_option);
    CHECK(unknown.size() == 0);
}

TEST(tokens_are_found_in_files_and_in_bytes)
{
    TRY(home, made_home());
    TRY(made, home->store.create_key(named("k")));
    const std::string text = "x\nkey = " + std::string(made->token.expose()) + "\n";
    TRY(found, home->store.scan_bytes(text));
    CHECK(found->size() == 1);
    const keyfob::finding_view finding = (*found)[0];
    CHECK(!finding.path() && finding.offset() == 8 && finding.line() == 2 && finding.works());
    CHECK(finding.key_id() == made->key.id() && finding.key().name() == "k");
    CHECK(finding.hint() == made->key.hint());
    std::ofstream(place("leak.txt")) << text;
    int seen = 0;
    bool right = false;
    std::uint64_t bytes = 0;
    int skipped = 0;
    const auto on_found = [&](keyfob::finding_view each) noexcept {
        ++seen;
        right = each.path() && each.path()->find("leak.txt") != std::string_view::npos &&
                home->store.revoke_key(each.key_id()).has_value(); // no lock is held
    };
    const auto on_skipped = [&](std::string_view, int) noexcept { ++skipped; };
    const auto on_progress = [&](std::uint64_t done, std::uint64_t) noexcept {
        bytes = done;
        return keyfob::progress::go_on;
    };
    keyfob::scan_callbacks told;
    told.found = on_found;
    told.skipped = on_skipped;
    told.progress = on_progress;
    TRY(scanned, home->store.scan(place("leak.txt"), told));
    CHECK(scanned->files == 1 && scanned->bytes == text.size() && scanned->findings == 1);
    CHECK(scanned->working == 1 && scanned->skipped == 0 && skipped == 0);
    CHECK(seen == 1 && right && bytes == text.size());
    CHECK(home->store.verify(made->token.expose()).code() == status::revoked);
    TRY(again, home->store.scan(place("leak.txt")));
    CHECK(again->findings == 1 && again->working == 0);
    CHECK(failure_of(home->store.scan(place("nothing"))) == status::invalid_argument);
}

TEST(refusals_are_told_to_a_callback_until_it_is_taken_away)
{
    static int told = 0;
    static status last = status::ok;
    static std::string whose;
    static auto refused = [](status denial, std::optional<std::string_view> key_id) noexcept {
        ++told;
        last = denial;
        whose = key_id.value_or("");
    };
    told = 0;
    TRY(home, made_home());
    TRY(made, home->store.create_key(named("k")));
    CHECK(home->store.on_refusal(refused).has_value());
    CHECK(!home->store.verify("nonsense"));
    CHECK(told == 1 && last == status::malformed && whose.empty());
    CHECK(home->store.revoke_key(made->key.id()).has_value());
    CHECK(!home->store.verify(made->token.expose()));
    CHECK(told == 2 && last == status::revoked && whose == made->key.id());
    CHECK(home->store.clear_on_refusal().has_value());
    CHECK(!home->store.verify("nonsense"));
    CHECK(told == 2 && home->store.refusal_count(status::malformed) == 2);
}
