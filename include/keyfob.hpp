/*
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */

/** \file keyfob.hpp
 *  keyfob in C++17 and later: what keyfob.h offers, in the idiom of the language. Header only; link
 *  what C links. It throws nothing itself and compiles with -fno-exceptions; what the standard
 *  library throws for want of memory passes through, from no callback and into no C function.
 *
 *  \section cpp_errors Results and errors
 *
 *  What can fail returns a \ref keyfob::result, which is std::expected where there is one; of a
 *  verification the `keyfob::status` says all. The errors of a function are those of the C
 *  function of the same name: `store::create_key` is keyfob_store_create_key(). What may have done
 *  a part of its work before it failed (bulk verbs, imports, ranges) is an object with a
 *  `failure()`.
 *
 *  \section cpp_ownership What is whose
 *
 *  An object owns what it stands for, is moved and not copied, and frees it in its destructor. A
 *  moved-from object may be assigned to or destroyed; any other use of it finds nothing, or is
 *  NULL_ARGUMENT. A class `x_view`, and a `std::string_view` that is returned, borrows from the
 *  object that it came from. Nothing that is passed in is kept, but for on_refusal().
 *
 *  \section cpp_threads Threads
 *
 *  The const members of \ref keyfob::store may be called by any number of threads at the same time,
 *  and a \ref keyfob::requirement, \ref keyfob::pepper and \ref keyfob::clock be used so. Any other
 *  object is used by one thread at a time, while of one that nobody changes or destroys any number
 *  may read.
 *
 *  Everything is here since 0.1 unless it says otherwise.
 */

#ifndef KEYFOB_HPP
#define KEYFOB_HPP

#include <keyfob.h>

#if defined(_MSVC_LANG) ? _MSVC_LANG < 201703L : __cplusplus < 201703L
#  error "keyfob.hpp needs C++17 or later"
#endif

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#if defined(__has_include)
#  if __has_include(<version>)
#    include <version>
#  endif
#endif

#if defined(__cpp_lib_expected)
#  include <expected>
#endif
#if defined(__cpp_exceptions)
#  include <stdexcept>
#endif

/** Everything of keyfob. */
namespace keyfob
{

// What is compiled as another C++ returns another type of result: so its names are others to the
// linker, and both may be in one program.
#if defined(__cpp_lib_expected)
inline namespace std_expected
{
#else
inline namespace own_expected
{
#endif

/** A time in whole seconds; C++20 calls it std::chrono::sys_seconds. */
using sys_seconds = std::chrono::time_point<std::chrono::system_clock, std::chrono::seconds>;

/** A time in whole milliseconds; C++20 calls it std::chrono::sys_time<std::chrono::milliseconds>.
 */
using sys_milliseconds =
    std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

/** The 16 bytes of an id, which sort as its text does. */
using id_bytes = std::array<std::uint8_t, 16>;

/** A hash of the log. */
using hash_bytes = std::array<std::uint8_t, 32>;

/** How a call came out, the numbers of \ref keyfob_statuses. Only \ref status::ok says that it did
 *  what it was asked. Any number may occur: a newer library has more of them. */
enum class [[nodiscard]] status : keyfob_status {
    ok = KEYFOB_OK,                                     ///< \ref KEYFOB_OK
    done = KEYFOB_DONE,                                 ///< \ref KEYFOB_DONE
    no_credentials = KEYFOB_NO_CREDENTIALS,             ///< \ref KEYFOB_NO_CREDENTIALS
    invalid_argument = KEYFOB_INVALID_ARGUMENT,         ///< \ref KEYFOB_INVALID_ARGUMENT
    invalid_scope = KEYFOB_INVALID_SCOPE,               ///< \ref KEYFOB_INVALID_SCOPE
    invalid_time = KEYFOB_INVALID_TIME,                 ///< \ref KEYFOB_INVALID_TIME
    limit_exceeded = KEYFOB_LIMIT_EXCEEDED,             ///< \ref KEYFOB_LIMIT_EXCEEDED
    invalid_cursor = KEYFOB_INVALID_CURSOR,             ///< \ref KEYFOB_INVALID_CURSOR
    invalid_pepper = KEYFOB_INVALID_PEPPER,             ///< \ref KEYFOB_INVALID_PEPPER
    empty_requirement = KEYFOB_EMPTY_REQUIREMENT,       ///< \ref KEYFOB_EMPTY_REQUIREMENT
    null_argument = KEYFOB_NULL_ARGUMENT,               ///< \ref KEYFOB_NULL_ARGUMENT
    buffer_too_small = KEYFOB_BUFFER_TOO_SMALL,         ///< \ref KEYFOB_BUFFER_TOO_SMALL
    unknown_option = KEYFOB_UNKNOWN_OPTION,             ///< \ref KEYFOB_UNKNOWN_OPTION
    not_utf8 = KEYFOB_NOT_UTF8,                         ///< \ref KEYFOB_NOT_UTF8
    malformed = KEYFOB_MALFORMED,                       ///< \ref KEYFOB_MALFORMED
    not_found = KEYFOB_NOT_FOUND,                       ///< \ref KEYFOB_NOT_FOUND
    revoked = KEYFOB_REVOKED,                           ///< \ref KEYFOB_REVOKED
    disabled = KEYFOB_DISABLED,                         ///< \ref KEYFOB_DISABLED
    not_yet_valid = KEYFOB_NOT_YET_VALID,               ///< \ref KEYFOB_NOT_YET_VALID
    expired = KEYFOB_EXPIRED,                           ///< \ref KEYFOB_EXPIRED
    wrong_environment = KEYFOB_WRONG_ENVIRONMENT,       ///< \ref KEYFOB_WRONG_ENVIRONMENT
    wrong_project = KEYFOB_WRONG_PROJECT,               ///< \ref KEYFOB_WRONG_PROJECT
    ip_not_allowed = KEYFOB_IP_NOT_ALLOWED,             ///< \ref KEYFOB_IP_NOT_ALLOWED
    insufficient_scope = KEYFOB_INSUFFICIENT_SCOPE,     ///< \ref KEYFOB_INSUFFICIENT_SCOPE
    wrong_owner = KEYFOB_WRONG_OWNER,                   ///< \ref KEYFOB_WRONG_OWNER
    no_such_key = KEYFOB_NO_SUCH_KEY,                   ///< \ref KEYFOB_NO_SUCH_KEY
    no_such_project = KEYFOB_NO_SUCH_PROJECT,           ///< \ref KEYFOB_NO_SUCH_PROJECT
    name_taken = KEYFOB_NAME_TAKEN,                     ///< \ref KEYFOB_NAME_TAKEN
    key_is_revoked = KEYFOB_KEY_IS_REVOKED,             ///< \ref KEYFOB_KEY_IS_REVOKED
    key_is_expired = KEYFOB_KEY_IS_EXPIRED,             ///< \ref KEYFOB_KEY_IS_EXPIRED
    scope_not_allowed = KEYFOB_SCOPE_NOT_ALLOWED,       ///< \ref KEYFOB_SCOPE_NOT_ALLOWED
    request_id_reused = KEYFOB_REQUEST_ID_REUSED,       ///< \ref KEYFOB_REQUEST_ID_REUSED
    ambiguous_key = KEYFOB_AMBIGUOUS_KEY,               ///< \ref KEYFOB_AMBIGUOUS_KEY
    policy_refused = KEYFOB_POLICY_REFUSED,             ///< \ref KEYFOB_POLICY_REFUSED
    too_many_keys = KEYFOB_TOO_MANY_KEYS,               ///< \ref KEYFOB_TOO_MANY_KEYS
    digest_taken = KEYFOB_DIGEST_TAKEN,                 ///< \ref KEYFOB_DIGEST_TAKEN
    not_importable = KEYFOB_NOT_IMPORTABLE,             ///< \ref KEYFOB_NOT_IMPORTABLE
    project_is_disabled = KEYFOB_PROJECT_IS_DISABLED,   ///< \ref KEYFOB_PROJECT_IS_DISABLED
    pepper_refused = KEYFOB_PEPPER_REFUSED,             ///< \ref KEYFOB_PEPPER_REFUSED
    beyond_parent = KEYFOB_BEYOND_PARENT,               ///< \ref KEYFOB_BEYOND_PARENT
    clock_is_behind = KEYFOB_CLOCK_IS_BEHIND,           ///< \ref KEYFOB_CLOCK_IS_BEHIND
    interrupted = KEYFOB_INTERRUPTED,                   ///< \ref KEYFOB_INTERRUPTED
    no_store = KEYFOB_NO_STORE,                         ///< \ref KEYFOB_NO_STORE
    store_exists = KEYFOB_STORE_EXISTS,                 ///< \ref KEYFOB_STORE_EXISTS
    not_a_store = KEYFOB_NOT_A_STORE,                   ///< \ref KEYFOB_NOT_A_STORE
    newer_format = KEYFOB_NEWER_FORMAT,                 ///< \ref KEYFOB_NEWER_FORMAT
    pepper_required = KEYFOB_PEPPER_REQUIRED,           ///< \ref KEYFOB_PEPPER_REQUIRED
    wrong_pepper = KEYFOB_WRONG_PEPPER,                 ///< \ref KEYFOB_WRONG_PEPPER
    locked = KEYFOB_LOCKED,                             ///< \ref KEYFOB_LOCKED
    busy = KEYFOB_BUSY,                                 ///< \ref KEYFOB_BUSY
    read_only = KEYFOB_READ_ONLY,                       ///< \ref KEYFOB_READ_ONLY
    no_space = KEYFOB_NO_SPACE,                         ///< \ref KEYFOB_NO_SPACE
    corrupted = KEYFOB_CORRUPTED,                       ///< \ref KEYFOB_CORRUPTED
    replaced = KEYFOB_REPLACED,                         ///< \ref KEYFOB_REPLACED
    rolled_back = KEYFOB_ROLLED_BACK,                   ///< \ref KEYFOB_ROLLED_BACK
    gone = KEYFOB_GONE,                                 ///< \ref KEYFOB_GONE
    forked = KEYFOB_FORKED,                             ///< \ref KEYFOB_FORKED
    closed = KEYFOB_CLOSED,                             ///< \ref KEYFOB_CLOSED
    outcome_unknown = KEYFOB_OUTCOME_UNKNOWN,           ///< \ref KEYFOB_OUTCOME_UNKNOWN
    needs_recovery = KEYFOB_NEEDS_RECOVERY,             ///< \ref KEYFOB_NEEDS_RECOVERY
    io = KEYFOB_IO,                                     ///< \ref KEYFOB_IO
    pepper_not_expected = KEYFOB_PEPPER_NOT_EXPECTED,   ///< \ref KEYFOB_PEPPER_NOT_EXPECTED
    insecure_permissions = KEYFOB_INSECURE_PERMISSIONS, ///< \ref KEYFOB_INSECURE_PERMISSIONS
    not_a_file = KEYFOB_NOT_A_FILE,                     ///< \ref KEYFOB_NOT_A_FILE
    dangling_link = KEYFOB_DANGLING_LINK,               ///< \ref KEYFOB_DANGLING_LINK
    empty_file = KEYFOB_EMPTY_FILE,                     ///< \ref KEYFOB_EMPTY_FILE
    truncated = KEYFOB_TRUNCATED,                       ///< \ref KEYFOB_TRUNCATED
    network_file_system = KEYFOB_NETWORK_FILE_SYSTEM,   ///< \ref KEYFOB_NETWORK_FILE_SYSTEM
    permission_denied = KEYFOB_PERMISSION_DENIED,       ///< \ref KEYFOB_PERMISSION_DENIED
    options_contradict = KEYFOB_OPTIONS_CONTRADICT,     ///< \ref KEYFOB_OPTIONS_CONTRADICT
    internal = KEYFOB_INTERNAL,                         ///< \ref KEYFOB_INTERNAL
    poisoned = KEYFOB_POISONED,                         ///< \ref KEYFOB_POISONED
    not_reached = KEYFOB_NOT_REACHED,                   ///< \ref KEYFOB_NOT_REACHED
};

/** The name of a status, "NO_SUCH_KEY"; "UNKNOWN" of one that the library does not know. */
[[nodiscard]] inline std::string_view name(status s) noexcept
{
    return keyfob_status_name(static_cast<keyfob_status>(s));
}

/** What a status means, a sentence or two; an error has more to say. */
[[nodiscard]] inline std::string_view message(status s) noexcept
{
    return keyfob_status_message(static_cast<keyfob_status>(s));
}

/** Whether a status says that a token is not good for what is asked. An error of the store is no
 *  denial, and \ref status::no_credentials neither. */
[[nodiscard]] inline bool is_denial(status s) noexcept
{
    return keyfob_status_is_denial(static_cast<keyfob_status>(s)) != 0;
}

/** What to answer over HTTP where a verification came out so: 200, 401, 403, 503 or 500. */
[[nodiscard]] inline int http_status(status s) noexcept
{
    return keyfob_status_http_status(static_cast<keyfob_status>(s));
}

/** The version of the library that is loaded, "0.1.0". */
[[nodiscard]] inline std::string_view version() noexcept
{
    return keyfob_version();
}

/** The same as a number, to be compared with \ref KEYFOB_VERSION_NUMBER. */
[[nodiscard]] inline std::uint32_t version_number() noexcept
{
    return keyfob_version_number();
}

/** The ABI of the library that is loaded; a program compiled with another \ref KEYFOB_ABI_VERSION
 *  must not call it. */
[[nodiscard]] inline std::uint32_t abi_version() noexcept
{
    return keyfob_abi_version();
}

/** When the whole file is checked as it is opened: \ref keyfob_checks_on_open. */
enum class check_on_open : std::uint32_t {
    automatic = KEYFOB_CHECK_AUTO, ///< \ref KEYFOB_CHECK_AUTO
    always = KEYFOB_CHECK_ALWAYS,  ///< \ref KEYFOB_CHECK_ALWAYS
    never = KEYFOB_CHECK_NEVER,    ///< \ref KEYFOB_CHECK_NEVER
};

/** What a key is at a time: \ref keyfob_key_states. */
enum class state : std::uint32_t {
    revoked = KEYFOB_STATE_REVOKED,             ///< \ref KEYFOB_STATE_REVOKED
    disabled = KEYFOB_STATE_DISABLED,           ///< \ref KEYFOB_STATE_DISABLED
    not_yet_valid = KEYFOB_STATE_NOT_YET_VALID, ///< \ref KEYFOB_STATE_NOT_YET_VALID
    expired = KEYFOB_STATE_EXPIRED,             ///< \ref KEYFOB_STATE_EXPIRED
    active = KEYFOB_STATE_ACTIVE,               ///< \ref KEYFOB_STATE_ACTIVE
};

/** Why a key was revoked: \ref keyfob_reasons. */
enum class reason : std::uint32_t {
    unspecified = KEYFOB_REASON_UNSPECIFIED,       ///< \ref KEYFOB_REASON_UNSPECIFIED
    key_compromise = KEYFOB_REASON_KEY_COMPROMISE, ///< \ref KEYFOB_REASON_KEY_COMPROMISE
    affiliation_changed =
        KEYFOB_REASON_AFFILIATION_CHANGED, ///< \ref KEYFOB_REASON_AFFILIATION_CHANGED
    superseded = KEYFOB_REASON_SUPERSEDED, ///< \ref KEYFOB_REASON_SUPERSEDED
    cessation_of_operation =
        KEYFOB_REASON_CESSATION_OF_OPERATION, ///< \ref KEYFOB_REASON_CESSATION_OF_OPERATION
    privilege_withdrawn =
        KEYFOB_REASON_PRIVILEGE_WITHDRAWN, ///< \ref KEYFOB_REASON_PRIVILEGE_WITHDRAWN
};

/** Which of a key's secrets a question is about: \ref keyfob_secrets. */
enum class secrets : std::uint32_t {
    all = KEYFOB_SECRETS_ALL,           ///< \ref KEYFOB_SECRETS_ALL
    current = KEYFOB_SECRETS_CURRENT,   ///< \ref KEYFOB_SECRETS_CURRENT
    previous = KEYFOB_SECRETS_PREVIOUS, ///< \ref KEYFOB_SECRETS_PREVIOUS
    earlier = KEYFOB_SECRETS_EARLIER,   ///< \ref KEYFOB_SECRETS_EARLIER
};

/** In which order keys are listed: \ref keyfob_orders. */
enum class order : std::uint32_t {
    created = KEYFOB_ORDER_CREATED, ///< \ref KEYFOB_ORDER_CREATED
    name = KEYFOB_ORDER_NAME,       ///< \ref KEYFOB_ORDER_NAME
    expires = KEYFOB_ORDER_EXPIRES, ///< \ref KEYFOB_ORDER_EXPIRES
};

/** What an event is about: \ref keyfob_subjects. */
enum class subject : std::uint32_t {
    store = KEYFOB_SUBJECT_STORE,     ///< \ref KEYFOB_SUBJECT_STORE
    key = KEYFOB_SUBJECT_KEY,         ///< \ref KEYFOB_SUBJECT_KEY
    project = KEYFOB_SUBJECT_PROJECT, ///< \ref KEYFOB_SUBJECT_PROJECT
};

/** Whether a store has a pepper: \ref keyfob_pepper_states. */
enum class pepper_state : std::uint32_t {
    none = KEYFOB_PEPPER_NONE,         ///< \ref KEYFOB_PEPPER_NONE
    set = KEYFOB_PEPPER_SET,           ///< \ref KEYFOB_PEPPER_SET
    changing = KEYFOB_PEPPER_CHANGING, ///< \ref KEYFOB_PEPPER_CHANGING
};

/** What a line of an import is in: \ref keyfob_import_formats. */
enum class import_format : std::uint32_t {
    raw = KEYFOB_IMPORT_RAW,                           ///< \ref KEYFOB_IMPORT_RAW
    sha256_hex = KEYFOB_IMPORT_SHA256_HEX,             ///< \ref KEYFOB_IMPORT_SHA256_HEX
    sha256_base64 = KEYFOB_IMPORT_SHA256_BASE64,       ///< \ref KEYFOB_IMPORT_SHA256_BASE64
    drf_api_key = KEYFOB_IMPORT_DRF_API_KEY,           ///< \ref KEYFOB_IMPORT_DRF_API_KEY
    knox = KEYFOB_IMPORT_KNOX,                         ///< \ref KEYFOB_IMPORT_KNOX
    prefixed_api_key = KEYFOB_IMPORT_PREFIXED_API_KEY, ///< \ref KEYFOB_IMPORT_PREFIXED_API_KEY
    sanctum = KEYFOB_IMPORT_SANCTUM,                   ///< \ref KEYFOB_IMPORT_SANCTUM
    unkey = KEYFOB_IMPORT_UNKEY,                       ///< \ref KEYFOB_IMPORT_UNKEY
};

/** The name of a state, "not_yet_valid". */
[[nodiscard]] inline std::string_view name(state s) noexcept
{
    return keyfob_key_state_name(static_cast<std::uint32_t>(s));
}

/** The name of a reason, "key_compromise". */
[[nodiscard]] inline std::string_view name(reason r) noexcept
{
    return keyfob_reason_name(static_cast<std::uint32_t>(r));
}

/** The name of a format, "drf-api-key". */
[[nodiscard]] inline std::string_view name(import_format f) noexcept
{
    return keyfob_import_format_name(static_cast<std::uint32_t>(f));
}

/** How the header does it; nothing in here is for use. */
namespace detail
{

/// The text that a C function returns; empty where it returns NULL.
template <auto Get, class C, class... Index>
std::string_view text(const C *from, Index... index) noexcept
{
    std::size_t size = 0;
    const char *const data = Get(from, index..., &size);
    return data == nullptr ? std::string_view() : std::string_view(data, size);
}

/// The text that a C function returns, which may be NULL.
template <auto Get, class C, class... Index>
std::optional<std::string_view> optional_text(const C *from, Index... index) noexcept
{
    std::size_t size = 0;
    const char *const data = Get(from, index..., &size);
    return data == nullptr ? std::nullopt : std::optional(std::string_view(data, size));
}

inline sys_seconds time(std::int64_t seconds) noexcept
{
    return sys_seconds(std::chrono::seconds(seconds));
}

inline std::optional<sys_seconds> optional_time(std::int64_t seconds) noexcept
{
    return seconds == KEYFOB_NO_TIME ? std::nullopt : std::optional(time(seconds));
}

/// Seconds as C takes them, where 0 says that none are stated. The second before means the same to
/// every comparison of times, and a duration of it is refused as one of 0 is.
inline std::int64_t stated(std::optional<std::chrono::seconds> seconds) noexcept
{
    return !seconds ? 0 : seconds->count() == 0 ? -1 : std::int64_t{seconds->count()};
}

inline std::int64_t stated(std::optional<sys_seconds> at) noexcept
{
    return !at ? 0 : stated(std::optional(at->time_since_epoch()));
}

inline keyfob_text given(std::string_view text) noexcept
{
    return {text.data() == nullptr ? "" : text.data(), text.size()};
}

inline keyfob_text given(const std::optional<std::string_view> &text) noexcept
{
    return text ? given(*text) : keyfob_text{nullptr, 0};
}

/// An array of texts as C takes it.
class text_array
{
public:
    explicit text_array(const std::vector<std::string_view> &from)
    {
        texts_.reserve(from.size() + 1);
        for (const std::string_view each : from) {
            texts_.push_back(given(each));
        }
    }
    /// NULL where it is empty, which C takes for one that was left out.
    const keyfob_text *data() const noexcept { return texts_.empty() ? nullptr : texts_.data(); }
    /// Never NULL, so that an empty one is not one that was left out: there is room for one more.
    const keyfob_text *stated() const noexcept { return texts_.data(); }
    std::size_t size() const noexcept { return texts_.size(); }

private:
    std::vector<keyfob_text> texts_;
};

/// A borrowed pointer to what C lent.
template <class C> class view
{
public:
    explicit view(const C *borrowed) noexcept : at_(borrowed) {}
    /** What the C functions take; borrowed. */
    [[nodiscard]] const C *capi() const noexcept { return at_; }

private:
    const C *at_;
};

/// A view of what it frees itself.
template <class View, class C, auto Free> class [[nodiscard]] owner : public View
{
public:
    /** Takes over what a C function made. */
    explicit owner(C *owned) noexcept : View(owned) {}
    owner(owner &&other) noexcept : View(other) { other.let_go(); }
    owner &operator=(owner &&other) noexcept
    {
        if (this != &other) {
            Free(const_cast<C *>(this->capi())); // it came as a C* into the constructor
            View::operator=(other);
            other.let_go();
        }
        return *this;
    }
    ~owner() { Free(const_cast<C *>(this->capi())); }

protected:
    /** What was owned, which nobody frees now. */
    C *release() noexcept
    {
        C *const owned = const_cast<C *>(this->capi());
        let_go();
        return owned;
    }

private:
    void let_go() noexcept { View::operator=(View(static_cast<const C *>(nullptr))); }
};

/// An object of C's that is used through its pointer alone.
template <class C, auto Free> using handle = owner<view<C>, C, Free>;

/// What C counts and gives one by one: a range that borrows from the object behind it.
template <class C, class T, auto Count, auto At> class list_view : public view<C>
{
public:
    using view<C>::view;

    /** Goes through a list. */
    class iterator
    {
    public:
        using iterator_category = std::input_iterator_tag; ///< what is read is made as it is read
        using value_type = T;                              ///< what is read
        using difference_type = std::ptrdiff_t;            ///< between two of them
        using pointer = void;                              ///< there is none
        using reference = T;                               ///< a view or a text, by value

        iterator() noexcept = default;
        /** At a place of the list of an object. */
        iterator(const C *of, std::size_t index) noexcept : of_(of), index_(index) {}
        /** What stands here. */
        [[nodiscard]] T operator*() const noexcept { return At(of_, index_); }
        /** To the next one. */
        iterator &operator++() noexcept
        {
            ++index_;
            return *this;
        }
        /** To the next one; where it was. */
        iterator operator++(int) noexcept
        {
            iterator before = *this;
            ++index_;
            return before;
        }
        /** Whether both are at the same place. */
        [[nodiscard]] friend bool operator==(const iterator &a, const iterator &b) noexcept
        {
            return a.index_ == b.index_;
        }
        /** Whether they are not. */
        [[nodiscard]] friend bool operator!=(const iterator &a, const iterator &b) noexcept
        {
            return a.index_ != b.index_;
        }

    private:
        const C *of_ = nullptr;
        std::size_t index_ = 0;
    };

    /** How many there are. */
    [[nodiscard]] std::size_t size() const noexcept { return Count(this->capi()); }
    /** Whether there is none. */
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    /** One of them, from 0; an empty view or text beyond the last. */
    [[nodiscard]] T operator[](std::size_t index) const noexcept { return At(this->capi(), index); }
    /** The first. */
    [[nodiscard]] iterator begin() const noexcept { return iterator(this->capi(), 0); }
    /** Behind the last. */
    [[nodiscard]] iterator end() const noexcept { return iterator(this->capi(), size()); }
};

template <class C, auto Get> std::string_view text_at(const C *of, std::size_t index) noexcept
{
    return text<Get>(of, index);
}

template <class C, auto Count, auto Get>
using texts = list_view<C, std::string_view, Count, text_at<C, Get>>;

/// A name and what it stands for.
using text_pair = std::pair<std::string_view, std::string_view>;

template <class C, auto Name, auto Value> text_pair pair_at(const C *of, std::size_t index) noexcept
{
    return {text<Name>(of, index), text<Value>(of, index)};
}

template <auto Get, class C> hash_bytes hash_of(const C *of) noexcept
{
    hash_bytes hash{};
    Get(of, hash.data());
    return hash;
}

template <auto Get, class C> id_bytes id_of(const C *of) noexcept
{
    id_bytes id{};
    Get(of, id.data());
    return id;
}

struct secret_writer;

} // namespace detail

/** An error that is borrowed: of a line of an import, for instance. */
class error_view : public detail::view<keyfob_error>
{
public:
    /** Of what a C function returned, and the error that it made, which may be NULL. */
    explicit error_view(status code, const keyfob_error *borrowed) noexcept
        : view(borrowed), code_(code)
    {
    }
    /** Of an error that C made. */
    explicit error_view(const keyfob_error *borrowed) noexcept
        : error_view(static_cast<status>(keyfob_error_code(borrowed)), borrowed)
    {
    }

    /** What went wrong, as a number. */
    status code() const noexcept { return code_; }
    /** What went wrong, and what to do: a sentence for a log or an operator. It never holds a
     *  token, a secret or a pepper, but for what was passed as a path. */
    [[nodiscard]] std::string_view message() const noexcept
    {
        return capi() == nullptr ? keyfob::message(code_)
                                 : detail::text<keyfob_error_message>(capi());
    }
    /** The errno behind \ref status::io; 0 where there is none. */
    [[nodiscard]] int os_errno() const noexcept { return keyfob_error_os_errno(capi()); }
    /** The id of the key that is in the way, where there is one. */
    [[nodiscard]] std::optional<std::string_view> key_id() const noexcept
    {
        return detail::optional_text<keyfob_error_key_id>(capi());
    }
    /** Of \ref status::gone the first event that is still there, of \ref status::rolled_back the
     *  last that the store has; else 0. */
    [[nodiscard]] std::uint64_t sequence() const noexcept { return keyfob_error_sequence(capi()); }

private:
    status code_;
};

/** What a call says of its failure. */
class [[nodiscard]] error : public detail::owner<error_view, keyfob_error, keyfob_error_free>
{
public:
    /** Takes over the error that a C function made, which may be NULL, with what it returned. */
    explicit error(status code, keyfob_error *owned = nullptr) noexcept : owner(owned), code_(code)
    {
    }
    /** What went wrong, as a number. */
    status code() const noexcept { return code_; }
    /** What went wrong, and what to do; see error_view::message(). */
    [[nodiscard]] std::string_view message() const noexcept
    {
        return error_view(code_, capi()).message();
    }

private:
    status code_;
};

#if defined(__cpp_lib_expected)

/** What a call answers, or why it failed. */
template <class T> using result = std::expected<T, error>;

/** A failure, to be returned as any result. */
using unexpected = std::unexpected<error>;

#else

/** A failure, to be returned as any result. */
class unexpected
{
public:
    /** Of this error. */
    explicit unexpected(keyfob::error why) noexcept : why_(std::move(why)) {}
    /** The error. */
    [[nodiscard]] keyfob::error &error() noexcept { return why_; }

private:
    keyfob::error why_;
};

/** What a call answers, or why it failed: what of std::expected is needed here, where there is
 *  none. To look at the value of a failure, or the error of a success, is undefined. */
template <class T> class [[nodiscard]] result
{
public:
    using value_type = T;             ///< what it answers
    using error_type = keyfob::error; ///< why it failed

    /** A success. */
    result(T value) noexcept(std::is_nothrow_move_constructible_v<T>)
        : either_(std::in_place_index<0>, std::move(value))
    {
    }
    /** A failure. */
    result(unexpected why) noexcept : either_(std::in_place_index<1>, std::move(why.error())) {}

    /** Whether it is a success. */
    [[nodiscard]] bool has_value() const noexcept { return either_.index() == 0; }
    /** Whether it is a success. */
    [[nodiscard]] explicit operator bool() const noexcept { return has_value(); }
    /** The value. */
    [[nodiscard]] T &operator*() &noexcept { return *std::get_if<0>(&either_); }
    /** The value. */
    [[nodiscard]] const T &operator*() const &noexcept { return *std::get_if<0>(&either_); }
    /** The value, to be moved from. */
    [[nodiscard]] T &&operator*() &&noexcept { return std::move(*std::get_if<0>(&either_)); }
    /** Of the value. */
    [[nodiscard]] T *operator->() noexcept { return std::get_if<0>(&either_); }
    /** Of the value. */
    [[nodiscard]] const T *operator->() const noexcept { return std::get_if<0>(&either_); }
    /** The error. */
    [[nodiscard]] keyfob::error &error() &noexcept { return *std::get_if<1>(&either_); }
    /** The error. */
    [[nodiscard]] const keyfob::error &error() const &noexcept { return *std::get_if<1>(&either_); }
    /** The error, to be moved from. */
    [[nodiscard]] keyfob::error &&error() &&noexcept
    {
        return std::move(*std::get_if<1>(&either_));
    }
    /** The value, or this where there is none. */
    template <class U> [[nodiscard]] T value_or(U &&other) const &
    {
        return has_value() ? **this : static_cast<T>(std::forward<U>(other));
    }
    /** The value, moved from here, or this where there is none. */
    template <class U> [[nodiscard]] T value_or(U &&other) &&
    {
        return has_value() ? std::move(**this) : static_cast<T>(std::forward<U>(other));
    }

private:
    std::variant<T, keyfob::error> either_;
};

/** That a call worked, or why it failed. */
template <> class [[nodiscard]] result<void>
{
public:
    using value_type = void;          ///< nothing
    using error_type = keyfob::error; ///< why it failed

    /** A success. */
    result() noexcept = default;
    /** A failure. */
    result(unexpected why) noexcept : why_(std::move(why.error())) {}

    /** Whether it is a success. */
    [[nodiscard]] bool has_value() const noexcept { return !why_; }
    /** Whether it is a success. */
    [[nodiscard]] explicit operator bool() const noexcept { return has_value(); }
    /** The error. */
    [[nodiscard]] keyfob::error &error() &noexcept { return *why_; }
    /** The error. */
    [[nodiscard]] const keyfob::error &error() const &noexcept { return *why_; }
    /** The error, to be moved from. */
    [[nodiscard]] keyfob::error &&error() &&noexcept { return std::move(*why_); }

private:
    std::optional<keyfob::error> why_;
};

#endif

#if defined(__cpp_exceptions)

/** What value_or_throw() throws. */
class exception : public std::runtime_error
{
public:
    /** Of an error. */
    explicit exception(const error &why)
        : std::runtime_error(std::string(why.message())), code_(why.code())
    {
    }
    /** What went wrong, as a number. */
    status code() const noexcept { return code_; }

private:
    status code_;
};

/** The value of a result, for a program that would rather catch than ask: throws a
 *  \ref keyfob::exception where it is a failure. Only where exceptions are on. */
template <class T> T value_or_throw(result<T> &&answer)
{
    if (!answer) {
        throw exception(answer.error());
    }
    if constexpr (!std::is_void_v<T>) {
        return *std::move(answer);
    }
}

#endif

namespace detail
{

inline unexpected failed(keyfob_status code, keyfob_error *owned) noexcept
{
    return unexpected(error(static_cast<status>(code), owned));
}

/// Calls what answers nothing but its status.
template <class Call> result<void> done(Call &&call) noexcept
{
    keyfob_error *err = nullptr;
    const keyfob_status code = call(&err);
    if (code != KEYFOB_OK) {
        return failed(code, err);
    }
    return {};
}

/// Calls what fills in a C value of the caller's, which is the answer.
template <class T, class Call> result<T> filled(T value, Call &&call) noexcept
{
    keyfob_error *err = nullptr;
    const keyfob_status code = call(&value, &err);
    if (code != KEYFOB_OK) {
        return failed(code, err);
    }
    return value;
}

/// Calls what makes an object, which is the answer.
template <class T, class C, class Call> result<T> made(Call &&call) noexcept
{
    C *object = nullptr;
    keyfob_error *err = nullptr;
    const keyfob_status code = call(&object, &err);
    if (code != KEYFOB_OK) {
        return failed(code, err);
    }
    return T(object);
}

/// What may have got somewhere before it failed.
class fallible
{
public:
    /** Why it stopped before the end; NULL where it did not. It lives as long as this object. */
    [[nodiscard]] const error *failure() const noexcept { return why_ ? &*why_ : nullptr; }

protected:
    void outcome(keyfob_status code, keyfob_error *owned) noexcept
    {
        why_.reset();
        if (code != KEYFOB_OK) {
            why_.emplace(static_cast<status>(code), owned);
        }
    }

private:
    std::optional<error> why_;
};

} // namespace detail

/** A callback that lives as long as the call that it is passed to: refers to any function object
 *  whose call is noexcept, and to nothing by default. An exception may not pass through C, so one
 *  that leaves the function object ends the program. */
template <class Signature> class callback;

/** See the class above. */
template <class R, class... Arguments> class callback<R(Arguments...)>
{
public:
    /** None. */
    callback() noexcept = default;
    /** Refers to a function object, which must outlive the call. */
    template <class F,
              class = std::enable_if_t<!std::is_same_v<std::decay_t<F>, callback> &&
                                       std::is_nothrow_invocable_r_v<R, F &, Arguments...>>>
    callback(F &&function) noexcept
        : function_(const_cast<void *>(static_cast<const void *>(std::addressof(function)))),
          call_([](void *at, Arguments... arguments) noexcept -> R {
              return (*static_cast<std::remove_reference_t<F> *>(at))(arguments...);
          })
    {
    }
    /** Whether there is one. */
    [[nodiscard]] explicit operator bool() const noexcept { return call_ != nullptr; }
    /** Calls it; there must be one. */
    R operator()(Arguments... arguments) const noexcept { return call_(function_, arguments...); }

private:
    void *function_ = nullptr;
    R (*call_)(void *, Arguments...) noexcept = nullptr;
};

/** What a progress callback answers. */
enum class progress : int {
    go_on = 0, ///< the work goes on
    stop = 1,  ///< it ends, with \ref status::interrupted
};

/** Is told how much is done, and of how much; 0 of the latter where nobody knows. It is called in
 *  the thread that asked, with no lock held. */
using progress_callback = callback<progress(std::uint64_t done, std::uint64_t total)>;

namespace detail
{

inline int on_progress(std::uint64_t done, std::uint64_t total, void *user) noexcept
{
    return static_cast<int>((*static_cast<const progress_callback *>(user))(done, total));
}

inline keyfob_progress_fn progress_function(const progress_callback &told) noexcept
{
    return told ? &on_progress : nullptr;
}

inline void *user(const progress_callback &told) noexcept
{
    return const_cast<progress_callback *>(&told); // on_progress() makes it const again
}

} // namespace detail

/** A secret text, which wipes itself: where it is destroyed, and where it is moved away from. It is
 *  not copied, not written to a stream, and becomes a text only by expose(). It lies in the object
 *  itself; what is swapped out or dumped is the program's to prevent. */
template <std::size_t Capacity> class [[nodiscard]] basic_secret
{
public:
    /** None. */
    basic_secret() noexcept = default;
    basic_secret(const basic_secret &) = delete;
    basic_secret &operator=(const basic_secret &) = delete;
    /** Moves it; the other one is wiped. */
    basic_secret(basic_secret &&other) noexcept { take(other); }
    /** Wipes what was here, and moves the other one here, which is wiped. */
    basic_secret &operator=(basic_secret &&other) noexcept
    {
        if (this != &other) {
            wipe();
            take(other);
        }
        return *this;
    }
    ~basic_secret() { wipe(); }

    /** The secret itself: hand it to its holder, or to where secrets are kept, and nowhere else. It
     *  lives as long as the object, with a NUL behind it. */
    [[nodiscard]] std::string_view expose() const &noexcept { return {text_.data(), size_}; }
    std::string_view expose() && = delete; // it would be wiped before it is read
    /** Whether there is none: it was moved away, or the call was a repetition. */
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    /** Wipes it now. */
    void wipe() noexcept
    {
        keyfob_memzero(text_.data(), text_.size());
        size_ = 0;
    }

private:
    friend struct detail::secret_writer;

    void take(basic_secret &other) noexcept
    {
        text_ = other.text_;
        size_ = other.size_;
        other.wipe();
    }

    std::array<char, Capacity> text_{};
    std::size_t size_ = 0;
};

/** A token: shown here once, and not to be had again. */
using token = basic_secret<KEYFOB_TOKEN_MAX>;

/** A pepper in hexadecimal. */
using pepper_hex = basic_secret<KEYFOB_PEPPER_HEX_MAX>;

namespace detail
{

/// Lets C write into a secret.
struct secret_writer {
    template <std::size_t Capacity> static char *text(basic_secret<Capacity> &secret) noexcept
    {
        return secret.text_.data();
    }
    template <std::size_t Capacity>
    static std::size_t *size(basic_secret<Capacity> &secret) noexcept
    {
        return &secret.size_;
    }
    template <std::size_t Capacity>
    static constexpr std::size_t capacity(const basic_secret<Capacity> &) noexcept
    {
        return Capacity;
    }
};

} // namespace detail

/** 32 secret bytes that are kept outside the file; wiped when it is destroyed. */
class pepper : public detail::handle<keyfob_pepper, keyfob_pepper_free>
{
public:
    using owner::owner;

    /** A pepper of 64 hexadecimal characters; what is passed is the caller's to wipe. */
    [[nodiscard]] static result<pepper> from_hex(std::string_view hex) noexcept
    {
        return detail::made<pepper, keyfob_pepper>([&](auto **out, auto **err) {
            return keyfob_pepper_from_hex(hex.data(), hex.size(), out, err);
        });
    }
    /** A new one from the operating system's random source. Write it down before a store is made
     *  with it. */
    [[nodiscard]] static result<pepper> generate() noexcept
    {
        return detail::made<pepper, keyfob_pepper>(
            [](auto **out, auto **err) { return keyfob_pepper_generate(out, err); });
    }
    /** Its 64 hexadecimal characters, for where the caller keeps secrets. */
    [[nodiscard]] result<pepper_hex> to_hex() const noexcept
    {
        using writer = detail::secret_writer;
        pepper_hex hex;
        keyfob_error *err = nullptr;
        const keyfob_status code =
            keyfob_pepper_to_hex(capi(), writer::text(hex), writer::capacity(hex), &err);
        if (code != KEYFOB_OK) {
            return detail::failed(code, err);
        }
        *writer::size(hex) = std::strlen(writer::text(hex));
        return hex;
    }
};

/** A clock that stands at a time until it is moved, for tests. */
class clock : public detail::handle<keyfob_clock, keyfob_clock_free>
{
public:
    using owner::owner;

    /** A clock that shows a time. */
    [[nodiscard]] static result<clock> at(sys_seconds now) noexcept
    {
        return detail::made<clock, keyfob_clock>([&](auto **out, auto **err) {
            return keyfob_clock_new(now.time_since_epoch().count(), out, err);
        });
    }
    /** Sets it, as somebody would who sets that of the machine; no time passes by it. */
    void set(sys_seconds now) const noexcept
    {
        keyfob_clock_set(capi(), now.time_since_epoch().count());
    }
    /** Lets time pass by it; or takes it back, where it is negative. */
    void advance(std::chrono::seconds by) const noexcept
    {
        keyfob_clock_advance(capi(), by.count());
    }
};

/** What a store asks of the expiry of keys, and how many keys an owner may have. */
struct policy {
    std::optional<std::chrono::seconds> default_lifetime{}; ///< of a key that names no expiry
    std::optional<std::chrono::seconds> longest_lifetime{}; ///< from the time of the change
    bool expiry_required = false;                           ///< whether every key must expire
    std::optional<std::uint64_t> most_keys_per_owner{};     ///< neither revoked nor expired
};

/** How a store is created or opened; by default without a pepper, and shared between processes. */
struct store_options {
    std::optional<std::string_view> prefix{};              ///< of its tokens; needed to create one
    std::optional<std::string_view> actor{};               ///< who acts, as the log shows it
    const keyfob::pepper *pepper = nullptr;                ///< its pepper, if it has one; copied
    std::vector<const keyfob::pepper *> retired_peppers{}; ///< of the past; copied
    std::optional<keyfob::policy> policy{};                ///< that a new store begins with
    const keyfob::clock *clock = nullptr;                  ///< instead of the system's; shared
    bool read_only = false;                                ///< \ref KEYFOB_OPEN_READ_ONLY
    bool exclusive = false;                                ///< \ref KEYFOB_OPEN_EXCLUSIVE
    bool no_mapping = false;                               ///< \ref KEYFOB_OPEN_NO_MAPPING
    bool no_key_cache = false;                             ///< \ref KEYFOB_OPEN_NO_KEY_CACHE
    bool no_flushing = false;                              ///< \ref KEYFOB_OPEN_NO_FLUSHING
    bool allow_insecure_permissions = false;        ///< \ref KEYFOB_OPEN_ALLOW_INSECURE_PERMISSIONS
    bool allow_network_file_system = false;         ///< \ref KEYFOB_OPEN_ALLOW_NETWORK_FILE_SYSTEM
    check_on_open check = check_on_open::automatic; ///< when the whole file is checked
    std::uint64_t least_sequence = 0;               ///< refuse a store that stands lower
    std::uint64_t page_cache_bytes = 0;             ///< 0 for 16 MiB
    std::uint64_t key_cache_bytes = 0;              ///< 0 for 16 MiB
    std::uint32_t file_mode = 0;                    ///< 0600, 0640 or 0660; 0 for 0600
    std::optional<std::chrono::duration<std::uint32_t, std::milli>> read_timeout{};  ///< 250 ms
    std::optional<std::chrono::duration<std::uint32_t, std::milli>> write_timeout{}; ///< 2 s
    std::optional<std::chrono::duration<std::uint32_t, std::milli>> flush_every{};   ///< 5 s
};

/** When a key expires; by default as the store's policy says, and without one never. */
class expiry
{
public:
    /** As the store's policy says. */
    expiry() noexcept = default;
    /** Never. */
    static expiry never() noexcept { return {KEYFOB_EXPIRY_NEVER, 0}; }
    /** At a time: the key is good until the second before. */
    static expiry at(sys_seconds time) noexcept
    {
        return {KEYFOB_EXPIRY_AT, time.time_since_epoch().count()};
    }
    /** So many seconds from now. */
    static expiry in(std::chrono::seconds lifetime) noexcept
    {
        return {KEYFOB_EXPIRY_IN, lifetime.count()};
    }

    /** One of \ref keyfob_expiry_kinds. */
    [[nodiscard]] std::uint32_t kind() const noexcept { return kind_; }
    /** The time or the seconds of the kinds that have one. */
    [[nodiscard]] std::int64_t seconds() const noexcept { return seconds_; }

private:
    expiry(std::uint32_t kind, std::int64_t seconds) noexcept : kind_(kind), seconds_(seconds) {}

    std::uint32_t kind_ = KEYFOB_EXPIRY_DEFAULT;
    std::int64_t seconds_ = 0;
};

/** What a key is made from. Only the name is needed. */
struct new_key {
    std::string_view name{};                                  ///< what people call it
    std::vector<std::string_view> scopes{};                   ///< what it may do
    keyfob::expiry expiry{};                                  ///< when it expires
    std::optional<sys_seconds> not_before{};                  ///< from when on it is good
    std::optional<std::chrono::seconds> rotation_due_after{}; ///< a reminder that listings show
    std::optional<std::string_view> project{};                ///< that it is bound to, for good
    std::optional<std::string_view> environment{};            ///< instead of "live"
    std::optional<std::string_view> owner{};                  ///< whom it belongs to
    std::optional<std::string_view> request_id{};             ///< makes the creation repeatable
    std::vector<std::pair<std::string_view, std::string_view>> metadata{}; ///< the caller's own
    std::vector<std::string_view> tags{};                                  ///< labels to list by
    std::vector<std::string_view> ip_list{}; ///< the only addresses that it is good from
};

/** Says that a field of an update becomes empty: `update.owner = keyfob::clear`. */
struct clear_t {
};

/** Says that a field of an update becomes empty. */
inline constexpr clear_t clear{};

/** What an update does to a field: keeps it, unless a value or `keyfob::clear` is assigned. */
template <class T> class change
{
public:
    /** It stays as it is. */
    change() noexcept = default;
    /** It becomes empty. */
    change(clear_t) noexcept : cleared_(true) {}
    /** It becomes this. */
    template <class U, class = std::enable_if_t<std::is_convertible_v<U &&, T>>>
    change(U &&value) : value_(std::forward<U>(value))
    {
    }

    /** What it becomes, if that is something. */
    [[nodiscard]] const std::optional<T> &value() const noexcept { return value_; }
    /** Whether it becomes empty. */
    [[nodiscard]] bool is_clear() const noexcept { return cleared_; }

private:
    std::optional<T> value_{};
    bool cleared_ = false;
};

/** What is changed of a key; what is not assigned stays as it is. */
struct key_update {
    std::optional<std::string_view> name{};            ///< what people call it
    change<std::vector<std::string_view>> scopes{};    ///< what it may do
    change<std::string_view> owner{};                  ///< whom it belongs to
    change<keyfob::expiry> expiry{};                   ///< cleared means never
    change<sys_seconds> not_before{};                  ///< from when on it is good
    change<std::chrono::seconds> rotation_due_after{}; ///< since the last rotation
    change<std::vector<std::pair<std::string_view, std::string_view>>> metadata{}; ///< all of it
    /** Single pairs, set after `metadata`; one without a value is removed. */
    std::vector<std::pair<std::string_view, std::optional<std::string_view>>> metadata_pairs{};
    change<std::vector<std::string_view>> tags{};    ///< all of them
    change<std::vector<std::string_view>> ip_list{}; ///< emptied only by `keyfob::clear`
};

/** Why a key is revoked. */
struct revoke_options {
    keyfob::reason reason = keyfob::reason::unspecified; ///< a reason of RFC 5280
    std::optional<std::string_view> note{};              ///< free text
    bool whole_key = false;                              ///< \ref KEYFOB_REVOKE_WHOLE_KEY
};

/** How a key is given a new secret. */
struct rotate_options {
    std::chrono::seconds grace{0};                ///< how long the old secret stays good
    std::optional<std::string_view> request_id{}; ///< makes the rotation repeatable
};

/** Which keys are meant: those for which everything that is stated holds; all, where nothing is. */
struct filter {
    std::optional<std::string_view> project{};     ///< bound to this project
    std::optional<std::string_view> owner{};       ///< belongs to this owner
    std::optional<std::string_view> environment{}; ///< of this environment
    std::optional<std::string_view> scope{};       ///< grants this scope by its own
    std::optional<std::string_view> name_part{};   ///< its name holds this, whatever the case
    std::optional<std::string_view> tag{};         ///< has this tag
    std::vector<keyfob::state> states{};           ///< in one of these; none means any
    std::optional<sys_seconds> created_after{};    ///< then or later
    std::optional<sys_seconds> created_before{};   ///< before then
    std::optional<sys_seconds> expires_after{};    ///< then or later, or never
    std::optional<sys_seconds> expires_before{};   ///< before then
    std::optional<std::chrono::seconds> expires_within{}; ///< from now, and has not yet
    std::optional<sys_seconds> unused_since{};            ///< here before then, and not used since
    bool never_used = false;                              ///< with any of its secrets
    bool rotation_due = false;                            ///< and not revoked
};

/** How keys are listed. */
struct list_options {
    keyfob::order order = keyfob::order::created; ///< in which order
    bool reverse = false;                         ///< the last first
    std::uint32_t page_size = 0;                  ///< how many are read at once; 0 for 100
    std::optional<std::string_view> after{};      ///< what key_range::cursor() gave
};

/** What a project is made from. */
struct new_project {
    std::string_view name{};                 ///< unique among those that exist, fixed
    std::vector<std::string_view> scopes{};  ///< that its tokens may hold at most
    std::optional<std::string_view> owner{}; ///< whom it belongs to
};

/** What is changed of a project. */
struct project_update {
    change<std::vector<std::string_view>> scopes{}; ///< that its tokens may hold at most
    change<std::string_view> owner{};               ///< whom it belongs to
};

/** Which events are meant: those for which everything that is stated holds. */
struct log_query {
    std::optional<std::uint64_t> after{};      ///< begin after this sequence, which may be 0
    std::optional<std::string_view> key_id{};  ///< about this key
    std::optional<std::string_view> project{}; ///< about this project or a key of it
    std::optional<sys_seconds> from{};         ///< then or later
    std::optional<sys_seconds> until{};        ///< before then
};

/** Which keys are pruned: those for which one of the conditions holds. */
struct prune_options {
    std::optional<sys_seconds> revoked_before{}; ///< revoked before then
    std::optional<sys_seconds> expired_before{}; ///< expired before then
};

/** How a backup is restored. */
struct restore_options {
    bool disable_all = false;              ///< \ref KEYFOB_RESTORE_DISABLE_ALL
    bool trust_unkeyed = false;            ///< \ref KEYFOB_RESTORE_TRUST_UNKEYED
    bool replace_other_file = false;       ///< \ref KEYFOB_RESTORE_REPLACE_OTHER_FILE
    std::vector<std::string_view> named{}; ///< ids of pruned keys that are brought back
};

/** What an import gives to its keys where their lines do not say it themselves. */
struct import_defaults {
    keyfob::expiry expiry{};                       ///< of keys whose line has none, or says never
    std::optional<std::string_view> name{};        ///< of keys whose line has none
    std::optional<std::string_view> project{};     ///< that every key is bound to
    std::optional<std::string_view> environment{}; ///< of keys whose line has none
    std::optional<std::string_view> owner{};       ///< of keys whose line does not say
    std::vector<std::string_view> scopes{};        ///< of keys whose line has none
    std::vector<std::string_view> tags{};          ///< of every key
};

/** What a requirement is made from. What it does not state is not granted: without a project only a
 *  key without a project is good, and the environment is "live". */
struct requirement_spec {
    std::vector<std::string_view> scopes{}; ///< all of these
    /** At least one of these, beside the others; none at all of them is EMPTY_REQUIREMENT. */
    std::optional<std::vector<std::string_view>> any_scopes{};
    std::optional<std::string_view> project{};     ///< its tokens, and keys without a project
    bool any_project = false;                      ///< the tokens of any project
    std::optional<std::string_view> environment{}; ///< instead of "live"
    bool any_environment = false;                  ///< any environment
    std::optional<std::string_view> owner{};       ///< the owner
};

/** An address in network order. */
class ip_address
{
public:
    /** One that is not known. */
    ip_address() noexcept = default;
    /** An IPv4 address. */
    ip_address(const std::array<std::uint8_t, 4> &v4) noexcept : size_(4)
    {
        std::memcpy(bytes_.data(), v4.data(), v4.size());
    }
    /** An IPv6 address; one that is IPv4-mapped counts as IPv4. */
    ip_address(const std::array<std::uint8_t, 16> &v6) noexcept : size_(16), bytes_(v6) {}

    /** How many bytes it has: 4, 16, or 0 where it is not known. */
    [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
    /** Its bytes. */
    [[nodiscard]] const std::uint8_t *data() const noexcept { return bytes_.data(); }

private:
    std::uint32_t size_ = 0;
    std::array<std::uint8_t, 16> bytes_{};
};

/** What only one request knows of what is required; goes before what the requirement says. Nothing
 *  in it is copied. */
struct request {
    ip_address ip{};                           ///< the peer's own address
    std::optional<std::string_view> project{}; ///< the project
    std::optional<std::string_view> owner{};   ///< the owner
};

namespace detail
{

template <class Flag> std::uint32_t flag(bool is, Flag bit) noexcept
{
    return is ? static_cast<std::uint32_t>(bit) : 0;
}

inline keyfob_policy raw(const policy &from) noexcept
{
    keyfob_policy to = KEYFOB_POLICY_INIT;
    to.flags = flag(from.expiry_required, KEYFOB_POLICY_EXPIRY_REQUIRED) |
               flag(from.most_keys_per_owner.has_value(), KEYFOB_POLICY_MOST_KEYS_PER_OWNER);
    to.default_lifetime = stated(from.default_lifetime);
    to.longest_lifetime = stated(from.longest_lifetime);
    to.most_keys_per_owner = from.most_keys_per_owner.value_or(0);
    return to;
}

// Each of the following holds what its C struct points to, and so is not copied; the arrays stay
// where they are when a vector of it grows.

struct raw_store_options {
    explicit raw_store_options(const store_options &from)
        : policy(raw(from.policy.value_or(keyfob::policy())))
    {
        for (const pepper *each : from.retired_peppers) {
            retired.push_back(each == nullptr ? nullptr : each->capi());
        }
        to.flags = flag(from.read_only, KEYFOB_OPEN_READ_ONLY) |
                   flag(from.exclusive, KEYFOB_OPEN_EXCLUSIVE) |
                   flag(from.no_mapping, KEYFOB_OPEN_NO_MAPPING) |
                   flag(from.no_key_cache, KEYFOB_OPEN_NO_KEY_CACHE) |
                   flag(from.no_flushing, KEYFOB_OPEN_NO_FLUSHING) |
                   flag(from.allow_insecure_permissions, KEYFOB_OPEN_ALLOW_INSECURE_PERMISSIONS) |
                   flag(from.allow_network_file_system, KEYFOB_OPEN_ALLOW_NETWORK_FILE_SYSTEM);
        to.prefix = given(from.prefix);
        to.actor = given(from.actor);
        to.pepper = from.pepper == nullptr ? nullptr : from.pepper->capi();
        to.retired_peppers = retired.data();
        to.retired_peppers_count = retired.size();
        to.policy = from.policy ? &policy : nullptr;
        to.clock = from.clock == nullptr ? nullptr : from.clock->capi();
        to.least_sequence = from.least_sequence;
        to.page_cache_bytes = from.page_cache_bytes;
        to.key_cache_bytes = from.key_cache_bytes;
        to.read_timeout_ms = from.read_timeout ? from.read_timeout->count() : 0;
        to.write_timeout_ms = from.write_timeout ? from.write_timeout->count() : 0;
        to.flush_every_ms = from.flush_every ? from.flush_every->count() : 0;
        to.file_mode = from.file_mode;
        to.check = static_cast<std::uint32_t>(from.check);
        moved_away = (from.pepper != nullptr && to.pepper == nullptr) ||
                     (from.clock != nullptr && to.clock == nullptr);
    }
    raw_store_options(const raw_store_options &) = delete;
    raw_store_options &operator=(const raw_store_options &) = delete;

    keyfob_policy policy;
    std::vector<const keyfob_pepper *> retired;
    keyfob_store_options to = KEYFOB_STORE_OPTIONS_INIT;
    /// Whether the pepper or the clock was moved away: C would take its NULL for one not named.
    bool moved_away;
};

template <class Value>
std::vector<keyfob_pair> pairs(const std::vector<std::pair<std::string_view, Value>> &from)
{
    std::vector<keyfob_pair> to;
    to.reserve(from.size());
    for (const auto &[key, value] : from) {
        to.push_back({given(key), given(value)});
    }
    return to;
}

struct raw_new_key {
    explicit raw_new_key(const new_key &from)
        : scopes(from.scopes), tags(from.tags), ip_list(from.ip_list),
          metadata(pairs(from.metadata))
    {
        to.expiry_kind = from.expiry.kind();
        to.expires = from.expiry.seconds();
        to.not_before = stated(from.not_before);
        to.rotation_due_after = stated(from.rotation_due_after);
        to.name = given(from.name);
        to.project = given(from.project);
        to.environment = given(from.environment);
        to.owner = given(from.owner);
        to.request_id = given(from.request_id);
        to.scopes = scopes.data();
        to.scopes_count = scopes.size();
        to.metadata = metadata.data();
        to.metadata_count = metadata.size();
        to.tags = tags.data();
        to.tags_count = tags.size();
        to.ip_list = ip_list.data();
        to.ip_list_count = ip_list.size();
    }
    raw_new_key(const raw_new_key &) = delete;
    raw_new_key &operator=(const raw_new_key &) = delete;
    raw_new_key(raw_new_key &&) = default;
    raw_new_key &operator=(raw_new_key &&) = default;
    ~raw_new_key() = default;

    text_array scopes, tags, ip_list;
    std::vector<keyfob_pair> metadata;
    keyfob_new_key to = KEYFOB_NEW_KEY_INIT;
};

/// The value of a change that has one, or of a default otherwise.
template <class T> T value_of(const change<T> &from)
{
    return from.value().value_or(T{});
}

struct raw_key_update {
    explicit raw_key_update(const key_update &from)
        : scopes(value_of(from.scopes)), tags(value_of(from.tags)), ip_list(value_of(from.ip_list)),
          metadata(pairs(value_of(from.metadata))), metadata_pairs(pairs(from.metadata_pairs))
    {
        to.set |= flag(from.name.has_value(), KEYFOB_KEY_NAME);
        field(from.scopes, KEYFOB_KEY_SCOPES);
        field(from.owner, KEYFOB_KEY_OWNER);
        field(from.expiry, KEYFOB_KEY_EXPIRY);
        field(from.not_before, KEYFOB_KEY_NOT_BEFORE);
        field(from.metadata, KEYFOB_KEY_METADATA);
        field(from.tags, KEYFOB_KEY_TAGS);
        field(from.ip_list, KEYFOB_KEY_IP_LIST);
        field(from.rotation_due_after, KEYFOB_KEY_ROTATION_DUE_AFTER);
        to.expiry_kind = value_of(from.expiry).kind();
        to.expires = value_of(from.expiry).seconds();
        to.not_before = value_of(from.not_before).time_since_epoch().count();
        to.rotation_due_after = value_of(from.rotation_due_after).count();
        to.name = given(from.name);
        to.owner = given(from.owner.value());
        to.scopes = scopes.data();
        to.scopes_count = scopes.size();
        to.metadata = metadata.data();
        to.metadata_count = metadata.size();
        to.metadata_pairs = metadata_pairs.data();
        to.metadata_pairs_count = metadata_pairs.size();
        to.tags = tags.data();
        to.tags_count = tags.size();
        to.ip_list = ip_list.data();
        to.ip_list_count = ip_list.size();
    }
    raw_key_update(const raw_key_update &) = delete;
    raw_key_update &operator=(const raw_key_update &) = delete;

    text_array scopes, tags, ip_list;
    std::vector<keyfob_pair> metadata, metadata_pairs;
    keyfob_key_update to = KEYFOB_KEY_UPDATE_INIT;

private:
    template <class T> void field(const change<T> &change, keyfob_key_fields bit) noexcept
    {
        to.set |= flag(change.value().has_value(), bit);
        to.clear |= flag(change.is_clear(), bit);
    }
};

inline keyfob_revoke_options raw(const revoke_options &from) noexcept
{
    keyfob_revoke_options to = KEYFOB_REVOKE_OPTIONS_INIT;
    to.flags = flag(from.whole_key, KEYFOB_REVOKE_WHOLE_KEY);
    to.reason = static_cast<std::uint32_t>(from.reason);
    to.note = given(from.note);
    return to;
}

inline keyfob_rotate_options raw(const rotate_options &from) noexcept
{
    keyfob_rotate_options to = KEYFOB_ROTATE_OPTIONS_INIT;
    to.grace = from.grace.count();
    to.request_id = given(from.request_id);
    return to;
}

inline keyfob_filter raw(const filter &from) noexcept
{
    keyfob_filter to = KEYFOB_FILTER_INIT;
    to.flags = flag(from.never_used, KEYFOB_FILTER_NEVER_USED) |
               flag(from.rotation_due, KEYFOB_FILTER_ROTATION_DUE);
    for (const state each : from.states) {
        to.states |= static_cast<std::uint32_t>(each);
    }
    to.project = given(from.project);
    to.owner = given(from.owner);
    to.environment = given(from.environment);
    to.scope = given(from.scope);
    to.name_part = given(from.name_part);
    to.tag = given(from.tag);
    to.created_after = stated(from.created_after);
    to.created_before = stated(from.created_before);
    to.expires_after = stated(from.expires_after);
    to.expires_before = stated(from.expires_before);
    to.expires_within = stated(from.expires_within);
    to.unused_since = stated(from.unused_since);
    return to;
}

inline keyfob_list_options raw(const list_options &from) noexcept
{
    keyfob_list_options to = KEYFOB_LIST_OPTIONS_INIT;
    to.flags = flag(from.reverse, KEYFOB_LIST_REVERSE);
    to.order = static_cast<std::uint32_t>(from.order);
    to.page_size = from.page_size;
    to.after = given(from.after);
    return to;
}

inline keyfob_log_query raw(const log_query &from) noexcept
{
    keyfob_log_query to = KEYFOB_LOG_QUERY_INIT;
    to.flags = flag(from.after.has_value(), KEYFOB_LOG_AFTER);
    to.after = from.after.value_or(0);
    to.key_id = given(from.key_id);
    to.project = given(from.project);
    to.from = stated(from.from);
    to.until = stated(from.until);
    return to;
}

inline keyfob_prune_options raw(const prune_options &from) noexcept
{
    keyfob_prune_options to = KEYFOB_PRUNE_OPTIONS_INIT;
    to.revoked_before = stated(from.revoked_before);
    to.expired_before = stated(from.expired_before);
    return to;
}

inline keyfob_request raw(const request &from) noexcept
{
    keyfob_request to = KEYFOB_REQUEST_INIT;
    to.ip_size = from.ip.size();
    std::memcpy(to.ip, from.ip.data(), sizeof to.ip);
    to.project = given(from.project);
    to.owner = given(from.owner);
    return to;
}

} // namespace detail

/** What a token must be good for. It never changes: make it once, use it for every request and in
 *  any number of threads. A copy is the same requirement, and moving one copies it, so that
 *  there is none that was moved away and asks for nothing. */
class requirement
{
public:
    /** Nothing but a live key without a project: no scope. See keyfob_requirement_nothing(). */
    requirement() noexcept : shared_(std::shared_ptr<void>(), keyfob_requirement_nothing()) {}
    /** Another handle on the same requirement. */
    requirement(const requirement &) noexcept = default;
    /** Becomes the same requirement. */
    requirement &operator=(const requirement &) noexcept = default;
    ~requirement() = default;

    /** Compiles a requirement; see keyfob_requirement_new(). */
    [[nodiscard]] static result<requirement> make(const requirement_spec &spec)
    {
        const detail::text_array scopes(spec.scopes);
        const detail::text_array any(spec.any_scopes.value_or(std::vector<std::string_view>()));
        keyfob_requirement_spec raw = KEYFOB_REQUIREMENT_SPEC_INIT;
        raw.flags = detail::flag(spec.any_project, KEYFOB_REQUIRE_ANY_PROJECT) |
                    detail::flag(spec.any_environment, KEYFOB_REQUIRE_ANY_ENVIRONMENT);
        raw.scopes = scopes.data();
        raw.scopes_count = scopes.size();
        raw.any_scopes = spec.any_scopes ? any.stated() : nullptr;
        raw.any_scopes_count = any.size();
        raw.project = detail::given(spec.project);
        raw.environment = detail::given(spec.environment);
        raw.owner = detail::given(spec.owner);
        keyfob_requirement *made = nullptr;
        keyfob_error *err = nullptr;
        const keyfob_status code = keyfob_requirement_new(&raw, &made, &err);
        if (code != KEYFOB_OK) {
            return detail::failed(code, err);
        }
        return requirement(made);
    }

    /** Takes over what a C function made. NULL, which it made of a requirement that it refused, is
     *  none: every verification with it is NULL_ARGUMENT. */
    explicit requirement(keyfob_requirement *owned) : shared_(owned, keyfob_requirement_free) {}
    /** What the C functions take; borrowed. */
    [[nodiscard]] const keyfob_requirement *capi() const noexcept { return shared_.get(); }

private:
    std::shared_ptr<const keyfob_requirement> shared_; // owns nothing where it points to C's own
};

/** What a verification answers: whether the token is good, and what there is to tell of it. Making
 *  one allocates nothing. It is false unless the token is good; what there is to tell is then
 *  empty.
 */
class [[nodiscard]] verification
{
public:
    /** One that no store answered: NULL_ARGUMENT. */
    verification() noexcept : raw_(KEYFOB_VERIFICATION_INIT) {}

    /** How it came out: \ref status::ok, a denial, or why nothing could be said. */
    status code() const noexcept { return static_cast<status>(code_); }
    /** Whether the token is good for what was required. */
    [[nodiscard]] explicit operator bool() const noexcept { return code_ == KEYFOB_OK; }
    /** Whether the token is not good for it, as opposed to a store that could not answer. */
    [[nodiscard]] bool is_denial() const noexcept { return keyfob::is_denial(code()); }
    /** What to answer over HTTP. */
    [[nodiscard]] int http_status() const noexcept { return keyfob::http_status(code()); }
    /** The id of the key. */
    [[nodiscard]] std::string_view key_id() const noexcept { return good() ? raw_.key_id : ""; }
    /** Its environment. */
    [[nodiscard]] std::string_view environment() const noexcept
    {
        return good() ? std::string_view(raw_.environment, raw_.environment_size) : "";
    }
    /** The name of the project that it is bound to. */
    [[nodiscard]] std::optional<std::string_view> project() const noexcept
    {
        return some(raw_.project, raw_.project_size);
    }
    /** Whom it belongs to. */
    [[nodiscard]] std::optional<std::string_view> owner() const noexcept
    {
        return some(raw_.owner, raw_.owner_size);
    }
    /** When the token ends, with the key or with the grace; none for never. */
    [[nodiscard]] std::optional<sys_seconds> expires_at() const noexcept
    {
        return good() ? detail::optional_time(raw_.expires_at) : std::nullopt;
    }
    /** Whether the token holds the old secret of a rotation: its holder should change to the new
     *  one. */
    [[nodiscard]] bool previous_secret() const noexcept
    {
        return good() && (raw_.flags & KEYFOB_VERIFIED_PREVIOUS_SECRET) != 0;
    }
    /** The C struct; zeros unless the token is good. Borrowed. */
    [[nodiscard]] const keyfob_verification *capi() const noexcept { return &raw_; }

private:
    friend class store;

    struct unwritten {
    };
    // The rest is written by the verification that this is handed to; zeros would cost it time.
    explicit verification(unwritten) noexcept { raw_.size = sizeof raw_; }

    bool good() const noexcept { return code_ == KEYFOB_OK; }
    std::optional<std::string_view> some(const char *text, std::uint8_t size) const noexcept
    {
        return good() && size != 0 ? std::optional(std::string_view(text, size)) : std::nullopt;
    }

    keyfob_verification raw_;
    keyfob_status code_ = KEYFOB_NULL_ARGUMENT;
};

namespace detail
{

/// What the C functions tell of a verified token.
class verified_view : public view<keyfob_verified>
{
public:
    using view::view;
    /// Its scopes.
    using scope_texts = texts<keyfob_verified, keyfob_verified_scope_count, keyfob_verified_scope>;

    /** The id of the key. */
    [[nodiscard]] std::string_view key_id() const noexcept
    {
        return text<keyfob_verified_key_id>(capi());
    }
    /** The id of the key as bytes. */
    [[nodiscard]] id_bytes key_id_bytes() const noexcept
    {
        return id_of<keyfob_verified_key_id_bytes>(capi());
    }
    /** Whether the token holds the old secret of a rotation, whose grace runs. */
    [[nodiscard]] bool previous_secret() const noexcept
    {
        return keyfob_verified_previous_secret(capi()) != 0;
    }
    /** Whom the key belongs to. */
    [[nodiscard]] std::optional<std::string_view> owner() const noexcept
    {
        return optional_text<keyfob_verified_owner>(capi());
    }
    /** The name of the project that the key is bound to. */
    [[nodiscard]] std::optional<std::string_view> project() const noexcept
    {
        return optional_text<keyfob_verified_project>(capi());
    }
    /** The environment of the key. */
    [[nodiscard]] std::string_view environment() const noexcept
    {
        return text<keyfob_verified_environment>(capi());
    }
    /** When the token ends; none for never. */
    [[nodiscard]] std::optional<sys_seconds> expires_at() const noexcept
    {
        return optional_time(keyfob_verified_expires_at(capi()));
    }
    /** What the token grants. */
    [[nodiscard]] scope_texts scopes() const noexcept { return scope_texts(capi()); }
    /** Whether a scope is granted, for what a handler finds out later than its requirement knew. */
    status require_scope(std::string_view scope) const noexcept
    {
        const keyfob_text given = detail::given(scope);
        return static_cast<status>(
            keyfob_verified_require_scope(capi(), given.data, given.size, nullptr));
    }
};

} // namespace detail

/** A token that was good for what was required, as it was then. Only a verification makes one. */
class verified : public detail::owner<detail::verified_view, keyfob_verified, keyfob_verified_free>
{
public:
    using detail::owner<detail::verified_view, keyfob_verified, keyfob_verified_free>::owner;
    using verified_view::owner;
};

/** A check of a verification, and how it came out. */
struct explained_check {
    std::string_view name; ///< which, "not_before"
    status outcome; ///< \ref status::ok, what a verification answers, or \ref status::not_reached
};

namespace detail
{

inline explained_check check_at(const keyfob_explanation *of, std::size_t index) noexcept
{
    return {keyfob_explanation_check_name(of, index),
            static_cast<status>(keyfob_explanation_check_outcome(of, index))};
}

} // namespace detail

/** Every check of a verification with its outcome; a range of \ref keyfob::explained_check. For the
 *  operator. */
class explanation
    : public detail::owner<detail::list_view<keyfob_explanation, explained_check,
                                             keyfob_explanation_check_count, detail::check_at>,
                           keyfob_explanation, keyfob_explanation_free>
{
public:
    using owner::owner;

    /** What a verification answers. */
    status outcome() const noexcept
    {
        return static_cast<status>(keyfob_explanation_outcome(capi()));
    }
    /** The id of the key, where the secret is one of its own. */
    [[nodiscard]] std::optional<std::string_view> key_id() const noexcept
    {
        return detail::optional_text<keyfob_explanation_key_id>(capi());
    }
};

class key;

/** What the store told of a key, as it was then; borrowed from an iterator or a list. */
class key_view : public detail::view<keyfob_key>
{
public:
    using view::view;
    /** Its scopes. */
    using scope_texts = detail::texts<keyfob_key, keyfob_key_scope_count, keyfob_key_scope>;
    /** Its tags. */
    using tag_texts = detail::texts<keyfob_key, keyfob_key_tag_count, keyfob_key_tag>;
    /** The ranges of its IP list. */
    using ip_texts = detail::texts<keyfob_key, keyfob_key_ip_range_count, keyfob_key_ip_range>;
    /** Its metadata, pairs of texts. */
    using metadata_pairs = detail::list_view<
        keyfob_key, detail::text_pair, keyfob_key_metadata_count,
        detail::pair_at<keyfob_key, keyfob_key_metadata_key, keyfob_key_metadata_value>>;

    /** Whether there is one: not beyond the last of a list. */
    [[nodiscard]] explicit operator bool() const noexcept { return capi() != nullptr; }
    /** A copy, which is the caller's: to keep one that an iterator or a list lent. */
    [[nodiscard]] result<key> clone() const noexcept;

    /** Its id, 22 letters and digits; in its tokens too, and public. */
    [[nodiscard]] std::string_view id() const noexcept
    {
        return detail::text<keyfob_key_id>(capi());
    }
    /** Its id as bytes. */
    [[nodiscard]] keyfob::id_bytes id_bytes() const noexcept
    {
        return detail::id_of<keyfob_key_id_bytes>(capi());
    }
    /** What may be shown of its token. */
    [[nodiscard]] std::string_view hint() const noexcept
    {
        return detail::text<keyfob_key_hint>(capi());
    }
    /** What people call it. */
    [[nodiscard]] std::string_view name() const noexcept
    {
        return detail::text<keyfob_key_name>(capi());
    }
    /** Its scopes, in the order of their bytes. */
    [[nodiscard]] scope_texts scopes() const noexcept { return scope_texts(capi()); }
    /** The name of the project that it is bound to. */
    [[nodiscard]] std::optional<std::string_view> project() const noexcept
    {
        return detail::optional_text<keyfob_key_project>(capi());
    }
    /** Its environment. */
    [[nodiscard]] std::string_view environment() const noexcept
    {
        return detail::text<keyfob_key_environment>(capi());
    }
    /** Whom it belongs to. */
    [[nodiscard]] std::optional<std::string_view> owner() const noexcept
    {
        return detail::optional_text<keyfob_key_owner>(capi());
    }
    /** What it was when the store told of it, its project included. */
    [[nodiscard]] keyfob::state state() const noexcept
    {
        return static_cast<keyfob::state>(keyfob_key_state(capi()));
    }
    /** Whether its state is so because of its project. */
    [[nodiscard]] bool state_by_project() const noexcept
    {
        return keyfob_key_state_by_project(capi()) != 0;
    }
    /** When it was created; of an imported key, when it was issued, where its line said so. */
    [[nodiscard]] sys_seconds created_at() const noexcept
    {
        return detail::time(keyfob_key_created_at(capi()));
    }
    /** When it was last changed. */
    [[nodiscard]] sys_seconds updated_at() const noexcept
    {
        return detail::time(keyfob_key_updated_at(capi()));
    }
    /** When it expires: it is good until the second before. None for never. */
    [[nodiscard]] std::optional<sys_seconds> expires_at() const noexcept
    {
        return detail::optional_time(keyfob_key_expires_at(capi()));
    }
    /** From when on it is good. */
    [[nodiscard]] std::optional<sys_seconds> not_before() const noexcept
    {
        return detail::optional_time(keyfob_key_not_before(capi()));
    }
    /** Its metadata, in the order of the bytes of their keys. */
    [[nodiscard]] metadata_pairs metadata() const noexcept { return metadata_pairs(capi()); }
    /** The value of the pair with a key. */
    [[nodiscard]] std::optional<std::string_view> metadata(std::string_view name) const noexcept
    {
        const keyfob_text given = detail::given(name);
        return detail::optional_text<keyfob_key_metadata>(capi(), given.data, given.size);
    }
    /** Its tags, in the order of their bytes. */
    [[nodiscard]] tag_texts tags() const noexcept { return tag_texts(capi()); }
    /** The ranges of its IP list; none where it is good from any address. */
    [[nodiscard]] ip_texts ip_list() const noexcept { return ip_texts(capi()); }
    /** When it was revoked. */
    [[nodiscard]] std::optional<sys_seconds> revoked_at() const noexcept
    {
        return detail::optional_time(keyfob_key_revoked_at(capi()));
    }
    /** Why it was revoked. */
    [[nodiscard]] reason revocation_reason() const noexcept
    {
        return static_cast<reason>(keyfob_key_revocation_reason(capi()));
    }
    /** Free text of who revoked it. */
    [[nodiscard]] std::optional<std::string_view> revocation_note() const noexcept
    {
        return detail::optional_text<keyfob_key_revocation_note>(capi());
    }
    /** When its current secret was made. */
    [[nodiscard]] sys_seconds rotated_at() const noexcept
    {
        return detail::time(keyfob_key_rotated_at(capi()));
    }
    /** How long after that it should be rotated. */
    [[nodiscard]] std::optional<std::chrono::seconds> rotation_due_after() const noexcept
    {
        const std::int64_t after = keyfob_key_rotation_due_after(capi());
        return after == 0 ? std::nullopt : std::optional(std::chrono::seconds(after));
    }
    /** When that is; none of a revoked key. */
    [[nodiscard]] std::optional<sys_seconds> rotation_due_at() const noexcept
    {
        return detail::optional_time(keyfob_key_rotation_due_at(capi()));
    }
    /** Until when its old secret stays good; none while no grace runs. */
    [[nodiscard]] std::optional<sys_seconds> grace_expires_at() const noexcept
    {
        return detail::optional_time(keyfob_key_grace_expires_at(capi()));
    }
    /** When some of its secrets were last used; none where they never were. */
    [[nodiscard]] std::optional<sys_seconds>
    last_used_at(secrets which = secrets::all) const noexcept
    {
        return detail::optional_time(
            keyfob_key_last_used_at(capi(), static_cast<std::uint32_t>(which)));
    }
    /** How many verifications some of its secrets passed. */
    [[nodiscard]] std::uint64_t use_count(secrets which = secrets::all) const noexcept
    {
        return keyfob_key_use_count(capi(), static_cast<std::uint32_t>(which));
    }
    /** Whether its current secret was issued elsewhere and imported. */
    [[nodiscard]] bool imported() const noexcept { return keyfob_key_imported(capi()) != 0; }
    /** The sequence of the last event on it. */
    [[nodiscard]] std::uint64_t sequence() const noexcept { return keyfob_key_sequence(capi()); }
};

/** A key of the caller's own: all of \ref keyfob::key_view. */
class key : public detail::owner<key_view, keyfob_key, keyfob_key_free>
{
public:
    using detail::owner<key_view, keyfob_key, keyfob_key_free>::owner;
    using key_view::owner;
};

inline result<key> key_view::clone() const noexcept
{
    return detail::made<key, keyfob_key>(
        [&](auto **out, auto **err) { return keyfob_key_clone(capi(), out, err); });
}

namespace detail
{

inline key_view key_at(const keyfob_key_list *of, std::size_t index) noexcept
{
    return key_view(keyfob_key_list_at(of, index));
}

} // namespace detail

/** Several keys, borrowed: a range of \ref keyfob::key_view. */
using key_list_view =
    detail::list_view<keyfob_key_list, key_view, keyfob_key_list_count, detail::key_at>;

/** Several keys: a range of \ref keyfob::key_view. */
using key_list = detail::owner<key_list_view, keyfob_key_list, keyfob_key_list_free>;

/** A key that was created, and its token. */
struct created_key {
    keyfob::key key;     ///< the key
    keyfob::token token; ///< hand it to its holder; empty where the creation is a repetition

    /** Whether this answers a request that was made before, and so comes without the token. */
    [[nodiscard]] bool replayed() const noexcept { return token.empty(); }
};

/** A key with its new secret, and the new token. */
struct rotated_key {
    keyfob::key key;                             ///< the key as it is now
    keyfob::token token;                         ///< empty where the rotation is a repetition
    std::optional<sys_seconds> grace_expires_at; ///< until when the old token stays good
    bool grace_cut;                              ///< whether that is sooner than was asked for
    bool replayed;                               ///< whether this answers a request made before
};

/** The keys that a bulk creation made, with their tokens, which are wiped when it is destroyed.
 *  Look at failure(): a request that was refused ended it. */
class [[nodiscard]] created_list : public detail::fallible
{
public:
    /** How many keys were created: the first so many of the requests. */
    [[nodiscard]] std::size_t size() const noexcept { return keyfob_created_list_count(capi()); }
    /** One of the keys, in the order of the requests. */
    [[nodiscard]] key_view key(std::size_t index) const noexcept
    {
        return key_view(keyfob_created_list_key(capi(), index));
    }
    /** Whether a key is the answer to a request that was made before. */
    [[nodiscard]] bool replayed(std::size_t index) const noexcept
    {
        return keyfob_created_list_replayed(capi(), index) != 0;
    }
    /** The token of a key; it stays in the list as well. */
    [[nodiscard]] result<keyfob::token> token(std::size_t index) const noexcept
    {
        using writer = detail::secret_writer;
        keyfob::token text;
        keyfob_error *err = nullptr;
        const keyfob_status code = keyfob_created_list_token(
            capi(), index, writer::text(text), writer::capacity(text), writer::size(text), &err);
        if (code != KEYFOB_OK) {
            return detail::failed(code, err);
        }
        return text;
    }
    /** What the C functions take; borrowed. */
    [[nodiscard]] const keyfob_created_list *capi() const noexcept { return list_.capi(); }

private:
    friend class store;

    created_list() noexcept = default;

    detail::handle<keyfob_created_list, keyfob_created_list_free> list_{nullptr};
};

/** How far a bulk verb got; what is counted here is durable. Look at failure(). */
class [[nodiscard]] bulk_result : public detail::fallible
{
public:
    /** Keys that were changed. */
    [[nodiscard]] std::uint64_t changed() const noexcept { return raw_.changed; }
    /** Keys that were so already. */
    [[nodiscard]] std::uint64_t unchanged() const noexcept { return raw_.unchanged; }

private:
    friend class store;

    bulk_result() noexcept = default;

    keyfob_bulk_result raw_ = KEYFOB_BULK_RESULT_INIT;
};

/** Which keys a bulk verb is about. */
class selection
{
public:
    /** Those with these ids; none of them is none. */
    static selection keys(const std::vector<std::string_view> &ids) { return selection(ids, {}); }
    /** Those that a filter means; every key of the store, where it states nothing. */
    static selection matching(const filter &which) { return selection({}, which); }

private:
    friend class store;

    selection(const std::vector<std::string_view> &ids, const std::optional<filter> &which)
        : ids_(ids), filter_(which ? std::optional(detail::raw(*which)) : std::nullopt)
    {
    }
    keyfob_selection raw() const noexcept
    {
        keyfob_selection to = KEYFOB_SELECTION_INIT;
        to.key_ids = filter_ ? nullptr : ids_.stated();
        to.key_ids_count = ids_.size();
        to.filter = filter_ ? &*filter_ : nullptr;
        return to;
    }

    detail::text_array ids_;
    std::optional<keyfob_filter> filter_;
};

/** What the store told of a project, as it was then; borrowed from a list. */
class project_view : public detail::view<keyfob_project>
{
public:
    using view::view;
    /** Its scopes. */
    using scope_texts =
        detail::texts<keyfob_project, keyfob_project_scope_count, keyfob_project_scope>;

    /** Whether there is one: not beyond the last of a list. */
    [[nodiscard]] explicit operator bool() const noexcept { return capi() != nullptr; }
    /** Its internal id, never used again. */
    [[nodiscard]] std::string_view id() const noexcept
    {
        return detail::text<keyfob_project_id>(capi());
    }
    /** Its name; of a deleted project, the one that it had. */
    [[nodiscard]] std::string_view name() const noexcept
    {
        return detail::text<keyfob_project_name>(capi());
    }
    /** Whom it belongs to. */
    [[nodiscard]] std::optional<std::string_view> owner() const noexcept
    {
        return detail::optional_text<keyfob_project_owner>(capi());
    }
    /** The scopes that its tokens may hold at most. */
    [[nodiscard]] scope_texts scopes() const noexcept { return scope_texts(capi()); }
    /** Whether it is enabled. */
    [[nodiscard]] bool enabled() const noexcept { return keyfob_project_enabled(capi()) != 0; }
    /** When it was created. */
    [[nodiscard]] sys_seconds created_at() const noexcept
    {
        return detail::time(keyfob_project_created_at(capi()));
    }
    /** When it was last changed. */
    [[nodiscard]] sys_seconds updated_at() const noexcept
    {
        return detail::time(keyfob_project_updated_at(capi()));
    }
    /** When it was deleted; none while it exists. */
    [[nodiscard]] std::optional<sys_seconds> deleted_at() const noexcept
    {
        return detail::optional_time(keyfob_project_deleted_at(capi()));
    }
};

/** A project of the caller's own: all of \ref keyfob::project_view. */
class project : public detail::owner<project_view, keyfob_project, keyfob_project_free>
{
public:
    using detail::owner<project_view, keyfob_project, keyfob_project_free>::owner;
    using project_view::owner;
};

namespace detail
{

inline project_view project_at(const keyfob_project_list *of, std::size_t index) noexcept
{
    return project_view(keyfob_project_list_at(of, index));
}

} // namespace detail

/** Several projects: a range of \ref keyfob::project_view. */
using project_list = detail::owner<detail::list_view<keyfob_project_list, project_view,
                                                     keyfob_project_list_count, detail::project_at>,
                                   keyfob_project_list, keyfob_project_list_free>;

/** One line of the log; borrowed from an iterator. */
class event_view : public detail::view<keyfob_event>
{
public:
    using view::view;
    /** Its details, pairs of a name and a text. */
    using field_pairs = detail::list_view<
        keyfob_event, detail::text_pair, keyfob_event_field_count,
        detail::pair_at<keyfob_event, keyfob_event_field_name, keyfob_event_field_value>>;

    /** Its place in the log: 1 for the first. */
    [[nodiscard]] std::uint64_t sequence() const noexcept { return keyfob_event_sequence(capi()); }
    /** When, by the clock of the process that wrote it. */
    [[nodiscard]] sys_milliseconds at() const noexcept
    {
        return sys_milliseconds(std::chrono::milliseconds(keyfob_event_at_ms(capi())));
    }
    /** Who, as the caller said. */
    [[nodiscard]] std::string_view actor() const noexcept
    {
        return detail::text<keyfob_event_actor>(capi());
    }
    /** What happened, "key_revoked". New ones may come. */
    [[nodiscard]] std::string_view kind() const noexcept
    {
        return detail::text<keyfob_event_kind>(capi());
    }
    /** What it is about. */
    [[nodiscard]] keyfob::subject subject() const noexcept
    {
        return static_cast<keyfob::subject>(keyfob_event_subject(capi()));
    }
    /** The id of the key or the project that it is about. */
    [[nodiscard]] std::optional<std::string_view> subject_id() const noexcept
    {
        return detail::optional_text<keyfob_event_subject_id>(capi());
    }
    /** The sequence of the event before on the same subject; 0 where there is none. */
    [[nodiscard]] std::uint64_t previous() const noexcept { return keyfob_event_previous(capi()); }
    /** The hash that chains it to the event before. */
    [[nodiscard]] hash_bytes hash() const noexcept
    {
        return detail::hash_of<keyfob_event_hash>(capi());
    }
    /** Its details; see keyfob_event_field_count(). */
    [[nodiscard]] field_pairs fields() const noexcept { return field_pairs(capi()); }
};

namespace detail
{

/// What C gives one after the other, and may fail to: an input range whose error is reachable after
/// the loop.
template <class C, class Lent, class View, auto Next, auto Free>
class [[nodiscard]] range : public fallible
{
public:
    /** Takes over what a C function made. */
    explicit range(C *owned) noexcept : iter_(owned) {}

    /** Behind the last. */
    struct sentinel {
    };

    /** Goes through a range; what it gives is lent until it goes on. */
    class iterator
    {
    public:
        using iterator_category = std::input_iterator_tag; ///< what is read is read once
        using value_type = View;                           ///< what is read
        using difference_type = std::ptrdiff_t;            ///< between two of them
        using pointer = const View *;                      ///< to what is read
        using reference = const View &;                    ///< what is read

        /** At what the range lent last. */
        explicit iterator(range *of) noexcept : of_(of) {}
        /** What is lent. */
        [[nodiscard]] reference operator*() const noexcept { return of_->lent_; }
        /** Of what is lent. */
        [[nodiscard]] pointer operator->() const noexcept { return &of_->lent_; }
        /** To the next one. */
        iterator &operator++() noexcept
        {
            of_->advance();
            return *this;
        }
        /** To the next one. */
        void operator++(int) noexcept { of_->advance(); }
        /** Whether it is at the end, or stopped. */
        [[nodiscard]] friend bool operator==(const iterator &at, sentinel) noexcept
        {
            return at.stands_at_end();
        }
        /** Whether there is one. */
        [[nodiscard]] friend bool operator!=(const iterator &at, sentinel) noexcept
        {
            return !at.stands_at_end();
        }
        /** Whether it is at the end, or stopped. */
        [[nodiscard]] friend bool operator==(sentinel, const iterator &at) noexcept
        {
            return at.stands_at_end();
        }
        /** Whether there is one. */
        [[nodiscard]] friend bool operator!=(sentinel, const iterator &at) noexcept
        {
            return !at.stands_at_end();
        }

    private:
        bool stands_at_end() const noexcept { return of_->lent_.capi() == nullptr; }

        range *of_;
    };

    /** Asks for the next one. A second loop goes on where the first one left it: behind what it saw
     *  last, or, after a failure, with what could not be had. */
    [[nodiscard]] iterator begin() noexcept
    {
        advance();
        return iterator(this);
    }
    /** Behind the last. */
    [[nodiscard]] sentinel end() const noexcept { return {}; }
    /** What the C functions take; borrowed. */
    [[nodiscard]] C *capi() noexcept { return const_cast<C *>(iter_.capi()); }

private:
    void advance() noexcept
    {
        const Lent *next = nullptr;
        keyfob_error *err = nullptr;
        const keyfob_status code = Next(capi(), &next, &err);
        lent_ = View(next);
        this->outcome(code == KEYFOB_DONE ? keyfob_status{KEYFOB_OK} : code, err);
    }

    handle<C, Free> iter_;
    View lent_{nullptr};
};

} // namespace detail

/** The keys of a listing: `for (keyfob::key_view key : *keys)`. Look at failure() after the loop,
 *  which ends at an error as it does at the end. */
class key_range : public detail::range<keyfob_key_iter, keyfob_key, key_view, keyfob_key_iter_next,
                                       keyfob_key_iter_free>
{
public:
    using range::range;

    /** Where a listing of the same filter and order goes on behind the key that was given last;
     *  lent until the next key. */
    [[nodiscard]] result<std::string_view> cursor() noexcept
    {
        return detail::filled(std::string_view(), [&](std::string_view *text, auto **err) {
            const char *data = nullptr;
            std::size_t size = 0;
            const keyfob_status code = keyfob_key_iter_cursor(capi(), &data, &size, err);
            *text = std::string_view(data, size);
            return code;
        });
    }
};

/** The events of a query: `for (const keyfob::event_view &event : *log)`. Look at failure() after
 *  the loop. Another loop goes on with what was added since: so the log is followed. */
using event_range = detail::range<keyfob_event_iter, keyfob_event, event_view,
                                  keyfob_event_iter_next, keyfob_event_iter_free>;

/** What a store told of itself, as it was then. */
class info : public detail::handle<keyfob_info, keyfob_info_free>
{
public:
    using owner::owner;

    /** The format of its file. */
    [[nodiscard]] std::uint32_t format() const noexcept { return keyfob_info_format(capi()); }
    /** Its own id, drawn when it was created; a backup has the same. */
    [[nodiscard]] id_bytes store_id() const noexcept
    {
        return detail::id_of<keyfob_info_store_id>(capi());
    }
    /** When it was created. */
    [[nodiscard]] sys_seconds created_at() const noexcept
    {
        return detail::time(keyfob_info_created_at(capi()));
    }
    /** The sequence of its last event. */
    [[nodiscard]] std::uint64_t sequence() const noexcept { return keyfob_info_sequence(capi()); }
    /** The hash of its last event. */
    [[nodiscard]] hash_bytes head() const noexcept
    {
        return detail::hash_of<keyfob_info_head>(capi());
    }
    /** The last event that was pruned from the log; 0 where none was. */
    [[nodiscard]] std::uint64_t log_begins_after() const noexcept
    {
        return keyfob_info_log_begins_after(capi());
    }
    /** How many keys it has, of every state. */
    [[nodiscard]] std::uint64_t key_count() const noexcept { return keyfob_info_key_count(capi()); }
    /** How many projects it has, those deleted that still have keys included. */
    [[nodiscard]] std::uint64_t project_count() const noexcept
    {
        return keyfob_info_project_count(capi());
    }
    /** How many digests of imported secrets it has. */
    [[nodiscard]] std::uint64_t digest_count() const noexcept
    {
        return keyfob_info_digest_count(capi());
    }
    /** How many revoked keys were pruned that it remembers. */
    [[nodiscard]] std::uint64_t tombstone_count() const noexcept
    {
        return keyfob_info_tombstone_count(capi());
    }
    /** Whether it has a pepper. */
    [[nodiscard]] pepper_state pepper() const noexcept
    {
        return static_cast<pepper_state>(keyfob_info_pepper(capi()));
    }
    /** The latest time that its own clock showed. */
    [[nodiscard]] sys_seconds mark() const noexcept
    {
        return detail::time(keyfob_info_mark(capi()));
    }
    /** What its clock showed. */
    [[nodiscard]] sys_seconds clock() const noexcept
    {
        return detail::time(keyfob_info_clock(capi()));
    }
    /** Whether the clock runs so far ahead that the mark does not follow it. */
    [[nodiscard]] bool clock_ahead() const noexcept { return keyfob_info_clock_ahead(capi()) != 0; }
    /** The length of its file. */
    [[nodiscard]] std::uint64_t file_bytes() const noexcept
    {
        return keyfob_info_file_bytes(capi());
    }
    /** Whether the handle is for reading only. */
    [[nodiscard]] bool read_only() const noexcept { return keyfob_info_read_only(capi()) != 0; }
};

/** What a table of the file costs. */
struct table_size {
    std::string_view name; ///< of the table
    std::uint64_t rows;    ///< how many it has
    std::uint64_t bytes;   ///< with everything that the engine adds
};

namespace detail
{

inline table_size table_at(const keyfob_table_list *of, std::size_t index) noexcept
{
    return {text<keyfob_table_list_name>(of, index), keyfob_table_list_rows(of, index),
            keyfob_table_list_bytes(of, index)};
}

} // namespace detail

/** What each table of the file costs: a range of \ref keyfob::table_size. */
using table_list = detail::owner<
    detail::list_view<keyfob_table_list, table_size, keyfob_table_list_count, detail::table_at>,
    keyfob_table_list, keyfob_table_list_free>;

/** What the full check found: a range of texts, each a thing that is wrong. Empty where the store
 *  is whole. */
class integrity_report
    : public detail::owner<
          detail::texts<keyfob_integrity_report, keyfob_integrity_report_damage_count,
                        keyfob_integrity_report_damage>,
          keyfob_integrity_report, keyfob_integrity_report_free>
{
public:
    using owner::owner;

    /** How many keys were read. */
    [[nodiscard]] std::uint64_t key_count() const noexcept
    {
        return keyfob_integrity_report_key_count(capi());
    }
    /** How many projects were read. */
    [[nodiscard]] std::uint64_t project_count() const noexcept
    {
        return keyfob_integrity_report_project_count(capi());
    }
    /** How many events were read. */
    [[nodiscard]] std::uint64_t event_count() const noexcept
    {
        return keyfob_integrity_report_event_count(capi());
    }
    /** The sequence of the last event. */
    [[nodiscard]] std::uint64_t sequence() const noexcept
    {
        return keyfob_integrity_report_sequence(capi());
    }
    /** The hash of the last event. */
    [[nodiscard]] hash_bytes head() const noexcept
    {
        return detail::hash_of<keyfob_integrity_report_head>(capi());
    }
};

/** What a verification of the log found: every event follows from the one before. */
struct verified_log {
    std::uint64_t first; ///< the first event that the log holds; 0 where it holds none
    std::uint64_t last;  ///< the last
    hash_bytes head;     ///< the hash of the last
};

/** How much was pruned. */
struct pruned {
    std::uint64_t keys;     ///< how many keys
    std::uint64_t projects; ///< how many projects
};

/** What a backup holds. */
struct backup_result {
    std::uint64_t sequence; ///< that it stands at
    std::uint64_t keys;     ///< how many it has
    std::uint64_t bytes;    ///< the length of its file
};

/** What a compaction did. */
struct compacted {
    std::uint64_t bytes_before; ///< the length of the file before
    std::uint64_t bytes_after;  ///< its length now
};

/** What a restore did. */
class restore_result : public detail::handle<keyfob_restore_result, keyfob_restore_result_free>
{
public:
    using owner::owner;
    /** Names of projects. */
    using project_texts =
        detail::texts<keyfob_restore_result, keyfob_restore_result_project_conflict_count,
                      keyfob_restore_result_project_conflict>;

    /** How many keys were brought in. */
    [[nodiscard]] std::uint64_t key_count() const noexcept
    {
        return keyfob_restore_result_key_count(capi());
    }
    /** How many projects were brought in. */
    [[nodiscard]] std::uint64_t project_count() const noexcept
    {
        return keyfob_restore_result_project_count(capi());
    }
    /** The sequence that the store goes on from. */
    [[nodiscard]] std::uint64_t sequence() const noexcept
    {
        return keyfob_restore_result_sequence(capi());
    }
    /** The last event that the backup and the present store have in common, where that is known. */
    [[nodiscard]] std::optional<std::uint64_t> common_sequence() const noexcept
    {
        const std::int64_t common = keyfob_restore_result_common_sequence(capi());
        return common < 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(common));
    }
    /** How many keys of the backup stay away, because the present store pruned them, or may have.
     */
    [[nodiscard]] std::uint64_t kept_away_count() const noexcept
    {
        return keyfob_restore_result_kept_away_count(capi());
    }
    /** The keys that both changed; see keyfob_restore_result_conflicts(). */
    [[nodiscard]] key_list_view conflicts() const noexcept
    {
        return key_list_view(keyfob_restore_result_conflicts(capi()));
    }
    /** The keys whose state after the backup cannot be known. */
    [[nodiscard]] key_list_view uncertain() const noexcept
    {
        return key_list_view(keyfob_restore_result_uncertain(capi()));
    }
    /** The names of the projects that both changed. */
    [[nodiscard]] project_texts project_conflicts() const noexcept { return project_texts(capi()); }
    /** Where the file that could not be read was put. */
    [[nodiscard]] std::optional<std::string_view> set_aside() const noexcept
    {
        return detail::optional_text<keyfob_restore_result_set_aside>(capi());
    }
};

/** What became of a line of an import. */
struct imported_line {
    status code;                            ///< \ref status::ok, or why it was refused
    std::optional<std::string_view> key_id; ///< of the key that it became
    error_view error;                       ///< why it was refused, in words
};

/** What became of the lines of an import: of the first so many of them. Look at failure():
 *  something may have stopped it. */
class [[nodiscard]] import_result : public detail::fallible
{
public:
    /** How many lines were done. */
    [[nodiscard]] std::size_t size() const noexcept { return keyfob_import_result_count(capi()); }
    /** What became of a line, from 0. */
    [[nodiscard]] imported_line operator[](std::size_t index) const noexcept
    {
        const auto code = static_cast<status>(keyfob_import_result_status(capi(), index));
        return {code, detail::optional_text<keyfob_import_result_key_id>(capi(), index),
                error_view(code, keyfob_import_result_error(capi(), index))};
    }
    /** What the C functions take; borrowed. */
    [[nodiscard]] const keyfob_import_result *capi() const noexcept { return result_.capi(); }

private:
    friend class store;

    import_result() noexcept = default;

    detail::handle<keyfob_import_result, keyfob_import_result_free> result_{nullptr};
};

/** A token that was found; its text is not in it. Borrowed from a list, or for a callback. */
class finding_view : public detail::view<keyfob_finding>
{
public:
    using view::view;

    /** The file that it stands in; none where bytes were scanned. */
    [[nodiscard]] std::optional<std::string_view> path() const noexcept
    {
        return detail::optional_text<keyfob_finding_path>(capi());
    }
    /** Where it begins, in bytes from the beginning. */
    [[nodiscard]] std::uint64_t offset() const noexcept { return keyfob_finding_offset(capi()); }
    /** On which line, from 1. */
    [[nodiscard]] std::uint64_t line() const noexcept { return keyfob_finding_line(capi()); }
    /** What may be shown of it. */
    [[nodiscard]] std::string_view hint() const noexcept
    {
        return detail::text<keyfob_finding_hint>(capi());
    }
    /** The id of the key that it says it is of. */
    [[nodiscard]] std::string_view key_id() const noexcept
    {
        return detail::text<keyfob_finding_key_id>(capi());
    }
    /** That key, where the token's secret is one of its own; else one that is false. */
    [[nodiscard]] key_view key() const noexcept { return key_view(keyfob_finding_key(capi())); }
    /** Whether the token is good now, whatever a verification may ask for. */
    [[nodiscard]] bool works() const noexcept { return keyfob_finding_works(capi()) != 0; }
};

namespace detail
{

inline finding_view finding_at(const keyfob_finding_list *of, std::size_t index) noexcept
{
    return finding_view(keyfob_finding_list_at(of, index));
}

} // namespace detail

/** The tokens that were found in bytes: a range of \ref keyfob::finding_view. */
using finding_list = detail::owner<detail::list_view<keyfob_finding_list, finding_view,
                                                     keyfob_finding_list_count, detail::finding_at>,
                                   keyfob_finding_list, keyfob_finding_list_free>;

/** What a scan went through. */
struct scan_result {
    std::uint64_t files;    ///< that were read to their end
    std::uint64_t bytes;    ///< that were read
    std::uint64_t findings; ///< one that stands in two places counts twice
    std::uint64_t working;  ///< how many of them work
    std::uint64_t skipped;  ///< files and folders that could not be read
};

/** Who is told what during a scan; in the thread that scans, with no lock held. */
struct scan_callbacks {
    /** Of a token that was found, which is lent until it returns; it may revoke it. */
    callback<void(finding_view finding)> found{};
    /** Of a file or a folder that could not be read, and the errno why. */
    callback<void(std::string_view path, int os_errno)> skipped{};
    /** Of the bytes that were read. */
    keyfob::progress_callback progress{};
};

namespace detail
{

/// Closes a store whose owner does not ask how that went.
inline void close(keyfob_store *store) noexcept
{
    static_cast<void>(keyfob_store_close(store, nullptr));
}

inline void on_found(const keyfob_finding *finding, void *user) noexcept
{
    static_cast<const scan_callbacks *>(user)->found(finding_view(finding));
}

inline void on_skipped(const char *path, int os_errno, void *user) noexcept
{
    static_cast<const scan_callbacks *>(user)->skipped(path, os_errno);
}

inline int on_scan_progress(std::uint64_t done, std::uint64_t total, void *user) noexcept
{
    return static_cast<int>(static_cast<const scan_callbacks *>(user)->progress(done, total));
}

} // namespace detail

/** A store of API keys in one file. Its const members may be called by any number of threads at the
 *  same time. The destructor closes it; close() says what could not be written. */
class store : public detail::handle<keyfob_store, detail::close>
{
public:
    using owner::owner;

    /** Creates a store; see keyfob_store_create(). The path is bytes,
     *  std::filesystem::path::native() for instance. */
    [[nodiscard]] static result<store> create(std::string_view path, const store_options &options)
    {
        return opened<keyfob_store_create>(path, options);
    }
    /** Opens a store that exists; see keyfob_store_open(). */
    [[nodiscard]] static result<store> open(std::string_view path,
                                            const store_options &options = {})
    {
        return opened<keyfob_store_open>(path, options);
    }
    /** Opens the store, or creates it where nothing is at the path; see
     *  keyfob_store_open_or_create(). */
    [[nodiscard]] static result<store> open_or_create(std::string_view path,
                                                      const store_options &options)
    {
        return opened<keyfob_store_open_or_create>(path, options);
    }
    /** Closes the store, whatever it answers; afterwards this is a moved-from object. No other call
     *  on it at the same time. See keyfob_store_close(). */
    [[nodiscard]] result<void> close() noexcept
    {
        keyfob_error *err = nullptr;
        const keyfob_status code = keyfob_store_close(release(), &err);
        if (code != KEYFOB_OK) {
            return detail::failed(code, err);
        }
        return {};
    }
    /** The same store on behalf of another actor; see keyfob_store_with_actor(). */
    [[nodiscard]] result<store> with_actor(std::string_view actor) const noexcept
    {
        return detail::made<store, keyfob_store>([&](auto **out, auto **err) {
            const keyfob_text given = detail::given(actor);
            return keyfob_store_with_actor(capi(), given.data, given.size, out, err);
        });
    }
    /** The prefix of its tokens; lives as long as the store. */
    [[nodiscard]] std::string_view prefix() const noexcept
    {
        return detail::text<keyfob_store_prefix>(capi());
    }
    /** The path that it was opened at; lives as long as the store. */
    [[nodiscard]] std::string_view path() const noexcept
    {
        return detail::text<keyfob_store_path>(capi());
    }
    /** The regular expression that finds its tokens; lives as long as the store. */
    [[nodiscard]] std::string_view scanner_expression() const noexcept
    {
        return detail::text<keyfob_store_scanner_expression>(capi());
    }
    /** Writes what last-used times are kept in memory; see keyfob_store_flush(). */
    [[nodiscard]] result<void> flush() const noexcept
    {
        return detail::done([&](auto **err) { return keyfob_store_flush(capi(), err); });
    }

    /** Whether a token is good for what is required, now; see keyfob_store_verify(). Neither this
     *  nor what it answers allocates memory. */
    verification verify(std::string_view presented, const requirement &required = {},
                        const request &known = {}) const noexcept
    {
        return verified_by([&](auto... rest) { return keyfob_store_verify(capi(), rest...); },
                           presented, required, known);
    }
    /** Whether a token would be good at another time; see keyfob_store_verify_at(). */
    verification verify_at(sys_seconds at, std::string_view presented,
                           const requirement &required = {},
                           const request &known = {}) const noexcept
    {
        const std::int64_t seconds = at.time_since_epoch().count();
        return verified_by(
            [&](const char *data, std::size_t size, const keyfob_requirement *what,
                const keyfob_request *of, keyfob_verification *out) {
                return keyfob_store_verify_at(capi(), data, size, what, of, seconds, out);
            },
            presented, required, known);
    }
    /** Whether the token of an HTTP Authorization header is good: the whole value. An empty one,
     *  where there is no such header, is NO_CREDENTIALS; see
     *  keyfob_store_verify_authorization(). */
    verification verify_authorization(std::string_view value, const requirement &required = {},
                                      const request &known = {}) const noexcept
    {
        return verified_by(
            [&](auto... rest) { return keyfob_store_verify_authorization(capi(), rest...); }, value,
            required, known);
    }
    /** The same verification as verify(), with all that there is to know of the token; see
     *  keyfob_store_verify_full(). */
    [[nodiscard]] result<verified> verify_full(std::string_view presented,
                                               const requirement &required = {},
                                               const request &known = {}) const noexcept
    {
        return detail::made<verified, keyfob_verified>([&](auto **out, auto **err) {
            const keyfob_text given = detail::given(presented);
            const keyfob_request raw = detail::raw(known);
            return keyfob_store_verify_full(capi(), given.data, given.size, required.capi(), &raw,
                                            out, err);
        });
    }
    /** Every check of a verification with its outcome; see keyfob_store_explain(). */
    [[nodiscard]] result<explanation> explain(std::string_view presented,
                                              const requirement &required = {},
                                              const request &known = {}) const noexcept
    {
        return detail::made<explanation, keyfob_explanation>([&](auto **out, auto **err) {
            const keyfob_text given = detail::given(presented);
            const keyfob_request raw = detail::raw(known);
            return keyfob_store_explain(capi(), given.data, given.size, required.capi(), &raw, out,
                                        err);
        });
    }
    /** How many verifications were refused with a denial since this process opened the store. */
    [[nodiscard]] std::uint64_t refusal_count(status denial) const noexcept
    {
        return keyfob_store_refusal_count(capi(), static_cast<keyfob_status>(denial));
    }
    /** Has a function object called for every verification that is refused through any handle of
     *  this process on the file: `void(status denial, std::optional<std::string_view> key_id)
     *  noexcept`. It is not copied, and must live until the process no longer has the file open: a
     *  static one, as a rule. Any thread that verifies calls it, several at the same time. */
    template <class F> [[nodiscard]] result<void> on_refusal(F &refused) const noexcept
    {
        static_assert(std::is_nothrow_invocable_v<F &, status, std::optional<std::string_view>>,
                      "a refusal callback is noexcept: an exception may not pass through C");
        const auto call = [](keyfob_status denial, const char *key_id, void *user) noexcept {
            (*static_cast<F *>(user))(static_cast<status>(denial),
                                      key_id == nullptr ? std::nullopt
                                                        : std::optional(std::string_view(key_id)));
        };
        return detail::done([&](auto **err) {
            return keyfob_store_on_refusal(
                capi(), call,
                const_cast<void *>(static_cast<const void *>(std::addressof(refused))), err);
        });
    }
    /** Takes the callback of on_refusal() away; a call of it may still run. */
    [[nodiscard]] result<void> clear_on_refusal() const noexcept
    {
        return detail::done(
            [&](auto **err) { return keyfob_store_on_refusal(capi(), nullptr, nullptr, err); });
    }

    /** Creates a key; see keyfob_store_create_key(). */
    [[nodiscard]] result<created_key> create_key(const new_key &from) const
    {
        const detail::raw_new_key raw(from);
        return created(
            [&](auto... out) { return keyfob_store_create_key(capi(), &raw.to, out...); });
    }
    /** Lets a key make another one of at most what it may itself; see
     *  keyfob_store_create_key_within(). */
    [[nodiscard]] result<created_key> create_key_within(const verified &parent,
                                                        const new_key &from) const
    {
        const detail::raw_new_key raw(from);
        return created([&](auto... out) {
            return keyfob_store_create_key_within(capi(), parent.capi(), &raw.to, out...);
        });
    }
    /** Creates many keys; see keyfob_store_create_keys(). What was created is given whatever its
     *  failure() says. */
    created_list create_keys(const std::vector<new_key> &from) const
    {
        std::vector<detail::raw_new_key> raw;
        std::vector<const keyfob_new_key *> pointers;
        raw.reserve(from.size()); // so that they stay where the pointers point to
        pointers.reserve(from.size());
        for (const new_key &each : from) {
            pointers.push_back(&raw.emplace_back(each).to);
        }
        created_list made;
        keyfob_created_list *list = nullptr;
        keyfob_error *err = nullptr;
        const keyfob_status code =
            keyfob_store_create_keys(capi(), pointers.data(), pointers.size(), &list, &err);
        made.outcome(code, err);
        made.list_ = decltype(made.list_)(list);
        return made;
    }

    /** One key, with its state now and its use; see keyfob_store_get_key(). */
    [[nodiscard]] result<key> get_key(std::string_view key_id) const noexcept
    {
        return about<key, keyfob_key, keyfob_store_get_key>(key_id);
    }
    /** Changes what an update names of a key; see keyfob_store_update_key(). */
    [[nodiscard]] result<key> update_key(std::string_view key_id, const key_update &update) const
    {
        const detail::raw_key_update raw(update);
        return about<key, keyfob_key, keyfob_store_update_key>(key_id, &raw.to);
    }
    /** Disables a key until it is enabled again; see keyfob_store_disable_key(). */
    [[nodiscard]] result<key> disable_key(std::string_view key_id) const noexcept
    {
        return about<key, keyfob_key, keyfob_store_disable_key>(key_id);
    }
    /** Enables a key again; see keyfob_store_enable_key(). */
    [[nodiscard]] result<key> enable_key(std::string_view key_id) const noexcept
    {
        return about<key, keyfob_key, keyfob_store_enable_key>(key_id);
    }
    /** Revokes a key, for good; see keyfob_store_revoke_key(). */
    [[nodiscard]] result<key> revoke_key(std::string_view key_id,
                                         const revoke_options &why = {}) const noexcept
    {
        const keyfob_revoke_options raw = detail::raw(why);
        return about<key, keyfob_key, keyfob_store_revoke_key>(key_id, &raw);
    }
    /** Revokes by possession of a token; see keyfob_store_revoke_token(). */
    [[nodiscard]] result<key> revoke_token(std::string_view presented,
                                           const revoke_options &why = {}) const noexcept
    {
        const keyfob_revoke_options raw = detail::raw(why);
        return about<key, keyfob_key, keyfob_store_revoke_token>(presented, &raw);
    }
    /** Gives a key a new secret under the same id; see keyfob_store_rotate_key(). */
    [[nodiscard]] result<rotated_key> rotate_key(std::string_view key_id,
                                                 const rotate_options &how = {}) const noexcept
    {
        using writer = detail::secret_writer;
        const keyfob_text id = detail::given(key_id);
        const keyfob_rotate_options raw = detail::raw(how);
        token text;
        keyfob_rotate_result rotated = KEYFOB_ROTATE_RESULT_INIT;
        keyfob_key *object = nullptr;
        keyfob_error *err = nullptr;
        const keyfob_status code = keyfob_store_rotate_key(
            capi(), id.data, id.size, &raw, writer::text(text), writer::capacity(text),
            writer::size(text), &rotated, &object, &err);
        if (code != KEYFOB_OK) {
            return detail::failed(code, err);
        }
        return rotated_key{key(object), std::move(text),
                           detail::optional_time(rotated.grace_expires_at),
                           (rotated.flags & KEYFOB_ROTATED_GRACE_CUT) != 0,
                           (rotated.flags & KEYFOB_ROTATED_REPLAYED) != 0};
    }
    /** Ends the grace of a key's old secret now; see keyfob_store_finish_rotation(). */
    [[nodiscard]] result<key> finish_rotation(std::string_view key_id) const noexcept
    {
        return about<key, keyfob_key, keyfob_store_finish_rotation>(key_id);
    }

    /** Revokes many keys, for good; see keyfob_store_revoke_keys(). */
    bulk_result revoke_keys(const selection &which, const revoke_options &why = {}) const noexcept
    {
        const keyfob_revoke_options raw = detail::raw(why);
        return of_many<keyfob_store_revoke_keys>(which, &raw);
    }
    /** Disables many keys; see keyfob_store_disable_keys(). */
    bulk_result disable_keys(const selection &which) const noexcept
    {
        return of_many<keyfob_store_disable_keys>(which);
    }
    /** Enables many keys again; see keyfob_store_enable_keys(). */
    bulk_result enable_keys(const selection &which) const noexcept
    {
        return of_many<keyfob_store_enable_keys>(which);
    }
    /** Changes what an update names of many keys; see keyfob_store_update_keys(). */
    bulk_result update_keys(const selection &which, const key_update &update) const
    {
        const detail::raw_key_update raw(update);
        return of_many<keyfob_store_update_keys>(which, &raw.to);
    }

    /** Lists the keys that a filter means; see keyfob_store_list_keys(). The range outlives the
     *  store: it gives what was read already, and then CLOSED. */
    [[nodiscard]] result<key_range> list_keys(const filter &which = {},
                                              const list_options &how = {}) const noexcept
    {
        return detail::made<key_range, keyfob_key_iter>([&](auto **out, auto **err) {
            const keyfob_filter what = detail::raw(which);
            const keyfob_list_options listing = detail::raw(how);
            return keyfob_store_list_keys(capi(), &what, &listing, out, err);
        });
    }
    /** How many keys a filter means; see keyfob_store_count_keys(). */
    [[nodiscard]] result<std::uint64_t> count_keys(const filter &which = {}) const noexcept
    {
        return detail::filled(std::uint64_t{0}, [&](std::uint64_t *count, auto **err) {
            const keyfob_filter what = detail::raw(which);
            return keyfob_store_count_keys(capi(), &what, count, err);
        });
    }
    /** The keys that were used the longest ago, at most so many; see
     *  keyfob_store_least_recently_used(). */
    [[nodiscard]] result<key_list> least_recently_used(std::size_t most,
                                                       const filter &which = {}) const noexcept
    {
        return detail::made<key_list, keyfob_key_list>([&](auto **out, auto **err) {
            const keyfob_filter what = detail::raw(which);
            return keyfob_store_least_recently_used(capi(), &what, most, out, err);
        });
    }
    /** The id of the key that ends in these characters; see keyfob_store_resolve_key(). */
    [[nodiscard]] result<std::string> resolve_key(std::string_view suffix) const
    {
        std::array<char, KEYFOB_ID_MAX> id{};
        const keyfob_text given = detail::given(suffix);
        keyfob_error *err = nullptr;
        const keyfob_status code =
            keyfob_store_resolve_key(capi(), given.data, given.size, id.data(), id.size(), &err);
        if (code != KEYFOB_OK) {
            return detail::failed(code, err);
        }
        return std::string(id.data());
    }

    /** Creates a project; see keyfob_store_create_project(). */
    [[nodiscard]] result<project> create_project(const new_project &from) const
    {
        const detail::text_array scopes(from.scopes);
        keyfob_new_project raw = KEYFOB_NEW_PROJECT_INIT;
        raw.name = detail::given(from.name);
        raw.owner = detail::given(from.owner);
        raw.scopes = scopes.data();
        raw.scopes_count = scopes.size();
        return detail::made<project, keyfob_project>([&](auto **out, auto **err) {
            return keyfob_store_create_project(capi(), &raw, out, err);
        });
    }
    /** One project that exists, by name; see keyfob_store_get_project(). */
    [[nodiscard]] result<project> get_project(std::string_view name) const noexcept
    {
        return about<project, keyfob_project, keyfob_store_get_project>(name);
    }
    /** One project, by its id, also one that was deleted; see keyfob_store_get_project_by_id(). */
    [[nodiscard]] result<project> get_project_by_id(std::string_view id) const noexcept
    {
        return about<project, keyfob_project, keyfob_store_get_project_by_id>(id);
    }
    /** Changes what an update names of a project; see keyfob_store_update_project(). */
    [[nodiscard]] result<project> update_project(std::string_view name,
                                                 const project_update &update) const
    {
        const detail::text_array scopes(detail::value_of(update.scopes));
        keyfob_project_update raw = KEYFOB_PROJECT_UPDATE_INIT;
        raw.set = detail::flag(update.scopes.value().has_value(), KEYFOB_PROJECT_SCOPES) |
                  detail::flag(update.owner.value().has_value(), KEYFOB_PROJECT_OWNER);
        raw.clear = detail::flag(update.scopes.is_clear(), KEYFOB_PROJECT_SCOPES) |
                    detail::flag(update.owner.is_clear(), KEYFOB_PROJECT_OWNER);
        raw.owner = detail::given(update.owner.value());
        raw.scopes = scopes.data();
        raw.scopes_count = scopes.size();
        return about<project, keyfob_project, keyfob_store_update_project>(name, &raw);
    }
    /** Disables a project; see keyfob_store_disable_project(). */
    [[nodiscard]] result<project> disable_project(std::string_view name) const noexcept
    {
        return about<project, keyfob_project, keyfob_store_disable_project>(name);
    }
    /** Enables a project again; see keyfob_store_enable_project(). */
    [[nodiscard]] result<project> enable_project(std::string_view name) const noexcept
    {
        return about<project, keyfob_project, keyfob_store_enable_project>(name);
    }
    /** Deletes a project, for good; see keyfob_store_delete_project(). */
    [[nodiscard]] result<project> delete_project(std::string_view name) const noexcept
    {
        return about<project, keyfob_project, keyfob_store_delete_project>(name);
    }
    /** The projects that exist, in the order of their names; see keyfob_store_list_projects(). */
    [[nodiscard]] result<project_list> list_projects() const noexcept
    {
        return detail::made<project_list, keyfob_project_list>(
            [&](auto **out, auto **err) { return keyfob_store_list_projects(capi(), out, err); });
    }
    /** The projects that were deleted; see keyfob_store_list_deleted_projects(). */
    [[nodiscard]] result<project_list> list_deleted_projects() const noexcept
    {
        return detail::made<project_list, keyfob_project_list>([&](auto **out, auto **err) {
            return keyfob_store_list_deleted_projects(capi(), out, err);
        });
    }

    /** The policy of the store; see keyfob_store_get_policy(). */
    [[nodiscard]] result<policy> get_policy() const noexcept
    {
        keyfob_policy raw = KEYFOB_POLICY_INIT;
        keyfob_error *err = nullptr;
        const keyfob_status code = keyfob_store_get_policy(capi(), &raw, &err);
        if (code != KEYFOB_OK) {
            return detail::failed(code, err);
        }
        const auto some = [](std::int64_t seconds) {
            return seconds == 0 ? std::nullopt : std::optional(std::chrono::seconds(seconds));
        };
        policy is;
        is.default_lifetime = some(raw.default_lifetime);
        is.longest_lifetime = some(raw.longest_lifetime);
        is.expiry_required = (raw.flags & KEYFOB_POLICY_EXPIRY_REQUIRED) != 0;
        if ((raw.flags & KEYFOB_POLICY_MOST_KEYS_PER_OWNER) != 0) {
            is.most_keys_per_owner = raw.most_keys_per_owner;
        }
        return is;
    }
    /** Changes the policy of the store; see keyfob_store_set_policy(). */
    [[nodiscard]] result<void> set_policy(const policy &to) const noexcept
    {
        return detail::done([&](auto **err) {
            const keyfob_policy raw = detail::raw(to);
            return keyfob_store_set_policy(capi(), &raw, err);
        });
    }
    /** Sets the mark of the latest time to what the clock shows; see keyfob_store_reset_clock(). */
    [[nodiscard]] result<void> reset_clock() const noexcept
    {
        return detail::done([&](auto **err) { return keyfob_store_reset_clock(capi(), err); });
    }

    /** Reads the log, in order; see keyfob_store_read_log(). The range outlives the store: it gives
     *  what was read already, and then CLOSED. */
    [[nodiscard]] result<event_range> read_log(const log_query &which = {}) const noexcept
    {
        return detail::made<event_range, keyfob_event_iter>([&](auto **out, auto **err) {
            const keyfob_log_query raw = detail::raw(which);
            return keyfob_store_read_log(capi(), &raw, out, err);
        });
    }
    /** What the store tells of itself; see keyfob_store_info(). */
    [[nodiscard]] result<keyfob::info> info() const noexcept
    {
        return detail::made<keyfob::info, keyfob_info>(
            [&](auto **out, auto **err) { return keyfob_store_info(capi(), out, err); });
    }
    /** What each table of the file costs; see keyfob_store_table_sizes(). */
    [[nodiscard]] result<table_list> table_sizes() const noexcept
    {
        return detail::made<table_list, keyfob_table_list>(
            [&](auto **out, auto **err) { return keyfob_store_table_sizes(capi(), out, err); });
    }
    /** Checks everything there is to check; see keyfob_store_check_integrity(). Damage is no
     *  failure: the report lists it. */
    [[nodiscard]] result<integrity_report>
    check_integrity(const progress_callback &told = {}) const noexcept
    {
        return detail::made<integrity_report, keyfob_integrity_report>([&](auto **out, auto **err) {
            return keyfob_store_check_integrity(capi(), detail::progress_function(told),
                                                detail::user(told), out, err);
        });
    }
    /** Whether the log had a hash at a sequence; see keyfob_store_check_expected(). */
    [[nodiscard]] result<bool> check_expected(std::uint64_t sequence,
                                              const hash_bytes &hash) const noexcept
    {
        int holds = 0;
        keyfob_error *err = nullptr;
        const keyfob_status code =
            keyfob_store_check_expected(capi(), sequence, hash.data(), &holds, &err);
        if (code != KEYFOB_OK) {
            return detail::failed(code, err);
        }
        return holds != 0;
    }
    /** Verifies the chain of the log; see keyfob_store_verify_log(). */
    [[nodiscard]] result<verified_log> verify_log() const noexcept
    {
        return detail::filled(verified_log{}, [&](verified_log *log, auto **err) {
            keyfob_verify_log_result raw = KEYFOB_VERIFY_LOG_RESULT_INIT;
            const keyfob_status code = keyfob_store_verify_log(capi(), &raw, err);
            log->first = raw.first;
            log->last = raw.last;
            std::memcpy(log->head.data(), raw.head, sizeof raw.head);
            return code;
        });
    }
    /** Removes the events up to and including a sequence from the log, and answers how many those
     *  were; see keyfob_store_prune_log(). */
    [[nodiscard]] result<std::uint64_t> prune_log(std::uint64_t through) const noexcept
    {
        return detail::filled(std::uint64_t{0}, [&](std::uint64_t *removed, auto **err) {
            return keyfob_store_prune_log(capi(), through, removed, err);
        });
    }
    /** Removes revoked and expired keys from the listing, and deleted projects without keys; see
     *  keyfob_store_prune(). */
    [[nodiscard]] result<pruned> prune(const prune_options &which = {}) const noexcept
    {
        return detail::filled(pruned{}, [&](pruned *gone, auto **err) {
            const keyfob_prune_options raw = detail::raw(which);
            return keyfob_store_prune(capi(), &raw, &gone->keys, &gone->projects, err);
        });
    }
    /** Writes a copy of the store as it stands now; see keyfob_store_backup(). */
    [[nodiscard]] result<backup_result> backup(std::string_view to,
                                               const progress_callback &told = {}) const noexcept
    {
        return detail::filled(backup_result{}, [&](backup_result *made, auto **err) {
            const keyfob_text path = detail::given(to);
            keyfob_backup_result raw = KEYFOB_BACKUP_RESULT_INIT;
            const keyfob_status code =
                keyfob_store_backup(capi(), path.data, path.size, detail::progress_function(told),
                                    detail::user(told), &raw, err);
            *made = {raw.sequence, raw.keys, raw.bytes};
            return code;
        });
    }
    /** Gives unused pages of the file back to the file system; see keyfob_store_compact(). */
    [[nodiscard]] result<compacted> compact() const noexcept
    {
        return detail::filled(compacted{}, [&](compacted *now, auto **err) {
            return keyfob_store_compact(capi(), &now->bytes_before, &now->bytes_after, err);
        });
    }

    /** Brings in keys that another system issued, a line each; see keyfob_store_import(). What
     *  became of the lines is given whatever its failure() says. */
    import_result import_keys(import_format format, const std::vector<std::string_view> &lines,
                              const import_defaults &defaults = {},
                              const progress_callback &told = {}) const
    {
        const detail::text_array texts(lines);
        const detail::text_array scopes(defaults.scopes);
        const detail::text_array tags(defaults.tags);
        keyfob_import_defaults raw = KEYFOB_IMPORT_DEFAULTS_INIT;
        raw.expiry_kind = defaults.expiry.kind();
        raw.expires = defaults.expiry.seconds();
        raw.name = detail::given(defaults.name);
        raw.project = detail::given(defaults.project);
        raw.environment = detail::given(defaults.environment);
        raw.owner = detail::given(defaults.owner);
        raw.scopes = scopes.data();
        raw.scopes_count = scopes.size();
        raw.tags = tags.data();
        raw.tags_count = tags.size();
        import_result imported;
        keyfob_import_result *object = nullptr;
        keyfob_error *err = nullptr;
        const keyfob_status code = keyfob_store_import(
            capi(), static_cast<std::uint32_t>(format), texts.data(), texts.size(), &raw,
            detail::progress_function(told), detail::user(told), &object, &err);
        imported.outcome(code, err);
        imported.result_ = decltype(imported.result_)(object);
        return imported;
    }

    /** Finds the tokens of this store in a file, or in all files of a folder; see
     *  keyfob_store_scan(). */
    [[nodiscard]] result<scan_result> scan(std::string_view path,
                                           const scan_callbacks &told = {}) const noexcept
    {
        return detail::filled(scan_result{}, [&](scan_result *done, auto **err) {
            const keyfob_text at = detail::given(path);
            keyfob_scan_result raw = KEYFOB_SCAN_RESULT_INIT;
            const keyfob_status code = keyfob_store_scan(
                capi(), at.data, at.size, told.found ? &detail::on_found : nullptr,
                told.skipped ? &detail::on_skipped : nullptr,
                told.progress ? &detail::on_scan_progress : nullptr,
                const_cast<scan_callbacks *>(&told), &raw, err); // made const again by who is told
            *done = {raw.files, raw.bytes, raw.findings, raw.working, raw.skipped};
            return code;
        });
    }
    /** Finds the tokens of this store in bytes; see keyfob_store_scan_bytes(). */
    [[nodiscard]] result<finding_list> scan_bytes(std::string_view data) const noexcept
    {
        return detail::made<finding_list, keyfob_finding_list>([&](auto **out, auto **err) {
            const keyfob_text given = detail::given(data);
            return keyfob_store_scan_bytes(capi(), given.data, given.size, out, err);
        });
    }

private:
    template <auto Open>
    [[nodiscard]] static result<store> opened(std::string_view path, const store_options &options)
    {
        const detail::raw_store_options raw(options);
        if (raw.moved_away) {
            return detail::failed(KEYFOB_NULL_ARGUMENT, nullptr);
        }
        return detail::made<store, keyfob_store>([&](auto **out, auto **err) {
            const keyfob_text given = detail::given(path);
            return Open(given.data, given.size, &raw.to, out, err);
        });
    }

    template <class Verify>
    static verification verified_by(Verify &&verify, std::string_view presented,
                                    const requirement &required, const request &known) noexcept
    {
        verification answer(verification::unwritten{});
        const keyfob_text given = detail::given(presented);
        const keyfob_request raw = detail::raw(known);
        // Where nothing is known, which the compiler sees, nothing is prepared either.
        const bool some = known.ip.size() != 0 || known.project || known.owner;
        answer.code_ = verify(given.data, given.size, required.capi(), some ? &raw : nullptr,
                              &answer.raw_);
        return answer;
    }

    template <class Create> static result<created_key> created(Create &&create) noexcept
    {
        using writer = detail::secret_writer;
        token text;
        keyfob_key *object = nullptr;
        keyfob_error *err = nullptr;
        const keyfob_status code =
            create(writer::text(text), writer::capacity(text), writer::size(text), &object, &err);
        if (code != KEYFOB_OK) {
            return detail::failed(code, err);
        }
        return created_key{key(object), std::move(text)};
    }

    /// What is named by a text, and answers as an object how it is afterwards.
    template <class T, class C, auto Verb, class... Options>
    [[nodiscard]] result<T> about(std::string_view named, Options... options) const noexcept
    {
        return detail::made<T, C>([&](C **out, keyfob_error **err) {
            const keyfob_text given = detail::given(named);
            return Verb(capi(), given.data, given.size, options..., out, err);
        });
    }

    template <auto Verb, class... Options>
    bulk_result of_many(const selection &which, Options... options) const noexcept
    {
        bulk_result got;
        keyfob_error *err = nullptr;
        const keyfob_selection raw = which.raw();
        const keyfob_status code = Verb(capi(), &raw, options..., &got.raw_, &err);
        got.outcome(code, err);
        return got;
    }
};

/** Takes the token out of the value of an HTTP Authorization header; it borrows from the value, and
 *  is not looked at. See keyfob_parse_authorization(). */
[[nodiscard]] inline result<std::string_view> parse_authorization(std::string_view value) noexcept
{
    return detail::filled(std::string_view(), [&](std::string_view *found, auto **err) {
        const char *data = nullptr;
        std::size_t size = 0;
        const keyfob_status code =
            keyfob_parse_authorization(value.data(), value.size(), &data, &size, err);
        *found = std::string_view(data, size);
        return code;
    });
}

/** The 16 bytes of an id; see keyfob_id_to_bytes(). */
[[nodiscard]] inline result<id_bytes> id_to_bytes(std::string_view id) noexcept
{
    return detail::filled(id_bytes{}, [&](id_bytes *bytes, auto **err) {
        const keyfob_text given = detail::given(id);
        return keyfob_id_to_bytes(given.data, given.size, bytes->data(), err);
    });
}

/** The text of an id of 16 bytes; any 16 bytes are one. */
[[nodiscard]] inline std::string id_from_bytes(const id_bytes &bytes)
{
    std::array<char, KEYFOB_ID_MAX> id{};
    // It fails for want of room or of bytes alone, and both are there.
    static_cast<void>(keyfob_id_from_bytes(bytes.data(), id.data(), id.size(), nullptr));
    return id.data();
}

/** Introduces a pepper, or changes to another one; see keyfob_set_pepper(). */
[[nodiscard]] inline result<void> set_pepper(std::string_view path, const store_options &options,
                                             const pepper &to, const progress_callback &told = {})
{
    const detail::raw_store_options raw(options);
    if (raw.moved_away) {
        return detail::failed(KEYFOB_NULL_ARGUMENT, nullptr);
    }
    return detail::done([&](auto **err) {
        const keyfob_text given = detail::given(path);
        return keyfob_set_pepper(given.data, given.size, &raw.to, to.capi(),
                                 detail::progress_function(told), detail::user(told), err);
    });
}

/** Removes the pepper; see keyfob_remove_pepper(). */
[[nodiscard]] inline result<void> remove_pepper(std::string_view path, const store_options &options,
                                                const progress_callback &told = {})
{
    const detail::raw_store_options raw(options);
    if (raw.moved_away) {
        return detail::failed(KEYFOB_NULL_ARGUMENT, nullptr);
    }
    return detail::done([&](auto **err) {
        const keyfob_text given = detail::given(path);
        return keyfob_remove_pepper(given.data, given.size, &raw.to,
                                    detail::progress_function(told), detail::user(told), err);
    });
}

/** Restores a backup at a path; see keyfob_restore(). */
[[nodiscard]] inline result<restore_result> restore(std::string_view path, std::string_view backup,
                                                    const store_options &options = {},
                                                    const restore_options &how = {},
                                                    const progress_callback &told = {})
{
    const detail::raw_store_options raw(options);
    if (raw.moved_away) {
        return detail::failed(KEYFOB_NULL_ARGUMENT, nullptr);
    }
    const detail::text_array named(how.named);
    keyfob_restore_options raw_how = KEYFOB_RESTORE_OPTIONS_INIT;
    raw_how.flags = detail::flag(how.disable_all, KEYFOB_RESTORE_DISABLE_ALL) |
                    detail::flag(how.trust_unkeyed, KEYFOB_RESTORE_TRUST_UNKEYED) |
                    detail::flag(how.replace_other_file, KEYFOB_RESTORE_REPLACE_OTHER_FILE);
    raw_how.named = named.data();
    raw_how.named_count = named.size();
    return detail::made<restore_result, keyfob_restore_result>([&](auto **out, auto **err) {
        const keyfob_text to = detail::given(path);
        const keyfob_text from = detail::given(backup);
        return keyfob_restore(to.data, to.size, from.data, from.size, &raw.to, &raw_how,
                              detail::progress_function(told), detail::user(told), out, err);
    });
}

/** Overwrites memory with zeros in a way that the compiler cannot leave out. */
inline void memzero(void *data, std::size_t size) noexcept
{
    keyfob_memzero(data, size);
}

} // inline namespace
} // namespace keyfob

#endif /* KEYFOB_HPP */
