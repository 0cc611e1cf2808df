/** The major version of this header. */
#define KEYFOB_VERSION_MAJOR @MAJOR@
/** The minor version of this header. */
#define KEYFOB_VERSION_MINOR @MINOR@
/** The patch version of this header. */
#define KEYFOB_VERSION_PATCH @PATCH@
/** The version of this header; keyfob_version() tells that of the library. */
#define KEYFOB_VERSION_STRING "@VERSION@"
/** The version of this header as a number; keyfob_version_number() tells that of the library. */
#define KEYFOB_VERSION_NUMBER \
    (KEYFOB_VERSION_MAJOR * 1000000 + KEYFOB_VERSION_MINOR * 1000 + KEYFOB_VERSION_PATCH)

/** The ABI that this header describes; keyfob_abi_version() tells that of the library. */
#define KEYFOB_ABI_VERSION @ABI@

/** As the size of a text: it is a C string, which a NUL ends. */
#define KEYFOB_NUL SIZE_MAX

/** As a time in an answer: there is none. Smaller than any time, so that a careless comparison
 *  with an expiry refuses. */
#define KEYFOB_NO_TIME INT64_MIN

/** How a check of keyfob_store_explain() came out that could not be made, because one before it
 *  found nothing to check. */
#define KEYFOB_NOT_REACHED (-1)

/** Before a function whose status must be looked at. */
#ifndef KEYFOB_NODISCARD
#  if defined(__cplusplus)
#    if __cplusplus >= 201703L
#      define KEYFOB_NODISCARD [[nodiscard]]
#    endif
#  elif defined(__STDC_VERSION__)
#    if __STDC_VERSION__ > 201710L
#      define KEYFOB_NODISCARD [[nodiscard]]
#    endif
#  endif
#  if !defined(KEYFOB_NODISCARD) && defined(__GNUC__)
#    define KEYFOB_NODISCARD __attribute__((__warn_unused_result__))
#  endif
#  ifndef KEYFOB_NODISCARD
#    define KEYFOB_NODISCARD
#  endif
#endif

/** Behind every function: none of them throws. */
#ifndef KEYFOB_NOEXCEPT
#  ifdef __cplusplus
#    define KEYFOB_NOEXCEPT noexcept
#  else
#    define KEYFOB_NOEXCEPT
#  endif
#endif
