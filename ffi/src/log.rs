//! The log: its events, one after the other.

use std::collections::VecDeque;
use std::ffi::c_char;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use keyfob_core::{
    Code, Event, EventKind, KeyField, KeyTerms, LogQuery, Policy, ProjectField, ScopeSet, Store,
    Subject,
};

use crate::create::at;
use crate::error::{Fault, keyfob_error};
use crate::guard::{access, access_text, free, on_handle, status};
use crate::key::put_bytes;
use crate::lifecycle::parse_key_id;
use crate::out::{Lent, Out};
use crate::sized::{named, only, read, sized};
use crate::status::keyfob_status;
use crate::store::{keyfob_store, on_store};
use crate::text::{Text, keyfob_text};

/// Bits of keyfob_log_query.flags.
#[repr(C)]
pub enum keyfob_log_flags {
    /// Begin after keyfob_log_query.after, which may be 0: GONE where events behind it were pruned.
    /// Without it the log is read from where it begins.
    KEYFOB_LOG_AFTER = 1,
}

/// Which events are meant: those for which everything that is stated holds. A time of 0 is one that
/// is not stated.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct keyfob_log_query {
    /// sizeof(keyfob_log_query).
    pub size: u32,
    /// Bits of \ref keyfob_log_flags.
    pub flags: u32,
    /// The sequence after which to begin, where its flag is set.
    pub after: u64,
    /// About this key: its id.
    pub key_id: keyfob_text,
    /// About this project or a key of it: the name of a project that exists, or the id of any, also
    /// of one that was deleted or pruned.
    pub project: keyfob_text,
    /// At this time or later, in seconds since 1970.
    pub from: i64,
    /// Before this time.
    pub until: i64,
}

sized!(keyfob_log_query, 64 {
    size: u32,
    flags: u32,
    after: u64,
    key_id: keyfob_text,
    project: keyfob_text,
    from: i64,
    until: i64,
});

/// # Safety
/// `from` is NULL, or a struct of the caller's whose pointers are as its fields say.
unsafe fn query(from: *const keyfob_log_query) -> Result<LogQuery, Fault> {
    let after = keyfob_log_flags::KEYFOB_LOG_AFTER as u32;
    // SAFETY: as above.
    let asked = unsafe { read(from) }?;
    only(asked.flags, after, "keyfob_log_query.flags")?;
    let has_after = asked.flags & after != 0;
    named(has_after, asked.after != 0, "keyfob_log_query.after")?;
    let mut query = LogQuery::default();
    query.after = has_after.then_some(asked.after);
    query.from = at(asked.from);
    query.until = at(asked.until);
    // SAFETY: as above.
    unsafe {
        query.key = asked
            .key_id
            .stated("key_id")?
            .map(parse_key_id)
            .transpose()?;
        query.project = asked.project.stated("project")?.map(str::to_owned);
    }
    Ok(query)
}

/// What an event is about.
#[repr(C)]
pub enum keyfob_subjects {
    /// The store as a whole.
    KEYFOB_SUBJECT_STORE = 0,
    /// One key.
    KEYFOB_SUBJECT_KEY = 1,
    /// One project.
    KEYFOB_SUBJECT_PROJECT = 2,
}

/// One line of the log.
pub struct keyfob_event {
    event: Event,
    actor: Text,
    kind: Text,
    subject_id: Option<Text>,
    fields: Vec<(Text, Text)>,
}

impl keyfob_event {
    fn new(event: Event) -> Self {
        let mut fields = Fields(Vec::new());
        fields.of(&event.kind);
        keyfob_event {
            actor: Text::new(&event.actor),
            kind: Text::new(event.kind.name()),
            subject_id: match event.subject {
                Subject::Key(id) => Some(Text::new(id.to_text())),
                Subject::Project(id) => Some(Text::new(id.to_text())),
                _ => None,
            },
            fields: fields.0,
            event,
        }
    }
}

/// The details of an event, each a name and a text; what is a list stands there once for each of
/// its parts, and what is absent does not stand there.
struct Fields(Vec<(Text, Text)>);

impl Fields {
    fn put(&mut self, name: &'static str, value: &impl ToString) {
        self.0.push((Text::new(name), Text::new(value.to_string())));
    }

    fn maybe(&mut self, name: &'static str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.put(name, &value);
        }
    }

    /// A field that an update emptied is an empty text.
    fn or_empty(&mut self, name: &'static str, value: Option<&impl ToString>) {
        self.put(name, &value.map(ToString::to_string).unwrap_or_default());
    }

    fn scopes(&mut self, scopes: &ScopeSet) {
        for scope in scopes.iter() {
            self.put("scope", scope);
        }
    }

    fn policy(&mut self, policy: &Policy) {
        let Policy {
            default_lifetime,
            longest_lifetime,
            expiry_required,
            most_keys_per_owner,
        } = policy;
        self.maybe("default_lifetime", *default_lifetime);
        self.maybe("longest_lifetime", *longest_lifetime);
        self.put("expiry_required", &u8::from(*expiry_required));
        self.maybe("most_keys_per_owner", *most_keys_per_owner);
    }

    fn terms(&mut self, terms: &KeyTerms) {
        self.put("name", &terms.name);
        self.scopes(&terms.scopes);
        self.maybe("project_id", terms.project);
        self.put("environment", &terms.environment);
        self.maybe("owner", terms.owner.as_ref());
        self.maybe("expires_at", terms.expires_at);
        self.maybe("not_before", terms.not_before);
        for range in &terms.ip_list {
            self.put("ip_range", range);
        }
    }

    fn key_field(&mut self, field: &KeyField) {
        self.put("changed", &field.name());
        match field {
            KeyField::Name(name) => self.put("name", name),
            KeyField::Scopes(scopes) => self.scopes(scopes),
            KeyField::Owner(owner) => self.or_empty("owner", owner.as_ref()),
            KeyField::ExpiresAt(at) => self.or_empty("expires_at", at.as_ref()),
            KeyField::NotBefore(at) => self.or_empty("not_before", at.as_ref()),
            KeyField::IpList(ranges) => {
                for range in ranges {
                    self.put("ip_range", range);
                }
            }
            KeyField::RotationDueAfter(seconds) => {
                self.or_empty("rotation_due_after", seconds.as_ref());
            }
            // Of metadata and tags the log knows only that they were changed.
            _ => {}
        }
    }

    fn project_field(&mut self, field: &ProjectField) {
        self.put("changed", &field.name());
        match field {
            ProjectField::Scopes(scopes) => self.scopes(scopes),
            ProjectField::Owner(owner) => self.or_empty("owner", owner.as_ref()),
            _ => {}
        }
    }

    fn of(&mut self, kind: &EventKind) {
        self.maybe("project", kind.project_name());
        match kind {
            EventKind::StoreCreated { policy } | EventKind::PolicyChanged { policy } => {
                self.policy(policy);
            }
            EventKind::KeyCreated { key, within } => {
                self.terms(key);
                self.maybe("within", *within);
            }
            EventKind::KeyImported { key } => self.terms(key),
            EventKind::KeyUpdated { changed } => {
                for field in changed {
                    self.key_field(field);
                }
            }
            EventKind::KeyRevoked { reason, note } => {
                self.put("reason", reason);
                self.maybe("note", note.as_ref());
            }
            EventKind::KeyRotated {
                generation,
                grace_expires_at,
            } => {
                self.put("generation", generation);
                self.maybe("grace_expires_at", *grace_expires_at);
            }
            EventKind::ProjectCreated {
                name: _,
                scopes,
                owner,
            } => {
                self.scopes(scopes);
                self.maybe("owner", owner.as_ref());
            }
            EventKind::ProjectUpdated { name: _, changed } => {
                for field in changed {
                    self.project_field(field);
                }
            }
            EventKind::ClockReset { from, to } => {
                self.put("from", from);
                self.put("to", to);
            }
            EventKind::LogPruned { through } => self.put("through", through),
            EventKind::Restored {
                sequence_before,
                backup_sequence,
                keys,
            } => {
                self.maybe("sequence_before", *sequence_before);
                self.put("backup_sequence", backup_sequence);
                self.put("keys", keys);
            }
            EventKind::KeyRestored { key, disabled } => {
                self.terms(key);
                self.put("disabled", &u8::from(*disabled));
            }
            EventKind::ProjectRestored {
                name: _,
                scopes,
                owner,
                enabled,
                deleted,
            } => {
                self.scopes(scopes);
                self.maybe("owner", owner.as_ref());
                self.put("enabled", &u8::from(*enabled));
                self.put("deleted", &u8::from(*deleted));
            }
            // The others say all by their names.
            _ => {}
        }
    }
}

/// The events of a query, one after the other. It has a reference to the store of its own, and no
/// read stays open between two calls.
pub struct keyfob_event_iter {
    store: Store,
    poisoned: Arc<AtomicBool>,
    query: LogQuery,
    read: VecDeque<Event>,
    /// What was lent last, in a place of its own, where it stays.
    lent: Option<Box<keyfob_event>>,
}

/// Events read at once.
const BATCH: usize = 256;

impl keyfob_event_iter {
    fn fill(&mut self) -> Result<(), Fault> {
        if self.read.is_empty() {
            self.read = self.store.log(&self.query, BATCH)?.into();
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<&keyfob_event>, Fault> {
        self.fill()?;
        let Some(event) = self.read.pop_front() else {
            return Ok(None);
        };
        self.query.after = Some(event.sequence);
        self.lent = Some(Box::new(keyfob_event::new(event)));
        Ok(self.lent.as_deref())
    }
}

/// Reads the log, in order. Every event is checked before it is given: its hash must follow from
/// that of the event before it, and no event may be missing.
///
/// Errors: GONE where the log was pruned beyond the sequence asked for, never a shortened list
/// (keyfob_error_sequence() tells where it begins); CORRUPTED; NO_SUCH_PROJECT; NO_SUCH_KEY of a
/// text that is no id; NOT_UTF8, UNKNOWN_OPTION, INVALID_ARGUMENT, NULL_ARGUMENT; what the store
/// says.
///
/// Threads: any.
///
/// \param store      the store
/// \param query      which events; NULL for all
/// \param[out] iter  the events; free it with keyfob_event_iter_free()
/// \param[out] err   why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_store_read_log(
    store: *const keyfob_store,
    query: *const keyfob_log_query,
    iter: *mut *mut keyfob_event_iter,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let out = unsafe { Out::new(iter) };
    let body = |handle: &keyfob_store| {
        let out = out.required("iter")?;
        let mut iter = keyfob_event_iter {
            store: handle.store.clone(),
            poisoned: Arc::clone(&handle.poisoned),
            // SAFETY: the caller's struct.
            query: unsafe { self::query(query) }?,
            read: VecDeque::new(),
            lent: None,
        };
        // What is not of its form is told here, and not by the first step.
        iter.fill()?;
        out.give(|| iter);
        Ok(())
    };
    // SAFETY: the caller's handle and place.
    unsafe { on_store(store, err, body) }
}

/// The next event. It is lent until the next call of this function, or until the iterator is freed.
/// After the end a later call looks again, and goes on with what was added since: so the log is
/// followed.
///
/// Errors: DONE (1) at the end, which is no error and makes no error object; GONE where events that
/// were not read yet were pruned; CORRUPTED; CLOSED where the store was closed before more was read;
/// NULL_ARGUMENT; what the store says.
///
/// Threads: one at a time.
///
/// \param iter        the iterator
/// \param[out] event  the event; NULL at the end and on failure
/// \param[out] err    why it failed; may be NULL
/// \since 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn keyfob_event_iter_next(
    iter: *mut keyfob_event_iter,
    event: *mut *const keyfob_event,
    err: *mut *mut keyfob_error,
) -> keyfob_status {
    // SAFETY: the caller's pointers.
    let (iter, event) = unsafe { (iter.as_mut(), Lent::new(event)) };
    let Some(iter) = iter else {
        // SAFETY: the caller's place.
        return unsafe { status(err, || Err(Fault::null("iter"))) };
    };
    let poisoned = Arc::clone(&iter.poisoned);
    let body = || {
        let event = event.required("event")?;
        let next = iter.next()?;
        event.lend(next);
        Ok(next.map_or(Code::DONE, |_| Code::OK))
    };
    // SAFETY: the caller's place.
    unsafe { on_handle(&poisoned, err, body) }
}

/// Frees an iterator.
///
/// Threads: one at a time.
///
/// \param iter  an iterator; NULL is allowed
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_event_iter_free(iter: *mut keyfob_event_iter) {
    // SAFETY: the caller's object, which is theirs no longer.
    unsafe { free(iter) }
}

/// Its place in the log: 1 for the first, without gaps but for a restore.
///
/// Threads: any.
///
/// \param event  the event
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_event_sequence(event: *const keyfob_event) -> u64 {
    // SAFETY: the caller's object.
    unsafe { access(event, 0, |event| event.event.sequence) }
}

/// When, in milliseconds since 1970, by the clock of the process that wrote it.
///
/// Threads: any.
///
/// \param event  the event
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_event_at_ms(event: *const keyfob_event) -> i64 {
    // SAFETY: the caller's object.
    unsafe { access(event, 0, |event| event.event.at_ms) }
}

/// Who, as the caller said. NULL only of NULL.
///
/// Threads: any.
///
/// \param event  the event
/// \param size   where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the event
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_event_actor(
    event: *const keyfob_event,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { access_text(event, size, |event| Some(&event.actor)) }
}

/// What happened, "key_revoked"; the names are those of the command's documents. New ones may come.
/// NULL only of NULL.
///
/// Threads: any.
///
/// \param event  the event
/// \param size   where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the event
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_event_kind(
    event: *const keyfob_event,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { access_text(event, size, |event| Some(&event.kind)) }
}

/// What it is about: one of \ref keyfob_subjects.
///
/// Threads: any.
///
/// \param event  the event
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_event_subject(event: *const keyfob_event) -> u32 {
    // SAFETY: the caller's object.
    unsafe { access(event, 0, |event| subject_number(event.event.subject)) }
}

/// The id of the key or the project that it is about; NULL where it is about the store.
///
/// Threads: any.
///
/// \param event  the event
/// \param size   where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the event, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_event_subject_id(
    event: *const keyfob_event,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe { access_text(event, size, |event| event.subject_id.as_ref()) }
}

/// The sequence of the event before on the same subject; 0 where there is none.
///
/// Threads: any.
///
/// \param event  the event
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_event_previous(event: *const keyfob_event) -> u64 {
    // SAFETY: the caller's object.
    unsafe { access(event, 0, |event| event.event.previous) }
}

/// The hash that chains it to the event before.
///
/// Threads: any.
///
/// \param event      the event
/// \param[out] hash  32 bytes of the caller's; zeros where event is NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_event_hash(event: *const keyfob_event, hash: *mut u8) {
    // SAFETY: the caller's object, and 32 bytes of theirs.
    unsafe {
        let bytes = access(event, [0; 32], |event| event.event.hash);
        put_bytes(hash, &bytes);
    }
}

/// How many details it has. Each is a name and a text: times are whole seconds since 1970, yes and
/// no are 1 and 0; what is a list stands there once for each of its parts, and what is absent does
/// not stand there. What an update changed is named by "changed".
///
/// Threads: any.
///
/// \param event  the event
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_event_field_count(event: *const keyfob_event) -> usize {
    // SAFETY: the caller's object.
    unsafe { access(event, 0, |event| event.fields.len()) }
}

/// The name of a detail. NULL beyond the last.
///
/// Threads: any.
///
/// \param event  the event
/// \param index  which, from 0
/// \param size   where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the event, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_event_field_name(
    event: *const keyfob_event,
    index: usize,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe {
        access_text(event, size, |event| {
            event.fields.get(index).map(|field| &field.0)
        })
    }
}

/// The text of a detail. NULL beyond the last.
///
/// Threads: any.
///
/// \param event  the event
/// \param index  which, from 0
/// \param size   where its length without the NUL goes; may be NULL
/// \return a text that lives as long as the event, or NULL
/// \since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn keyfob_event_field_value(
    event: *const keyfob_event,
    index: usize,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: the caller's object and size.
    unsafe {
        access_text(event, size, |event| {
            event.fields.get(index).map(|field| &field.1)
        })
    }
}

fn subject_number(subject: Subject) -> u32 {
    use keyfob_subjects as subjects;
    match subject {
        Subject::Key(_) => subjects::KEYFOB_SUBJECT_KEY as u32,
        Subject::Project(_) => subjects::KEYFOB_SUBJECT_PROJECT as u32,
        _ => subjects::KEYFOB_SUBJECT_STORE as u32,
    }
}
