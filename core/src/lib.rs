//! keyfob: an embedded store of API keys. One file, no server, no network: the process that needs
//! to know whether a token is good asks a function.
//!
//! ```
//! use keyfob::{Expiry, NewKey, Requirement, Revoke, ScopeSet, StoreOptions};
//!
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("keys.redb");
//! let store = StoreOptions::new().prefix("acme")?.actor("deploy")?.create(&path)?;
//!
//! let mut new = NewKey::new("CI deploy");
//! new.scopes = ScopeSet::parse(["orders:read"])?;
//! new.expires = Expiry::In(90 * 24 * 60 * 60);
//! let created = store.create(&new)?;
//! let token = created.token.expect("shown once, here");
//!
//! let requirement = Requirement::new().scopes(["orders:read"])?;
//! assert!(store.verify(token.expose(), &requirement).is_ok());
//!
//! store.revoke(created.key.id, &Revoke::default())?;
//! assert!(store.verify(token.expose(), &requirement).is_err());
//! store.close()?;
//! # Ok::<(), keyfob::Error>(())
//! ```
//!
//! # The two walks
//!
//! Everything is one of two walks through the modules.
//!
//! **Verify** ([`Store::verify`], in `verify.rs`): the text is parsed (`token.rs`), the record is
//! read in one snapshot (`disk/read.rs`), the secret is hashed once (`digest.rs`), and the decision
//! goes through its checks in order (`decision.rs`). What comes back is a [`Verified`] that nothing
//! else can make.
//!
//! **Change** (every other verb, in `lifecycle.rs`, `projects.rs` and their neighbours): the verb
//! enters the one write transaction (`commit.rs`), reads the current record inside it, asks a pure
//! transition for the next one and its event (`key.rs`, `project.rs`), and hands both to the
//! writer (`disk/write.rs`), which writes record, indexes, event and state together. The commit,
//! which callers at the same time share (`disk/group.rs`), makes it durable; from then on every
//! verification sees it.
//!
//! `docs/ARCHITECTURE.md` has the map and the reasons, `docs/FORMAT.md` the file, `docs/TOKEN.md`
//! the token.

/// The examples of the README are compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

mod authorization;
mod backup;
mod base62;
mod bulk;
mod cache;
mod catch_up;
mod class;
#[cfg(all(test, not(keyfob_loom)))]
mod coherence;
mod commit;
mod create;
mod decision;
mod digest;
mod disk;
mod error;
mod event;
mod filter;
mod foreign;
mod foreign_row;
mod header;
mod id;
mod import;
mod integrity;
#[cfg(all(test, keyfob_loom))]
mod interleavings;
mod key;
mod key_info;
mod lifecycle;
pub mod limits;
mod list;
mod log;
mod mutant;
mod opening;
mod pepper;
mod policy;
mod progress;
mod project;
mod projects;
mod prune;
mod requirement;
mod restore;
mod scan;
mod scope;
mod secret;
mod settings;
mod store;
mod sync;
mod tag;
mod time;
mod token;
mod usage;
mod verify;

pub use authorization::{Credentials, parse_authorization};
pub use backup::{Backup, Compacted, PepperInfo, StoreInfo};
pub use bulk::{BulkOutcome, Selection};
pub use create::{BulkCreated, Created};
pub use decision::{Check, Verified};
pub use disk::CheckOnOpen;
pub use error::{Code, Denied, Error, Misuse, Refused, StoreError, VerifyError};
pub use event::{Event, EventKind, KeyField, KeyTerms, ProjectField, Reason, Subject};
pub use filter::Filter;
pub use foreign::ForeignFormat;
pub use id::{KeyId, ProjectId};
pub use import::{ImportDefaults, Imported};
pub use integrity::IntegrityReport;
pub use key::{Change, Expiry, KeyState, KeyUpdate, MatchedSecret, NewKey, Revocation};
pub use key_info::{KeyInfo, OldSecret, SecretUse};
pub use lifecycle::{Revoke, Rotate, Rotated};
pub use list::{Order, Page, PageRequest};
pub use log::{ChainCheck, LogQuery};
pub use policy::Policy;
pub use project::{NewProject, ProjectInfo, ProjectUpdate};
pub use prune::{Prune, Pruned};
pub use requirement::{Request, Requirement};
pub use restore::{Restore, Restored};
pub use scan::{Finding, FoundToken, Scanned};
pub use scope::{Scope, ScopeSet};
pub use secret::{Pepper, Token};
pub use store::{Refusal, Store, StoreOptions};
pub use time::{Clock, Timestamp};
pub use token::{Environment, Prefix, hint, scanner_expression};
pub use verify::{CheckOutcome, Explanation};
