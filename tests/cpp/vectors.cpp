// The shared vectors, tests/vectors/README.md: what they say holds in C++ too.
#include "harness.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>

#include <arpa/inet.h>

using keyfob::status;
using nlohmann::json;
using std::chrono::seconds;

namespace
{

json vectors(const std::string &name)
{
    std::ifstream file(std::string(KEYFOB_VECTORS) + "/" + name);
    const std::string text((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
    return json::parse(text, nullptr, false);
}

std::string of_hex(const std::string &hex)
{
    std::string bytes;
    for (std::size_t at = 0; at + 1 < hex.size(); at += 2) {
        bytes += static_cast<char>(std::stoi(hex.substr(at, 2), nullptr, 16));
    }
    return bytes;
}

std::string presented(const json &row, const char *text)
{
    return row.contains("hex") ? of_hex(row["hex"]) : row[text].get<std::string>();
}

std::vector<std::string_view> texts(const json &array)
{
    std::vector<std::string_view> all;
    for (const json &each : array) {
        all.push_back(each.get_ref<const std::string &>());
    }
    return all;
}

std::optional<std::string_view> some(const json &row, const char *member)
{
    if (!row.contains(member) || row[member].is_null()) {
        return std::nullopt;
    }
    return row[member].get_ref<const std::string &>();
}

void put_checksum(std::string &token)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const std::size_t end = token.size() - 6;
    std::uint32_t sum = UINT32_MAX;
    for (std::size_t at = 0; at < end; ++at) {
        sum ^= static_cast<unsigned char>(token[at]);
        for (int bit = 0; bit < 8; ++bit) {
            sum = (sum >> 1) ^ ((sum & 1) != 0 ? 0xedb88320U : 0);
        }
    }
    sum = ~sum;
    for (std::size_t at = token.size(); at-- > end; sum /= 62) {
        token[at] = digits[sum % 62];
    }
}

std::string altered(std::string token, const std::string &how)
{
    const std::size_t secret = token.size() - 49;
    if (how == "cut") {
        token.pop_back();
    } else if (how == "checksum") {
        token.back() = token.back() == '0' ? '1' : '0';
    } else if (how == "blank") {
        token.insert(0, " ");
    } else if (how == "prefix") {
        token[0] = 'b';
    } else if (how == "nothing") {
        token.clear();
    } else if (how == "secret") {
        token[secret] = token[secret] == 'A' ? 'B' : 'A';
        put_checksum(token);
    } else if (how == "environment") {
        token.replace(5, 4, "live");
        put_checksum(token);
    } else if (!how.empty()) {
        check_failed(__FILE__, __LINE__, "no alteration " + how);
    }
    return token;
}

keyfob::ip_address address(const std::string &text)
{
    std::array<std::uint8_t, 4> v4{};
    std::array<std::uint8_t, 16> v6{};
    if (inet_pton(AF_INET, text.c_str(), v4.data()) == 1) {
        return v4;
    }
    if (inet_pton(AF_INET6, text.c_str(), v6.data()) == 1) {
        return v6;
    }
    check_failed(__FILE__, __LINE__, "no address " + text);
    return {};
}

keyfob::result<keyfob::requirement> required(const json &row)
{
    keyfob::requirement_spec spec;
    if (row.contains("all")) {
        spec.scopes = texts(row["all"]);
    }
    if (row.contains("any")) {
        spec.any_scopes = texts(row["any"]);
    }
    spec.project = some(row, "project");
    spec.any_project = spec.project == "*";
    spec.environment = some(row, "environment");
    spec.any_environment = spec.environment == "*";
    if (spec.any_project) {
        spec.project.reset();
    }
    if (spec.any_environment) {
        spec.environment.reset();
    }
    spec.owner = some(row, "owner");
    return keyfob::requirement::make(spec);
}

void claim(bool holds, const json &row, status answered)
{
    if (!holds) {
        const std::string name(keyfob::name(answered));
        check_failed(__FILE__, __LINE__, row["case"].get<std::string>() + ": it is " + name);
    }
}

} // namespace

TEST(every_token_of_the_vectors_is_judged_as_they_say)
{
    const json all = vectors("tokens.json");
    CHECK(all["cases"].size() > 50);
    std::map<std::string, keyfob::store> stores;
    for (const json &row : all["cases"]) {
        const std::string prefix = row["prefix"];
        if (stores.count(prefix) == 0) {
            keyfob::store_options options;
            options.prefix = prefix;
            TRY(store, keyfob::store::create(place(prefix), options));
            stores.emplace(prefix, std::move(*store));
        }
        const status answered = stores.at(prefix).verify(presented(row, "text")).code();
        claim(answered == static_cast<status>(row["code"].get<int>()), row, answered);
    }
}

TEST(every_authorization_value_of_the_vectors_is_read_as_they_say)
{
    const json all = vectors("authorization.json");
    CHECK(all["cases"].size() > 40);
    for (const json &row : all["cases"]) {
        const std::string value = presented(row, "value");
        const auto token = keyfob::parse_authorization(value);
        const std::string expected = row["expected"];
        if (expected == "token") {
            claim(token && *token == of_hex(row["token_hex"]), row, failure_of(token));
        } else {
            const status why = expected == "none" ? status::no_credentials : status::malformed;
            claim(failure_of(token) == why, row, failure_of(token));
        }
    }
}

TEST(every_scope_of_the_vectors_is_understood_as_they_say)
{
    const json all = vectors("scopes.json");
    TRY(home, made_home());
    const auto created = [&](const json &scopes, std::optional<std::string_view> project = {}) {
        keyfob::new_key from = named("k", texts(scopes));
        from.project = project;
        return home->store.create_key(from);
    };
    for (const json &row : all["parse"]) {
        const auto key = created(row["scopes"]);
        claim(failure_of(key) == static_cast<status>(row["code"].get<int>()), row, failure_of(key));
        if (key && row["code"] == 0) {
            const auto scopes = key->key.scopes();
            const std::vector<std::string_view> sorted(scopes.begin(), scopes.end());
            claim(sorted == texts(row["sorted"]), row, status::ok);
        }
    }
    for (const json &row : all["grants"]) {
        TRY(key, created(row["scopes"]));
        TRY(full, home->store.verify_full(key->token.expose()));
        const status answered = full->require_scope(row["required"].get_ref<const std::string &>());
        claim(answered == (row["expected"].get<bool>() ? status::ok : status::insufficient_scope),
              row, answered);
    }
    int number = 0;
    for (const json &row : all["subset"]) {
        // A key cannot be made beyond its project's scopes.
        const std::string name = "subset" + std::to_string(++number);
        keyfob::new_project from;
        from.name = name;
        from.scopes = texts(row["wider"]);
        CHECK(home->store.create_project(from).has_value());
        const status answered = failure_of(created(row["scopes"], name));
        claim(answered == (row["expected"].get<bool>() ? status::ok : status::scope_not_allowed),
              row, answered);
    }
    for (const json &row : all["narrowed"]) {
        // A key is worth what its project allows today.
        const std::string name = "narrowed" + std::to_string(++number);
        keyfob::new_project from;
        from.name = name;
        from.scopes = {"*"};
        CHECK(home->store.create_project(from).has_value());
        TRY(key, created(row["scopes"], name));
        keyfob::project_update update;
        update.scopes = texts(row["ceiling"]);
        CHECK(home->store.update_project(name, update).has_value());
        keyfob::request known;
        known.project = name;
        TRY(full, home->store.verify_full(key->token.expose(), {}, known));
        const auto scopes = full->scopes();
        std::vector<std::string_view> left(scopes.begin(), scopes.end());
        std::vector<std::string_view> expected = texts(row["expected"]);
        std::sort(left.begin(), left.end());
        std::sort(expected.begin(), expected.end());
        claim(left == expected, row, status::ok);
    }
}

TEST(every_verification_of_the_vectors_answers_as_they_say)
{
    const json all = vectors("verdicts.json");
    CHECK(all["prefix"] == "acme" && all["start"] == start.time_since_epoch().count());
    const auto at = [](const json &offset) { return start + seconds(offset.get<std::int64_t>()); };
    TRY(home, made_home());
    const keyfob::store &store = home->store;
    const auto made_project = [&](const json &row, const char *name) {
        keyfob::new_project from;
        from.name = row[name].get_ref<const std::string &>();
        from.scopes = texts(row["scopes"]);
        from.owner = some(row, "owner");
        return store.create_project(from).has_value();
    };
    for (const json &row : all["projects"]) {
        CHECK(made_project(row, "name"));
    }
    std::map<std::string, std::string> tokens;
    std::map<std::string, std::string> ids;
    for (const json &row : all["keys"]) {
        const std::string ref = row["ref"];
        keyfob::new_key from = named(ref);
        from.project = some(row, "project");
        from.environment = some(row, "environment");
        from.owner = some(row, "owner");
        if (row.contains("scopes")) {
            from.scopes = texts(row["scopes"]);
        }
        if (row.contains("ip_list")) {
            from.ip_list = texts(row["ip_list"]);
        }
        if (row.contains("expires_at")) {
            from.expiry = keyfob::expiry::at(at(row["expires_at"]));
        }
        if (row.contains("not_before")) {
            from.not_before = at(row["not_before"]);
        }
        TRY(made, store.create_key(from));
        tokens[ref] = made->token.expose();
        ids[ref] = made->key.id();
    }
    std::int64_t now = 0;
    for (const json &row : all["operations"]) {
        const std::string op = row["op"];
        const std::string id = row.contains("key") ? ids[row["key"]] : "";
        const std::string project(some(row, "project").value_or(""));
        bool done = false;
        if (op == "rotate") {
            keyfob::rotate_options how;
            how.grace = seconds(row["grace"].get<std::int64_t>());
            TRY(rotated, store.rotate_key(id, how));
            tokens[row["token"]] = rotated->token.expose();
            done = true;
        } else if (op == "finish_rotation") {
            done = store.finish_rotation(id).has_value();
        } else if (op == "disable") {
            done = store.disable_key(id).has_value();
        } else if (op == "enable") {
            done = store.enable_key(id).has_value();
        } else if (op == "revoke") {
            done = store.revoke_key(id).has_value();
        } else if (op == "update_key") {
            keyfob::key_update update;
            update.expiry = keyfob::expiry::at(at(row["expires_at"]));
            done = store.update_key(id, update).has_value();
        } else if (op == "advance") {
            now += row["seconds"].get<std::int64_t>();
            home->clock.set(start + seconds(now));
            done = true;
        } else if (op == "prune") {
            keyfob::prune_options revoked;
            revoked.revoked_before = start + seconds(now);
            done = store.prune(revoked).has_value();
        } else if (op == "create_project") {
            done = made_project(row, "project");
        } else if (op == "update_project") {
            keyfob::project_update update;
            update.scopes = texts(row["scopes"]);
            done = store.update_project(project, update).has_value();
        } else if (op == "disable_project") {
            done = store.disable_project(project).has_value();
        } else if (op == "delete_project") {
            done = store.delete_project(project).has_value();
        }
        if (!done) {
            check_failed(__FILE__, __LINE__, "the operation " + op + " was not done");
        }
    }
    CHECK(all["cases"].size() >= 100);
    for (const json &row : all["cases"]) {
        const std::string token =
            altered(tokens.at(row["token"]), std::string(some(row, "alter").value_or("")));
        keyfob::request known;
        if (row["requirement"].contains("ip")) {
            known.ip = address(row["requirement"]["ip"]);
        }
        const auto requirement = required(row["requirement"]);
        const auto expected = static_cast<status>(row["code"].get<int>());
        CHECK(requirement.has_value());
        const auto verified = store.verify_at(at(row["at"]), token, *requirement, known);
        claim(verified.code() == expected &&
                  keyfob::name(expected) == row["expected"].get<std::string>(),
              row, verified.code());
    }
}
