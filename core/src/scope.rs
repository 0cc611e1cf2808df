//! [`Scope`] and [`ScopeSet`]: what a key grants, and what that covers.
//!
//! A scope is segments of `[A-Za-z0-9_.-]+` joined by `:`, in which case matters, at most eight
//! segments and 128 bytes. Only as the whole last segment it may have a `*`: `a:*` grants `a:b`
//! and `a:b:c`, not `a`; `*` alone grants everything. An empty set grants nothing.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Misuse;
use crate::limits;

/// A permission such as `instances:read`, or a pattern of them such as `instances:*`.
///
/// Ordered by its bytes. Serialized as its text, which is checked when read.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope(Box<str>);

impl Scope {
    /// The scope of a text.
    ///
    /// # Errors
    ///
    /// [`Misuse::LimitExceeded`] past 128 bytes or eight segments; [`Misuse::InvalidScope`] with
    /// the rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, Misuse> {
        Misuse::check_limit(
            "length of a scope in bytes",
            text.len(),
            limits::SCOPE_BYTES,
        )?;
        if let Some(why) = broken_rule(text) {
            return Err(Misuse::invalid_scope(text, why));
        }
        let segments = text.split(':').count();
        Misuse::check_limit(
            "number of segments of a scope",
            segments,
            limits::SCOPE_SEGMENTS,
        )?;
        Ok(Scope(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this ends in `*`, and so grants more than its own text; no requirement may.
    pub fn is_pattern(&self) -> bool {
        self.0.ends_with('*')
    }

    /// Whether whoever has this scope has the other one too.
    ///
    /// A pattern is covered only by itself or a wider one: `a:b:*` by `a:*`, not by `a:b:c`.
    pub fn covers(&self, other: &Scope) -> bool {
        match self.0.strip_suffix('*') {
            // The stem ends in `:`, or is empty; a segment is never empty, so that something
            // follows the stem in whatever starts with it.
            Some(stem) => other.0.starts_with(stem),
            None => self == other,
        }
    }
}

/// The first rule of the grammar that the text breaks.
fn broken_rule(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("a scope has at least one segment");
    }
    let mut segments = text.split(':').peekable();
    while let Some(segment) = segments.next() {
        if segment.is_empty() {
            return Some("a segment, which `:` separates from the next, has a character at least");
        }
        if segment == "*" {
            if segments.peek().is_some() {
                return Some("`*` stands only as the last segment");
            }
        } else if segment.contains('*') {
            return Some("`*` stands only for a whole segment, the last");
        } else if !segment.bytes().all(is_segment_byte) {
            return Some("a segment is of A-Z, a-z, 0-9, `_`, `.` and `-`");
        }
    }
    None
}

const fn is_segment_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}

impl AsRef<str> for Scope {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for Scope {
    type Err = Misuse;

    fn from_str(text: &str) -> Result<Self, Misuse> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Scope {
    type Error = Misuse;

    fn try_from(text: String) -> Result<Self, Misuse> {
        Self::parse(&text)
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> String {
        scope.0.into()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The scopes of a key, a project or a requirement: sorted by their bytes, each once.
///
/// Serialized as a sequence of texts, which are checked when read as [`parse`](Self::parse)
/// checks them.
#[derive(Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<Scope>", into = "Vec<Scope>")]
pub struct ScopeSet(Vec<Scope>);

impl ScopeSet {
    /// The set of these texts, in any order; one that is given twice counts twice to the bound.
    ///
    /// # Errors
    ///
    /// [`Misuse::LimitExceeded`] for more than 64 texts, and the errors of [`Scope::parse`] for
    /// the first that is not right.
    pub fn parse<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Result<Self, Misuse> {
        let mut texts = texts.into_iter();
        let scopes = texts
            .by_ref()
            .take(limits::SCOPES)
            .map(|text| Scope::parse(text.as_ref()));
        let scopes = scopes.collect::<Result<Vec<_>, _>>()?;
        let given = scopes.len().saturating_add(texts.count());
        Misuse::check_limit("number of scopes", given, limits::SCOPES)?;
        Ok(Self::sorted(scopes))
    }

    /// The set of no scopes, which grants nothing.
    pub const fn empty() -> Self {
        ScopeSet(Vec::new())
    }

    /// Whether there is no scope.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many scopes there are, a pattern counting as one.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// The scopes in the order of their bytes.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }

    /// Whether some scope of this set covers the one required.
    pub fn grants(&self, required: &Scope) -> bool {
        self.0.iter().any(|scope| scope.covers(required))
    }

    /// Whether every one of the required scopes is granted; of none, it is.
    pub fn grants_all(&self, required: &ScopeSet) -> bool {
        required.is_subset_of(self)
    }

    /// Whether at least one of the required scopes is granted; of none, it is not.
    pub fn grants_any(&self, required: &ScopeSet) -> bool {
        required.0.iter().any(|scope| self.grants(scope))
    }

    /// Whether the wider set grants every scope of this one, `a:*` only by `a:*` or wider.
    pub fn is_subset_of(&self, wider: &ScopeSet) -> bool {
        self.first_beyond(wider).is_none()
    }

    /// The first scope of this set that the wider one does not grant.
    pub fn first_beyond(&self, wider: &ScopeSet) -> Option<&Scope> {
        self.0.iter().find(|scope| !wider.grants(scope))
    }

    /// What both sets grant: a key's scopes as far as its project's ceiling allows them.
    ///
    /// Of two patterns of which one covers the other, the narrower is in the result. The result
    /// grants a scope exactly if both sets do. It holds at most the scopes of both together, and
    /// so can be longer than a set that [`parse`](Self::parse) makes; it is for deciding, not for
    /// keeping.
    #[must_use]
    pub fn narrowed_by(&self, ceiling: &ScopeSet) -> ScopeSet {
        let kept = self.0.iter().filter(|scope| ceiling.grants(scope));
        let allowed = ceiling.0.iter().filter(|scope| self.grants(scope));
        Self::sorted(kept.chain(allowed).cloned().collect())
    }

    fn sorted(mut scopes: Vec<Scope>) -> Self {
        scopes.sort_unstable();
        scopes.dedup();
        ScopeSet(scopes)
    }
}

impl TryFrom<Vec<Scope>> for ScopeSet {
    type Error = Misuse;

    fn try_from(scopes: Vec<Scope>) -> Result<Self, Misuse> {
        Misuse::check_limit("number of scopes", scopes.len(), limits::SCOPES)?;
        Ok(Self::sorted(scopes))
    }
}

impl From<ScopeSet> for Vec<Scope> {
    fn from(set: ScopeSet) -> Vec<Scope> {
        set.0
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../tests/vectors/scopes.json")).unwrap()
    }

    fn texts(value: &Value) -> Vec<&str> {
        value
            .as_array()
            .unwrap()
            .iter()
            .map(|text| text.as_str().unwrap())
            .collect()
    }

    fn set(value: &Value) -> ScopeSet {
        ScopeSet::parse(texts(value)).unwrap()
    }

    #[test]
    fn a_token_in_the_place_of_a_scope_is_not_shown_with_its_secret() {
        let token = "a_e_102p5oQZoHTv0zeY5yG21K3k7QmX2vT9bRz4LwYc0HdNj5sPgF8aEuV1oKiB6tMqWx4C4HB7";
        let error = Scope::parse(&format!("{token} ")).unwrap_err().to_string();
        assert!(error.contains("a_e_102p5oQZoHTv0zeY5yG2…"), "{error}");
    }

    #[test]
    fn the_shared_vectors_of_parsing_hold() {
        for case in vectors()["parse"].as_array().unwrap() {
            let parsed = ScopeSet::parse(texts(&case["scopes"]));
            let (name, code) = match &parsed {
                Ok(_) => ("OK", 0),
                Err(misuse) => (misuse.code().name(), misuse.code().number()),
            };
            assert_eq!(case["expected"], name, "{}", case["case"]);
            assert_eq!(case["code"], code, "{}", case["case"]);
            if let Ok(parsed) = parsed {
                let sorted: Vec<_> = parsed.iter().map(Scope::as_str).collect();
                assert_eq!(sorted, texts(&case["sorted"]), "{}", case["case"]);
            }
        }
    }

    #[test]
    fn the_shared_vectors_of_granting_hold() {
        for case in vectors()["grants"].as_array().unwrap() {
            let required = Scope::parse(case["required"].as_str().unwrap()).unwrap();
            let granted = set(&case["scopes"]).grants(&required);
            assert_eq!(case["expected"], granted, "{}", case["case"]);
        }
    }

    #[test]
    fn the_shared_vectors_of_subsets_hold() {
        for case in vectors()["subset"].as_array().unwrap() {
            let (scopes, wider) = (set(&case["scopes"]), set(&case["wider"]));
            assert_eq!(
                case["expected"],
                scopes.is_subset_of(&wider),
                "{}",
                case["case"]
            );
            let beyond = scopes.first_beyond(&wider).map(Scope::as_str);
            assert_eq!(case["first_beyond"].as_str(), beyond, "{}", case["case"]);
        }
    }

    #[test]
    fn the_shared_vectors_of_narrowing_hold() {
        for case in vectors()["narrowed"].as_array().unwrap() {
            let narrowed = set(&case["scopes"]).narrowed_by(&set(&case["ceiling"]));
            assert_eq!(narrowed, set(&case["expected"]), "{}", case["case"]);
        }
    }

    #[test]
    fn the_message_names_the_scope_and_the_rule() {
        let message = Scope::parse("a:*:b").unwrap_err().to_string();
        assert_eq!(
            message,
            "scope \"a:*:b\": `*` stands only as the last segment"
        );
    }

    #[test]
    fn a_requirement_of_none_is_granted_as_all_and_not_as_any() {
        let everything = ScopeSet::parse(["*"]).unwrap();
        assert!(ScopeSet::empty().grants_all(&ScopeSet::empty()));
        assert!(!everything.grants_any(&ScopeSet::empty()));
        let required = ScopeSet::parse(["a:b", "c"]).unwrap();
        let some = ScopeSet::parse(["a:*"]).unwrap();
        assert!(some.grants_any(&required) && !some.grants_all(&required));
        assert!(everything.grants_all(&required));
    }

    #[test]
    fn a_set_that_is_read_is_checked_as_one_that_is_parsed() {
        let written = postcard::to_allocvec(&["b", "a:*", "b"][..]).unwrap();
        let read: ScopeSet = postcard::from_bytes(&written).unwrap();
        assert_eq!(format!("{read:?}"), r#"{"a:*", "b"}"#);
        assert_eq!(serde_json::to_string(&read).unwrap(), r#"["a:*","b"]"#);
        for wrong in [
            r#"["a:"]"#.to_owned(),
            serde_json::to_string(&vec!["a"; 65]).unwrap(),
        ] {
            assert!(serde_json::from_str::<ScopeSet>(&wrong).is_err(), "{wrong}");
        }
    }

    fn scope() -> impl Strategy<Value = String> {
        "(([ab]:){0,3}([ab]|\\*))"
    }

    fn scope_set() -> impl Strategy<Value = ScopeSet> {
        proptest::collection::vec(scope(), 0..8).prop_map(|texts| ScopeSet::parse(texts).unwrap())
    }

    /// Granting by the words of the rule: segment by segment, a `*` for one or more.
    fn grants_plainly(scope: &str, literal: &str) -> bool {
        let (mut scope, mut literal) = (scope.split(':'), literal.split(':'));
        loop {
            match (scope.next(), literal.next()) {
                (Some("*"), Some(_)) | (None, None) => return true,
                (Some(one), Some(two)) if one == two => {}
                _ => return false,
            }
        }
    }

    proptest! {
        #[test]
        fn a_narrowed_set_grants_what_both_sets_grant(
            scopes in scope_set(), ceiling in scope_set(), literal in "([ab]:){0,4}[ab]",
        ) {
            let literal = Scope::parse(&literal).unwrap();
            let narrowed = scopes.narrowed_by(&ceiling);
            let both = scopes.grants(&literal) && ceiling.grants(&literal);
            prop_assert_eq!(narrowed.grants(&literal), both);
            prop_assert!(narrowed.is_subset_of(&scopes) && narrowed.is_subset_of(&ceiling));
            prop_assert_eq!(&narrowed, &ceiling.narrowed_by(&scopes));
            prop_assert_eq!(&scopes.narrowed_by(&scopes), &scopes);
        }

        #[test]
        fn a_scope_grants_what_the_rule_says(scope in scope(), literal in "([ab]:){0,4}[ab]") {
            let covers = Scope::parse(&scope).unwrap().covers(&Scope::parse(&literal).unwrap());
            prop_assert_eq!(covers, grants_plainly(&scope, &literal));
        }

        #[test]
        fn a_subset_grants_nothing_beyond_the_wider(
            scopes in scope_set(), wider in scope_set(), literal in "([ab]:){0,4}[ab]",
        ) {
            let literal = Scope::parse(&literal).unwrap();
            if scopes.is_subset_of(&wider) && scopes.grants(&literal) {
                prop_assert!(wider.grants(&literal));
            }
        }

        #[test]
        fn any_text_is_parsed_without_a_panic_and_reads_back(text: String) {
            if let Ok(scope) = Scope::parse(&text) {
                prop_assert_eq!(scope.as_str(), text);
            }
        }
    }
}
