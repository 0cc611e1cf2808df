//! [`Class`]: what many keys have in common of that which a verification looks at, kept once for
//! all of them.
//!
//! A verification hands out environment, scopes and project of the key. Counting references to
//! them would write a word that every thread shares, for each verification, and two threads would
//! then be slower than one. So a class that is met for the first time is kept for the life of the
//! process, and handed out by plain reference. How many are kept is bounded; one beyond the bound
//! is counted, and its keys are not cached.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;

use crate::header::{ForkLocal, Kept};
use crate::scope::ScopeSet;
use crate::time::Timestamp;
use crate::token::Environment;

/// Bytes of an owner that stand beside the key; a longer one is in its class.
pub(crate) const OWNER_BYTES: usize = 24;
/// Most classes that a process keeps.
const CLASSES: usize = 16 * 1024;
/// Most bytes of text that they hold together.
const CLASS_BYTES: usize = 8 * 1024 * 1024;

/// What a verification looks at beside the secret, the dates and the state of a key.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Class {
    /// What its tokens begin with: `acme_live_`.
    pub(crate) head: String,
    pub(crate) environment: Environment,
    /// What the key grants, as far as its project allows it.
    pub(crate) scopes: ScopeSet,
    /// The name of its project.
    pub(crate) project: Option<String>,
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) ip_list: Vec<IpNet>,
    /// An owner that is too long to stand beside the key.
    pub(crate) long_owner: Option<String>,
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
            + self.head.len()
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
            head: "acme_live_".to_owned(),
            environment: Environment::live(),
            scopes: ScopeSet::parse(["a:b"]).unwrap(),
            project: Some(project.to_owned()),
            not_before: None,
            ip_list: Vec::new(),
            long_owner: None,
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
