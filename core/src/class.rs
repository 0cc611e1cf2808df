//! [`Class`]: what many keys have in common of that which a verification looks at, kept once for
//! all of them.
//!
//! A verification hands out environment, scopes and project of the key. Counting references to
//! them would write a word that every thread shares, for each verification, and two threads would
//! then be slower than one. So a class that is met for the first time is kept for the life of the
//! process, and handed out by plain reference. How many are kept is bounded; one beyond the bound
//! is counted, and its keys are not cached.

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;

use crate::header::{ForkLocal, Kept};
use crate::limits::TOKEN_BYTES;
use crate::scope::ScopeSet;
use crate::time::Timestamp;
use crate::token::{BODY_LEN, Environment, Prefix, VERSION};

/// Bytes of an owner that stand beside the key; a longer one is in its class.
const OWNER_BYTES: usize = 24;
/// Answers that a class remembers.
const ANSWERS: usize = 8;
/// Most classes that a process keeps.
const CLASSES: usize = 16 * 1024;
/// Most bytes of text that they hold together.
const CLASS_BYTES: usize = 8 * 1024 * 1024;

/// Whom a key belongs to, in words that are handed on without a look at them: its bytes, padded with
/// zeros, of which no owner holds any. Empty where there is none, or where it is too long.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Owner(pub(crate) [u64; OWNER_BYTES / 8]);

impl Owner {
    /// An owner that is short enough.
    pub(crate) fn short(owner: &str) -> Option<Self> {
        let mut bytes = [0; OWNER_BYTES];
        bytes
            .get_mut(..owner.len())?
            .copy_from_slice(owner.as_bytes());
        Some(Owner(bytemuck::must_cast(bytes)))
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        str::from_utf8(self.as_bytes()?).ok()
    }

    pub(crate) fn as_bytes(&self) -> Option<&[u8]> {
        let bytes: &[u8; OWNER_BYTES] = bytemuck::must_cast_ref(&self.0);
        let end = bytes.iter().position(|byte| *byte == 0);
        let owner = bytes.get(..end.unwrap_or(OWNER_BYTES))?;
        // An owner is never empty.
        (!owner.is_empty()).then_some(owner)
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_str(), f)
    }
}

/// What the tokens of a class begin with, `acme_live_1`, ready to be compared: in words, each with
/// the bits of it that count, so that comparing is one straight line for any length.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Head {
    token_len: usize,
    words: [u64; HEAD_WORDS],
    masks: [u64; HEAD_WORDS],
}

/// The longest head, in words; every token is longer than that.
const HEAD_WORDS: usize = (TOKEN_BYTES - BODY_LEN + 1).div_ceil(8);
const _: () = assert!(HEAD_WORDS * 8 <= BODY_LEN);

/// It says little more than the environment, which stands beside it.
impl Hash for Head {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl Head {
    pub(crate) fn new(prefix: &Prefix, environment: &Environment) -> Self {
        let mut bytes = [[0; 8]; HEAD_WORDS];
        let mut masks = bytes;
        let mut length = 0;
        let parts = [prefix.as_bytes(), b"_", environment.as_bytes(), b"_"];
        for part in parts.into_iter().chain([[VERSION].as_slice()]) {
            let end = length + part.len();
            bytes.as_flattened_mut()[length..end].copy_from_slice(part);
            masks.as_flattened_mut()[length..end].fill(u8::MAX);
            length = end;
        }
        Head {
            token_len: length + BODY_LEN - 1,
            words: bytes.map(u64::from_ne_bytes),
            masks: masks.map(u64::from_ne_bytes),
        }
    }

    /// Whether a text begins like a token of the class, and is as long as one.
    #[inline]
    pub(crate) fn begins(&self, text: &[u8]) -> bool {
        let Some(first) = text.first_chunk::<{ HEAD_WORDS * 8 }>() else {
            return false;
        };
        let mut differs = 0;
        for (at, bytes) in first.as_chunks::<8>().0.iter().enumerate() {
            differs |= (u64::from_ne_bytes(*bytes) ^ self.words[at]) & self.masks[at];
        }
        differs == 0 && text.len() == self.token_len
    }
}

/// What was answered whether a class grants the scopes of a requirement: neither of both ever
/// changes, so that the answer is worth remembering. Each word is the number of a requirement and
/// the answer in its lowest bit; zero is none.
#[derive(Default)]
pub(crate) struct Answers([AtomicU64; ANSWERS]);

impl Answers {
    /// The answer of old, or that of `find`. The number is that of one set of scopes for ever.
    #[allow(clippy::inline_always)] // one load and one compare of a verification
    #[inline(always)]
    pub(crate) fn remembered(&self, number: u64, find: impl FnOnce() -> bool) -> bool {
        let known = self.place(number).load(Ordering::Relaxed);
        if known >> 1 == number {
            known & 1 == 1
        } else {
            self.found(number, find)
        }
    }

    #[inline]
    fn place(&self, number: u64) -> &AtomicU64 {
        &self.0[usize::try_from(number % ANSWERS as u64).unwrap_or(0)]
    }

    #[cold]
    #[inline(never)]
    fn found(&self, number: u64, find: impl FnOnce() -> bool) -> bool {
        let answer = find();
        let word = number << 1 | u64::from(answer);
        self.place(number).store(word, Ordering::Relaxed);
        answer
    }
}

/// Two classes are the same whatever was asked of them.
impl PartialEq for Answers {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Answers {}

impl Hash for Answers {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl Clone for Answers {
    fn clone(&self) -> Self {
        Answers::default()
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answers")
    }
}

/// What a verification looks at beside the secret, the dates and the state of a key.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Class {
    pub(crate) head: Head,
    pub(crate) environment: Environment,
    /// What the key grants, as far as its project allows it.
    pub(crate) scopes: ScopeSet,
    /// The name of its project.
    pub(crate) project: Option<String>,
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) ip_list: Vec<IpNet>,
    /// An owner that is too long to stand beside the key.
    pub(crate) long_owner: Option<String>,
    /// Which requirements' scopes it grants.
    pub(crate) answers: Answers,
}

impl Class {
    fn bytes(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let scopes: usize = self
            .scopes
            .iter()
            .map(|scope| scope.as_str().len() + size_of::<crate::scope::Scope>())
            .sum();
        size_of::<Class>()
            + scopes
            + text(&self.project)
            + text(&self.long_owner)
            + self.ip_list.len() * size_of::<IpNet>()
    }
}

/// A class, kept for ever or counted.
#[derive(Clone, Debug)]
pub(crate) enum ClassRef {
    Kept(&'static Class),
    Counted(Arc<Class>),
}

impl Deref for ClassRef {
    type Target = Class;

    #[inline]
    fn deref(&self) -> &Class {
        match self {
            ClassRef::Kept(class) => class,
            ClassRef::Counted(class) => class,
        }
    }
}

/// The number of a class that is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ClassNumber(pub(crate) u32);

/// Never changed once set, so that a child of a fork goes on reading what its parent kept.
static KEPT: [Kept<Class>; CLASSES] = [const { Kept::new() }; CLASSES];

/// Every process has its own: a fork can find the mutex held by a thread that the child lacks.
static NUMBERS: ForkLocal<Mutex<Numbers>> = ForkLocal::new();

struct Numbers {
    by_class: HashMap<&'static Class, u32>,
    bytes: usize,
}

impl Numbers {
    /// Those of the classes that are kept already: all in a child, none in the first process.
    fn of_kept() -> Self {
        let kept = || KEPT.iter().map_while(Kept::get);
        Numbers {
            by_class: kept().zip(0..).collect(),
            bytes: kept().map(Class::bytes).sum(),
        }
    }
}

/// Keeps a class, or finds it among those kept. Without a number it is beyond the bound.
pub(crate) fn keep(class: Class) -> (ClassRef, Option<ClassNumber>) {
    let mut numbers = NUMBERS
        .get_or_make(|| Mutex::new(Numbers::of_kept()))
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if let Some((class, number)) = numbers.by_class.get_key_value(&class) {
        return (ClassRef::Kept(class), Some(ClassNumber(*number)));
    }
    let bytes = numbers.bytes.saturating_add(class.bytes());
    let next = numbers.by_class.len();
    let (Some(place), Ok(number), true) =
        (KEPT.get(next), u32::try_from(next), bytes <= CLASS_BYTES)
    else {
        return (ClassRef::Counted(Arc::new(class)), None);
    };
    let class = place.set(class);
    numbers.by_class.insert(class, number);
    numbers.bytes = bytes;
    (ClassRef::Kept(class), Some(ClassNumber(number)))
}

/// The class of a number.
#[inline]
pub(crate) fn kept(number: ClassNumber) -> Option<&'static Class> {
    KEPT.get(usize::try_from(number.0).ok()?)?.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(project: &str) -> Class {
        Class {
            head: Head::new(&Prefix::parse("acme").unwrap(), &Environment::live()),
            environment: Environment::live(),
            scopes: ScopeSet::parse(["a:b"]).unwrap(),
            project: Some(project.to_owned()),
            not_before: None,
            ip_list: Vec::new(),
            long_owner: None,
            answers: Answers::default(),
        }
    }

    #[test]
    fn equal_classes_are_kept_once_and_found_by_their_number() {
        let (one, number) = keep(class("of-the-test"));
        let (two, again) = keep(class("of-the-test"));
        assert_eq!(number, again);
        assert!(std::ptr::eq(&raw const *one, &raw const *two));
        let found = kept(number.unwrap()).unwrap();
        assert_eq!(*found, class("of-the-test"));
        assert_ne!(keep(class("another")).1, number);
    }

    #[test]
    fn numbers_that_are_made_anew_are_those_of_the_classes_kept() {
        let (_, number) = keep(class("of-a-parent"));
        let in_child = Numbers::of_kept();
        let found = in_child.by_class.get(&class("of-a-parent"));
        assert_eq!(found.copied().map(ClassNumber), number);
        assert!(in_child.bytes >= class("of-a-parent").bytes());
    }

    #[test]
    fn a_class_beyond_the_bound_is_handed_out_all_the_same() {
        let mut large = class("large");
        large.long_owner = Some("x".repeat(CLASS_BYTES));
        let (counted, number) = keep(large.clone());
        assert_eq!(number, None);
        assert_eq!(*counted, large);
    }
}
