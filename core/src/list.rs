//! Listing: filters, orders, and cursors that stay stable while keys come and go.
//!
//! A page is read in batches, each over a snapshot of its own, so that no read stays open between
//! them. Project, owner and expiry have an index; every other filter scans what the narrowest of
//! them leaves. The order by name has no index: each of its pages looks at every key that the
//! index leaves, and keeps the best.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::decision::effective_state;
use crate::digest::{ct_eq_bytes, sha256};
use crate::disk::codec::{decode_plain, encode_plain};
use crate::disk::read::Reader;
use crate::disk::schema::Usage;
use crate::error::{Error, Misuse, Refused, StoreError};
use crate::id::{KeyId, ProjectId};
use crate::key::{KeyRecord, KeyState};
use crate::key_info::{KeyInfo, SecretUse};
use crate::limits;
use crate::project::{ProjectRecord, check_project_name};
use crate::scope::Scope;
use crate::store::Store;
use crate::tag::TAG_BYTES;
use crate::time::{Now, Timestamp};
use crate::token::Environment;
use crate::usage::SecretId;

/// Keys looked at in one snapshot.
const BATCH: usize = 1_024;

/// Which keys are meant: those for which everything that is set holds.
///
/// `project` and `owner` go by an index, and so do `expires_after` and `expires_before` in the
/// order by expiry; everything else scans.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Filter {
    /// Bound to the project of this name.
    pub project: Option<String>,
    /// Belongs to this owner.
    pub owner: Option<String>,
    /// Of this environment.
    pub environment: Option<Environment>,
    /// In one of these states; empty means any.
    #[serde(serialize_with = "state_names")]
    pub states: Vec<KeyState>,
    /// Grants this scope by its own scopes, whatever its project allows.
    pub scope: Option<Scope>,
    /// Its name holds this part, whatever the case.
    pub name_part: Option<String>,
    /// Has this tag.
    pub tag: Option<String>,
    /// Created at this time or later.
    pub created_after: Option<Timestamp>,
    /// Created before this time.
    pub created_before: Option<Timestamp>,
    /// Expires at this time or later, or never.
    pub expires_after: Option<Timestamp>,
    /// Expires before this time.
    pub expires_before: Option<Timestamp>,
    /// Expires within so many seconds from now, and has not yet.
    pub expires_within: Option<i64>,
    /// Never used.
    pub never_used: bool,
    /// Not used since this time, or never.
    pub unused_since: Option<Timestamp>,
    /// Due for rotation.
    pub rotation_due: bool,
}

fn state_names<S: serde::Serializer>(states: &[KeyState], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(states.iter().map(|state| state.name()))
}

/// In which order keys are listed. Ties go by id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Order {
    /// By creation.
    #[default]
    Created,
    /// By name, byte by byte.
    Name,
    /// By expiry; keys that never expire come last.
    Expires,
}

/// Which page of a listing.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct PageRequest {
    /// The order.
    pub order: Order,
    /// The last first.
    pub reverse: bool,
    /// At most so many keys, from 1 to 1,000.
    pub limit: usize,
    /// Where the page before ended, as it said.
    pub cursor: Option<String>,
}

impl Default for PageRequest {
    fn default() -> Self {
        const LIMIT: usize = 100;
        PageRequest {
            order: Order::Created,
            reverse: false,
            limit: LIMIT,
            cursor: None,
        }
    }
}

/// A page of a listing.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Page {
    /// The keys.
    pub keys: Vec<KeyInfo>,
    /// Where the next page begins; none where this is known to be the last. A page that ends where
    /// a batch of the scan does may be followed by an empty one.
    pub cursor: Option<String>,
}

/// A place between two keys of an order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
enum Place {
    Created(KeyId),
    Name(String, KeyId),
    /// The greatest time stands for never.
    Expires(Timestamp, KeyId),
}

/// What a cursor says, under a tag that makes it this store's, and with a digest of what was
/// asked, so that it cannot be used for another listing.
#[derive(Serialize, Deserialize)]
struct Cursor {
    asked: [u8; 16],
    after: Place,
}

const NEVER: Timestamp = Timestamp::from_unix(i64::MAX);

impl Place {
    fn of(order: Order, id: KeyId, record: &KeyRecord) -> Self {
        match order {
            Order::Created => Place::Created(id),
            Order::Name => Place::Name(record.name.clone(), id),
            Order::Expires => Place::Expires(record.expires_at.unwrap_or(NEVER), id),
        }
    }

    fn id(&self) -> KeyId {
        match self {
            Place::Created(id) | Place::Name(_, id) | Place::Expires(_, id) => *id,
        }
    }
}

/// A filter with its names looked up, ready to judge records.
struct Compiled<'a> {
    filter: &'a Filter,
    project: Option<ProjectId>,
    name_part: Option<String>,
}

impl Filter {
    /// Whether it names anything at all.
    pub fn is_empty(&self) -> bool {
        *self == Filter::default()
    }

    pub(crate) fn check(&self) -> Result<(), Misuse> {
        if let Some(project) = &self.project {
            check_project_name(project)?;
        }
        // What is longer than a key can hold finds none, and would not fit a cursor.
        let texts = [
            ("name part (bytes)", &self.name_part, limits::KEY_NAME_BYTES),
            ("owner (bytes)", &self.owner, limits::OWNER_BYTES),
            ("tag (bytes)", &self.tag, limits::TAG_BYTES),
        ];
        for (what, text, most) in texts {
            Misuse::check_limit(what, text.as_ref().map_or(0, String::len), most)?;
        }
        let states = self.states.len();
        Misuse::check_limit("states", states, KeyState::ALL.len())?;
        if self.expires_within.is_some_and(|seconds| seconds < 0) {
            return Err(Misuse::InvalidTime {
                what: "expires within",
                why: "must not be negative",
            });
        }
        Ok(())
    }

    /// Whether it still means a record, inside a transaction. Uses are statistics, and are not
    /// looked at again.
    pub(crate) fn still_means(
        &self,
        record: &KeyRecord,
        project: Option<&ProjectRecord>,
        project_id: Option<ProjectId>,
        now: Now,
    ) -> bool {
        let filter = &Filter {
            never_used: false,
            unused_since: None,
            ..self.clone()
        };
        let compiled = Compiled {
            filter,
            project: project_id,
            name_part: filter.name_part.as_ref().map(|part| part.to_lowercase()),
        };
        let state = effective_state(record, project, now);
        compiled.matches(record, state, now, SecretUse::default())
    }

    /// Looks up what it names.
    fn compile(&self, reader: &Reader<'_>) -> Result<Compiled<'_>, Error> {
        let project = match &self.project {
            None => None,
            Some(name) => {
                let found = reader.project_named(name)?;
                Some(found.ok_or_else(|| Refused::NoSuchProject(name.clone()))?.0)
            }
        };
        Ok(Compiled {
            filter: self,
            project,
            name_part: self.name_part.as_ref().map(|part| part.to_lowercase()),
        })
    }
}

impl Compiled<'_> {
    fn matches(&self, record: &KeyRecord, state: KeyState, now: Now, last: SecretUse) -> bool {
        let Filter {
            project: _,
            owner,
            environment,
            states,
            scope,
            name_part: _,
            tag,
            created_after,
            created_before,
            expires_after,
            expires_before,
            expires_within,
            never_used,
            unused_since,
            rotation_due,
        } = self.filter;
        let within = |at: Timestamp, seconds: i64| {
            at >= now.latest() && at.seconds_since(now.latest()) <= seconds
        };
        (self.project.is_none() || self.project == record.project)
            && (owner.is_none() || *owner == record.owner)
            && environment
                .as_ref()
                .is_none_or(|e| *e == record.environment)
            && (states.is_empty() || states.contains(&state))
            && scope
                .as_ref()
                .is_none_or(|scope| record.scopes.grants(scope))
            && self
                .name_part
                .as_ref()
                .is_none_or(|p| record.name.to_lowercase().contains(p))
            && tag.as_ref().is_none_or(|tag| record.tags.contains(tag))
            && created_after.is_none_or(|at| record.created_at >= at)
            && created_before.is_none_or(|at| record.created_at < at)
            && expires_after.is_none_or(|at| record.expires_at.is_none_or(|e| e >= at))
            && expires_before.is_none_or(|at| record.expires_at.is_some_and(|e| e < at))
            && expires_within.is_none_or(|s| record.expires_at.is_some_and(|at| within(at, s)))
            && (!never_used || last.uses == 0)
            && unused_since.is_none_or(|at| last.last_used_at.is_none_or(|used| used < at))
            && (!rotation_due
                || record
                    .rotation_due_at()
                    .is_some_and(|at| now.latest() >= at))
    }

    fn asks_for_use(&self) -> bool {
        self.filter.never_used || self.filter.unused_since.is_some()
    }

    /// The times of expiry that can match, for the index.
    fn expiry_range(&self, now: Now) -> (Bound<Timestamp>, Bound<Timestamp>) {
        let mut low = self.filter.expires_after;
        let mut high = self
            .filter
            .expires_before
            .map_or(Bound::Unbounded, Bound::Excluded);
        if let Some(seconds) = self.filter.expires_within {
            low = low.max(Some(now.latest()));
            let until = now.latest().saturating_add(seconds);
            high = match high {
                Bound::Excluded(at) if at <= until => Bound::Excluded(at),
                _ => Bound::Included(until),
            };
        }
        (low.map_or(Bound::Unbounded, Bound::Included), high)
    }

    /// Whether only keys that expire can match.
    fn only_expiring(&self) -> bool {
        self.filter.expires_before.is_some() || self.filter.expires_within.is_some()
    }
}

/// Where the candidates of a filter come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// The narrowest index.
    Index,
    /// The keys themselves, all of them.
    Records,
}

/// What the records of one snapshot are shown with.
struct View<'a> {
    store: &'a Store,
    reader: &'a Reader<'a>,
    now: Now,
    projects: HashMap<ProjectId, ProjectRecord>,
}

impl<'a> View<'a> {
    fn new(store: &'a Store, reader: &'a Reader<'a>) -> Result<Self, StoreError> {
        let now = store.inner.now(&reader.state()?);
        Ok(View {
            store,
            reader,
            now,
            projects: HashMap::new(),
        })
    }

    fn project(&mut self, record: &KeyRecord) -> Result<Option<&ProjectRecord>, StoreError> {
        let Some(id) = record.project else {
            return Ok(None);
        };
        if !self.projects.contains_key(&id)
            && let Some(project) = self.reader.project_of_key(record)?
        {
            self.projects.insert(id, project);
        }
        Ok(self.projects.get(&id))
    }

    fn used(&self, id: KeyId, generation: u32) -> Result<SecretUse, StoreError> {
        Ok(self
            .store
            .secret_use((id, generation), self.reader.usage(id, generation)?))
    }

    /// The use of both secrets together.
    fn last_use(&self, id: KeyId, record: &KeyRecord) -> Result<SecretUse, StoreError> {
        let current = self.used(id, record.current.generation)?;
        // As the key is shown: an old secret whose grace has ended is no part of it.
        let Some(previous) = record.running_grace(self.now) else {
            return Ok(current);
        };
        let old = self.used(id, previous.slot.generation)?;
        Ok(SecretUse {
            last_used_at: current.last_used_at.max(old.last_used_at),
            uses: current.uses.saturating_add(old.uses),
        })
    }

    fn matches(
        &mut self,
        compiled: &Compiled<'_>,
        id: KeyId,
        record: &KeyRecord,
    ) -> Result<bool, StoreError> {
        let last = if compiled.asks_for_use() {
            self.last_use(id, record)?
        } else {
            SecretUse::default()
        };
        let now = self.now;
        let state = effective_state(record, self.project(record)?, now);
        Ok(compiled.matches(record, state, now, last))
    }

    fn info(&mut self, id: KeyId, record: KeyRecord) -> Result<KeyInfo, StoreError> {
        let used = uses(&record, |generation| self.used(id, generation))?;
        let (now, store) = (self.now, self.store);
        let project = self.project(&record)?;
        Ok(KeyInfo::of(id, record, project, store.prefix(), used, now))
    }
}

/// The use of a key's current secret, and of its old one.
pub(crate) fn uses(
    record: &KeyRecord,
    used: impl Fn(u32) -> Result<SecretUse, StoreError>,
) -> Result<[SecretUse; 2], StoreError> {
    let old = match &record.previous {
        Some(previous) => used(previous.slot.generation)?,
        None => SecretUse::default(),
    };
    Ok([used(record.current.generation)?, old])
}

/// The keys of one snapshot's batch, and where the next batch goes on.
struct Batch {
    keys: Vec<(Place, KeyInfo)>,
    next: Option<Place>,
}

impl Store {
    /// One key, with its state now and its use.
    ///
    /// # Errors
    /// NO_SUCH_KEY.
    pub fn get(&self, id: KeyId) -> Result<KeyInfo, Error> {
        let _uses = self.inner.marks.seeing();
        self.read(|reader| self.info_in(reader, id))?
            .ok_or_else(|| Refused::NoSuchKey(id.to_string()).into())
    }

    /// A secret's use: what is written of it, and what this process has not written yet.
    pub(crate) fn secret_use(&self, secret: SecretId, written: Usage) -> SecretUse {
        let both = written.merged(self.inner.marks.of(secret));
        if both.uses == 0 {
            return SecretUse::default();
        }
        SecretUse {
            last_used_at: Some(Timestamp::from_unix(both.last_used)),
            uses: both.uses,
        }
    }

    pub(crate) fn info_in(&self, reader: &Reader<'_>, id: KeyId) -> Result<Option<KeyInfo>, Error> {
        let Some(record) = reader.key(id)? else {
            return Ok(None);
        };
        Ok(Some(View::new(self, reader)?.info(id, record)?))
    }

    /// The key of an id, or of its last six or more characters where only one key ends in them.
    /// Scans every id where the id is not whole.
    ///
    /// # Errors
    /// NO_SUCH_KEY; AMBIGUOUS_KEY; INVALID_ARGUMENT where there are fewer than six characters.
    pub fn resolve(&self, text: &str) -> Result<KeyId, Error> {
        const LEAST: usize = 6;
        if let Some(id) = KeyId::parse(text.as_bytes()) {
            return match self.read(|reader| reader.key(id))? {
                Some(_) => Ok(id),
                None => Err(Refused::NoSuchKey(text.to_owned()).into()),
            };
        }
        if !(LEAST..KeyId::TEXT_LEN).contains(&text.len())
            || !text.bytes().all(|b| b.is_ascii_alphanumeric())
        {
            return Err(Misuse::argument(
                "key",
                "give a key id, 22 letters and digits, or at least the last 6 of one",
            )
            .into());
        }
        let (mut found, mut count, mut after) = (None, 0, None);
        loop {
            let ids = self.read(|reader| reader.ids(after, false, limits::BATCH))?;
            for id in &ids {
                if id.to_text().ends_with(text.as_bytes()) {
                    found = Some(*id);
                    count += 1;
                }
            }
            after = ids.last().copied();
            if ids.len() < limits::BATCH {
                break;
            }
        }
        match (found, count) {
            (Some(id), 1) => Ok(id),
            (None, _) => Err(Refused::NoSuchKey(text.to_owned()).into()),
            (_, count) => Err(Refused::AmbiguousKey {
                suffix: text.to_owned(),
                count,
            }
            .into()),
        }
    }

    /// A page of the keys that a filter means.
    ///
    /// Keys that are created, changed or pruned between two pages neither repeat nor hide others:
    /// a page goes on from a place in the order, not from a count.
    ///
    /// # Errors
    /// NO_SUCH_PROJECT; INVALID_CURSOR where the cursor is of another store or another listing;
    /// LIMIT_EXCEEDED.
    pub fn list(&self, filter: &Filter, page: &PageRequest) -> Result<Page, Error> {
        filter.check()?;
        if page.limit == 0 {
            return Err(Misuse::argument("page limit", "must be at least 1").into());
        }
        Misuse::check_limit("page limit (keys)", page.limit, limits::PAGE_KEYS)?;
        let asked = asked(filter, page)?;
        let mut after = match &page.cursor {
            None => None,
            Some(cursor) => Some(self.read_cursor(cursor, asked, page.order)?),
        };
        if page.order == Order::Name {
            return self.list_by_name(filter, page, asked, after.as_ref());
        }
        let mut keys = Vec::new();
        loop {
            let most = page.limit - keys.len();
            let batch = self.read_batch(filter, page, Way::Index, after.as_ref(), most)?;
            let full = batch.keys.len() == most;
            let last = batch.keys.last().map(|(place, _)| place.clone());
            keys.extend(batch.keys.into_iter().map(|(_, key)| key));
            match batch.next {
                None => return Ok(Page { keys, cursor: None }),
                Some(_) if full => {
                    let cursor = last
                        .map(|place| self.write_cursor(asked, place))
                        .transpose()?;
                    return Ok(Page { keys, cursor });
                }
                Some(next) => after = Some(next),
            }
        }
    }

    /// Every key that a filter means, page by page; no read stays open between them.
    pub fn keys<'a>(
        &'a self,
        filter: &'a Filter,
        order: Order,
    ) -> impl Iterator<Item = Result<KeyInfo, Error>> + 'a {
        let mut page = PageRequest {
            order,
            limit: limits::PAGE_KEYS,
            ..PageRequest::default()
        };
        let mut ready = Vec::new().into_iter();
        let mut done = false;
        std::iter::from_fn(move || {
            loop {
                if let Some(key) = ready.next() {
                    return Some(Ok(key));
                }
                if done {
                    return None;
                }
                match self.list(filter, &page) {
                    Ok(next) => {
                        done = next.cursor.is_none();
                        page.cursor = next.cursor;
                        ready = next.keys.into_iter();
                    }
                    Err(error) => {
                        done = true;
                        return Some(Err(error));
                    }
                }
            }
        })
    }

    /// How many keys a filter means. Scans them.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub fn count(&self, filter: &Filter) -> Result<u64, Error> {
        self.keys(filter, Order::Created)
            .try_fold(0, |count, key| key.map(|_| count + 1))
    }

    /// The keys that a filter means that were used the longest ago, those never used first. A
    /// report, not a listing: it has no pages, since uses do not wait for them. Scans.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub fn least_recently_used(&self, filter: &Filter, most: usize) -> Result<Vec<KeyInfo>, Error> {
        Misuse::check_limit("report (keys)", most, limits::BATCH)?;
        let mut kept: BTreeMap<(Option<Timestamp>, KeyId), KeyInfo> = BTreeMap::new();
        for key in self.keys(filter, Order::Created) {
            let key = key?;
            kept.insert((key.last_used_at(), key.id), key);
            if kept.len() > most {
                kept.pop_last();
            }
        }
        Ok(kept.into_values().collect())
    }

    /// At most so many ids of keys that a filter means, by creation, and where to go on. Scans the
    /// keys themselves: an index carries no tag, and who can write the file could take a key out
    /// of it, to keep it from being taken away.
    pub(crate) fn select(
        &self,
        filter: &Filter,
        after: Option<KeyId>,
        most: usize,
    ) -> Result<(Vec<KeyId>, Option<KeyId>), Error> {
        filter.check()?;
        let page = PageRequest::default();
        let mut place = after.map(Place::Created);
        let mut ids = Vec::new();
        loop {
            let left = most - ids.len();
            let batch = self.read_batch(filter, &page, Way::Records, place.as_ref(), left)?;
            ids.extend(batch.keys.iter().map(|(place, _)| place.id()));
            match batch.next {
                None => return Ok((ids, None)),
                Some(_) if ids.len() == most => {
                    let last = ids.last().copied();
                    return Ok((ids, last));
                }
                Some(next) => place = Some(next),
            }
        }
    }

    fn read_batch(
        &self,
        filter: &Filter,
        page: &PageRequest,
        way: Way,
        after: Option<&Place>,
        most: usize,
    ) -> Result<Batch, Error> {
        let _uses = self.inner.marks.seeing();
        self.read(|reader| self.batch(reader, filter, page, way, after, most))
    }

    /// Looks at a batch of candidates in one snapshot.
    fn batch(
        &self,
        reader: &Reader<'_>,
        filter: &Filter,
        page: &PageRequest,
        way: Way,
        after: Option<&Place>,
        most: usize,
    ) -> Result<Batch, Error> {
        let compiled = filter.compile(reader)?;
        let mut view = View::new(self, reader)?;
        let candidates = match way {
            Way::Index => candidates(reader, &compiled, page, after, view.now)?,
            Way::Records => scanned(reader, page.reverse, after.map(Place::id))?,
        };
        let (mut keys, mut next) = (Vec::new(), candidates.next);
        for (id, record) in candidates.keys {
            if !view.matches(&compiled, id, &record)? {
                continue;
            }
            // One more than asked for tells that there is another page.
            if keys.len() == most {
                next = keys
                    .last()
                    .map(|(place, _): &(Place, KeyInfo)| place.clone());
                break;
            }
            let place = Place::of(page.order, id, &record);
            keys.push((place, view.info(id, record)?));
        }
        Ok(Batch { keys, next })
    }

    /// A page in the order of names: every candidate is looked at, and the best are kept.
    fn list_by_name(
        &self,
        filter: &Filter,
        page: &PageRequest,
        asked: [u8; 16],
        after: Option<&Place>,
    ) -> Result<Page, Error> {
        let scan = PageRequest {
            order: Order::Created,
            ..PageRequest::default()
        };
        let mut kept: BTreeMap<Place, KeyInfo> = BTreeMap::new();
        let (mut at, mut more) = (None, false);
        loop {
            let batch = self.read_batch(filter, &scan, Way::Index, at.as_ref(), usize::MAX)?;
            for (place, key) in batch.keys {
                let place = Place::Name(key.name.clone(), place.id());
                let ahead = match (after, page.reverse) {
                    (None, _) => true,
                    (Some(after), false) => place > *after,
                    (Some(after), true) => place < *after,
                };
                if !ahead {
                    continue;
                }
                kept.insert(place, key);
                if kept.len() > page.limit {
                    more = true;
                    if page.reverse {
                        kept.pop_first()
                    } else {
                        kept.pop_last()
                    };
                }
            }
            match batch.next {
                None => break,
                next => at = next,
            }
        }
        let last = if page.reverse {
            kept.first_key_value()
        } else {
            kept.last_key_value()
        };
        let cursor = match last {
            Some((place, _)) if more => Some(self.write_cursor(asked, place.clone())?),
            _ => None,
        };
        let mut keys: Vec<KeyInfo> = kept.into_values().collect();
        if page.reverse {
            keys.reverse();
        }
        Ok(Page { keys, cursor })
    }

    fn write_cursor(&self, asked: [u8; 16], after: Place) -> Result<String, StoreError> {
        let mut bytes = encode_plain(&Cursor { asked, after })?;
        let tag = self.inner.ring.cursor(&bytes);
        bytes.extend_from_slice(&tag);
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    fn read_cursor(&self, text: &str, asked: [u8; 16], order: Order) -> Result<Place, Misuse> {
        let bytes = URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| Misuse::InvalidCursor)?;
        let at = bytes
            .len()
            .checked_sub(TAG_BYTES)
            .ok_or(Misuse::InvalidCursor)?;
        let (body, tag) = bytes.split_at(at);
        if !ct_eq_bytes(tag, &self.inner.ring.cursor(body)) {
            return Err(Misuse::InvalidCursor);
        }
        let cursor: Cursor =
            decode_plain(body, "the cursor").map_err(|_: StoreError| Misuse::InvalidCursor)?;
        let fits = matches!(
            (order, &cursor.after),
            (Order::Created, Place::Created(_))
                | (Order::Name, Place::Name(..))
                | (Order::Expires, Place::Expires(..))
        );
        if cursor.asked == asked && fits {
            Ok(cursor.after)
        } else {
            Err(Misuse::InvalidCursor)
        }
    }
}

/// A digest of what a listing asks, but for how many keys a page has.
fn asked(filter: &Filter, page: &PageRequest) -> Result<[u8; 16], StoreError> {
    let filter = encode_plain(filter)?;
    let order = encode_plain(&(page.order, page.reverse))?;
    let full = sha256(&[b"keyfob/listing/1/", &order, &filter]);
    let mut out = [0; 16];
    out.copy_from_slice(&full[..16]);
    Ok(out)
}

/// Candidates by the narrowest index, in the order asked for, and where to go on.
struct Candidates {
    keys: Vec<(KeyId, KeyRecord)>,
    next: Option<Place>,
}

fn candidates(
    reader: &Reader<'_>,
    compiled: &Compiled<'_>,
    page: &PageRequest,
    after: Option<&Place>,
    now: Now,
) -> Result<Candidates, StoreError> {
    if page.order == Order::Expires {
        return candidates_by_expiry(reader, compiled, page.reverse, after, now);
    }
    let after = after.map(Place::id);
    let reverse = page.reverse;
    let ids = match (compiled.project, &compiled.filter.owner) {
        (Some(project), _) => reader.ids_of_project(project, after, reverse, BATCH)?,
        (None, Some(owner)) => reader.ids_of_owner(owner, after, reverse, BATCH)?,
        (None, None) => return scanned(reader, reverse, after),
    };
    let next = if ids.len() < BATCH {
        None
    } else {
        ids.last().copied()
    };
    let keys = ids
        .into_iter()
        .map(|id| indexed(reader, id))
        .collect::<Result<_, _>>()?;
    Ok(Candidates {
        keys,
        next: next.map(Place::Created),
    })
}

/// Every key is a candidate, by creation.
fn scanned(
    reader: &Reader<'_>,
    reverse: bool,
    after: Option<KeyId>,
) -> Result<Candidates, StoreError> {
    let keys = reader.keys(after, reverse, BATCH)?;
    let next = if keys.len() < BATCH {
        None
    } else {
        keys.last().map(|(id, _)| *id)
    };
    Ok(Candidates {
        keys,
        next: next.map(Place::Created),
    })
}

fn indexed(reader: &Reader<'_>, id: KeyId) -> Result<(KeyId, KeyRecord), StoreError> {
    match reader.key(id)? {
        Some(record) => Ok((id, record)),
        None => Err(StoreError::Corrupted(format!(
            "an index names key {id}, which is missing"
        ))),
    }
}

/// Keys that expire come from the index; the others follow by id, and are found by scanning.
fn candidates_by_expiry(
    reader: &Reader<'_>,
    compiled: &Compiled<'_>,
    reverse: bool,
    after: Option<&Place>,
    now: Now,
) -> Result<Candidates, StoreError> {
    let place = match after {
        Some(Place::Expires(at, id)) => Some((*at, *id)),
        _ => None,
    };
    let never =
        |after: Option<KeyId>| -> Result<(Vec<(KeyId, KeyRecord)>, Option<Place>), StoreError> {
            if compiled.only_expiring() {
                return Ok((Vec::new(), None));
            }
            let scanned = reader.keys(after, reverse, BATCH)?;
            let next = if scanned.len() < BATCH {
                None
            } else {
                scanned.last().map(|(id, _)| *id)
            };
            let keys = scanned
                .into_iter()
                .filter(|(_, r)| r.expires_at.is_none())
                .collect();
            Ok((keys, next.map(|id| Place::Expires(NEVER, id))))
        };
    let expiring =
        |after: Option<(Timestamp, KeyId)>| -> Result<(Vec<_>, Option<Place>), StoreError> {
            let rows = reader.ids_by_expiry(compiled.expiry_range(now), after, reverse, BATCH)?;
            let next = if rows.len() < BATCH {
                None
            } else {
                rows.last().copied()
            };
            let keys = rows
                .into_iter()
                .map(|(_, id)| indexed(reader, id))
                .collect::<Result<_, _>>()?;
            Ok((keys, next.map(|(at, id)| Place::Expires(at, id))))
        };
    let first = KeyId::from_bytes([0; 16]);
    let last = KeyId::from_bytes([0xff; 16]);
    let in_never = place.is_some_and(|(at, _)| at == NEVER);
    let (keys, next) = match (reverse, place) {
        // Forwards: the index, then those that never expire from the first id on.
        (false, Some((_, id))) if in_never => never((id != first).then_some(id))?,
        (false, place) => {
            let (keys, next) = expiring(place)?;
            (keys, next.or(Some(Place::Expires(NEVER, first))))
        }
        // Backwards: those that never expire from the last id on, then the index.
        (true, None) => {
            let (keys, next) = never(None)?;
            (
                keys,
                next.or(Some(Place::Expires(
                    Timestamp::from_unix(i64::MAX - 1),
                    last,
                ))),
            )
        }
        (true, Some((_, id))) if in_never => {
            let (keys, next) = never(Some(id))?;
            (
                keys,
                next.or(Some(Place::Expires(
                    Timestamp::from_unix(i64::MAX - 1),
                    last,
                ))),
            )
        }
        (true, place) => {
            // The place between the two parts lies beyond every row of the index.
            let place = place.filter(|(at, _)| at.unix() != i64::MAX - 1);
            expiring(place)?
        }
    };
    Ok(Candidates { keys, next })
}
