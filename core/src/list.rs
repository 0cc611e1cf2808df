//! Listing: orders, and cursors that stay stable while keys come and go.
//!
//! A page is read in batches, each over a snapshot of its own, so that no read stays open between
//! them. Project, owner and expiry have an index; every other filter scans what the narrowest of
//! them leaves. The order by name has no index: each of its pages looks at every key that the
//! index leaves, and keeps the best. Who wants all of them by name sorts once ([`Store::keys`]).

use std::collections::{BTreeMap, HashMap};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::decision::effective_state;
use crate::digest::{ct_eq_bytes, sha256};
use crate::disk::codec::{decode_plain, encode_plain};
use crate::disk::read::Reader;
use crate::disk::schema::{EARLIER, Usage};
use crate::error::{Error, Misuse, Refused, StoreError};
use crate::filter::{Compiled, Filter};
use crate::id::{KeyId, ProjectId};
use crate::key::KeyRecord;
use crate::key_info::{KeyInfo, SecretUse, Uses};
use crate::limits;
use crate::project::ProjectRecord;
use crate::store::Store;
use crate::tag::TAG_BYTES;
use crate::time::{Now, Timestamp};

/// Keys looked at in one snapshot.
const BATCH: usize = 1_024;

/// In which order keys are listed. Ties go by id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Order {
    /// By creation in this store, which is the order of the ids: an imported key stands where it
    /// was imported, whatever its line said of when it was issued.
    #[default]
    Created,
    /// By name, byte by byte. No index has it: each page looks at every key that the filter
    /// leaves. [`Store::keys`] looks at them once, however many there are.
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

/// Looks up what a filter names.
fn compile<'f>(filter: &'f Filter, reader: &Reader<'_>) -> Result<Compiled<'f>, Error> {
    let project = match &filter.project {
        None => None,
        Some(asked) => {
            let found = reader.project_meant(asked)?;
            Some(
                found
                    .ok_or_else(|| Refused::NoSuchProject(asked.clone()))?
                    .0,
            )
        }
    };
    Ok(Compiled::new(filter, project))
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
        let now = store.inner()?.now(&reader.state()?);
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

    fn uses(&self, id: KeyId, record: &KeyRecord) -> Result<Uses, StoreError> {
        let written = |generation| self.reader.usage(id, generation);
        self.store.uses(id, record, written)
    }

    fn matches(
        &mut self,
        compiled: &Compiled<'_>,
        id: KeyId,
        record: &KeyRecord,
    ) -> Result<bool, StoreError> {
        let now = self.now;
        let state = effective_state(record, self.project(record)?, now);
        if !compiled.matches(record, state, now) {
            return Ok(false);
        }
        Ok(!compiled.asks_for_use()
            || compiled.matches_use(id, record, self.uses(id, record)?.all()))
    }

    fn info(&mut self, id: KeyId, record: KeyRecord) -> Result<KeyInfo, StoreError> {
        let uses = self.uses(id, &record)?;
        let (now, store) = (self.now, self.store);
        let project = self.project(&record)?;
        Ok(KeyInfo::of(id, record, project, store.prefix(), uses, now))
    }
}

fn told(usage: Usage) -> SecretUse {
    if usage.uses == 0 {
        return SecretUse::default();
    }
    SecretUse {
        last_used_at: Some(Timestamp::from_unix(usage.last_used)),
        uses: usage.uses,
    }
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
        let _uses = self.inner()?.marks.seeing();
        self.read(|reader| self.info_in(reader, id))?
            .ok_or_else(|| Refused::NoSuchKey(id.to_string()).into())
    }

    /// The use of a key's secrets: what is written of it, and what this process has not written
    /// yet.
    pub(crate) fn uses(
        &self,
        id: KeyId,
        record: &KeyRecord,
        written: impl Fn(u32) -> Result<Usage, StoreError>,
    ) -> Result<Uses, StoreError> {
        let noted = self.inner()?.unwritten_uses(id);
        let with_noted = |written: Usage, which: &dyn Fn(u32) -> bool| {
            let noted = noted.iter().filter(|(generation, _)| which(*generation));
            told(noted.fold(written, |sum, (_, usage)| sum.merged(*usage)))
        };
        let of = |generation| -> Result<SecretUse, StoreError> {
            Ok(with_noted(written(generation)?, &|noted| {
                noted == generation
            }))
        };
        let current = record.current.generation;
        let previous = record.previous.as_ref().map(|old| old.slot.generation);
        Ok(Uses {
            current: of(current)?,
            previous: previous.map_or(Ok(SecretUse::default()), of)?,
            earlier: with_noted(written(EARLIER)?, &|noted| {
                noted < current && Some(noted) != previous
            }),
        })
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
    /// A page by name costs a look at every key that the filter leaves, and all pages together so
    /// many times as there are pages: for all of them use [`keys`](Self::keys).
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

    /// The cursor that a page would have had that ended with this key: to stop in the middle of a
    /// page, and go on there. `page` says the order; its limit and cursor play no part.
    ///
    /// # Errors
    /// Misuse where the filter is not of its form; what the store says.
    pub fn cursor_after(
        &self,
        filter: &Filter,
        page: &PageRequest,
        key: &KeyInfo,
    ) -> Result<String, Error> {
        filter.check()?;
        let place = match page.order {
            Order::Created => Place::Created(key.id),
            Order::Name => Place::Name(key.name.clone(), key.id),
            Order::Expires => Place::Expires(key.expires_at.unwrap_or(NEVER), key.id),
        };
        Ok(self.write_cursor(asked(filter, page)?, place)?)
    }

    /// Every key that a filter means; no read stays open between two of them. As between two
    /// pages, what is created, changed or pruned meanwhile neither repeats nor hides another key.
    ///
    /// By name, all keys are looked at first: their names are held while they are sorted, and
    /// their ids, 16 bytes each, until the end. A key that is renamed meanwhile keeps its place.
    pub fn keys<'a>(
        &'a self,
        filter: &'a Filter,
        order: Order,
    ) -> impl Iterator<Item = Result<KeyInfo, Error>> + 'a {
        Keys::new(self, filter, order, false)
    }

    /// The same, the last first.
    pub fn keys_reversed<'a>(
        &'a self,
        filter: &'a Filter,
        order: Order,
    ) -> impl Iterator<Item = Result<KeyInfo, Error>> + 'a {
        Keys::new(self, filter, order, true)
    }

    /// How many keys a filter means. Scans them.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub fn count(&self, filter: &Filter) -> Result<u64, Error> {
        let mut count = 0;
        self.each_meant(filter, |_, _, _| {
            count += 1;
            Ok(())
        })?;
        Ok(count)
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
        let _uses = self.inner()?.marks.seeing();
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
        let compiled = compile(filter, reader)?;
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

    /// Looks at every key that a filter means, by creation, a batch in each snapshot.
    fn each_meant(
        &self,
        filter: &Filter,
        mut each: impl FnMut(&mut View<'_>, KeyId, KeyRecord) -> Result<(), StoreError>,
    ) -> Result<(), Error> {
        filter.check()?;
        let page = PageRequest::default();
        let mut after = None;
        loop {
            let _uses = self.inner()?.marks.seeing();
            let next = self.read(|reader| {
                let compiled = compile(filter, reader)?;
                let mut view = View::new(self, reader)?;
                let batch = candidates(reader, &compiled, &page, after.as_ref(), view.now)?;
                for (id, record) in batch.keys {
                    if view.matches(&compiled, id, &record)? {
                        each(&mut view, id, record)?;
                    }
                }
                Ok::<_, Error>(batch.next)
            })?;
            match next {
                None => return Ok(()),
                next => after = next,
            }
        }
    }

    /// The ids of all keys that a filter means, in the order of their names.
    fn ids_by_name(&self, filter: &Filter, reverse: bool) -> Result<Vec<KeyId>, Error> {
        let mut names = Vec::new();
        self.each_meant(filter, |_, id, record| {
            names.push((record.name.into_boxed_str(), id));
            Ok(())
        })?;
        names.sort_unstable();
        if reverse {
            names.reverse();
        }
        Ok(names.into_iter().map(|(_, id)| id).collect())
    }

    /// Those of the keys that are there still, and that a filter means still.
    fn those_meant(&self, filter: &Filter, ids: &[KeyId]) -> Result<Vec<KeyInfo>, Error> {
        let _uses = self.inner()?.marks.seeing();
        self.read(|reader| {
            let compiled = compile(filter, reader)?;
            let mut view = View::new(self, reader)?;
            let mut keys = Vec::with_capacity(ids.len());
            for id in ids {
                if let Some(record) = reader.key(*id)?
                    && view.matches(&compiled, *id, &record)?
                {
                    keys.push(view.info(*id, record)?);
                }
            }
            Ok(keys)
        })
    }

    /// A page in the order of names: every candidate is looked at, and the best are kept.
    fn list_by_name(
        &self,
        filter: &Filter,
        page: &PageRequest,
        asked: [u8; 16],
        after: Option<&Place>,
    ) -> Result<Page, Error> {
        let mut kept: BTreeMap<Place, KeyInfo> = BTreeMap::new();
        let mut more = false;
        let beyond = |place: &Place, other: &Place| {
            if page.reverse {
                place < other
            } else {
                place > other
            }
        };
        self.each_meant(filter, |view, id, record| {
            let place = Place::of(Order::Name, id, &record);
            if after.is_some_and(|after| !beyond(&place, after)) {
                return Ok(());
            }
            if kept.len() == page.limit {
                more = true;
                let worst = if page.reverse {
                    kept.first_entry()
                } else {
                    kept.last_entry()
                };
                match worst {
                    Some(worst) if beyond(worst.key(), &place) => drop(worst.remove()),
                    _ => return Ok(()),
                }
            }
            kept.insert(place, view.info(id, record)?);
            Ok(())
        })?;
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
        let tag = self.terms().ring.cursor(&bytes);
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
        if !ct_eq_bytes(tag, &self.terms().ring.cursor(body)) {
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

/// Every key of a listing, a page at a time.
struct Keys<'a> {
    store: &'a Store,
    filter: &'a Filter,
    ready: std::vec::IntoIter<KeyInfo>,
    rest: Rest,
}

/// What follows the keys that are ready.
enum Rest {
    Page(PageRequest),
    /// All of them by name, the last first or not.
    Sorted(bool),
    Ids(std::vec::IntoIter<KeyId>),
    Nothing,
}

impl<'a> Keys<'a> {
    fn new(store: &'a Store, filter: &'a Filter, order: Order, reverse: bool) -> Self {
        let rest = match order {
            // Each page by name looks at every key: once is enough.
            Order::Name => Rest::Sorted(reverse),
            Order::Created | Order::Expires => Rest::Page(PageRequest {
                order,
                reverse,
                limit: limits::PAGE_KEYS,
                cursor: None,
            }),
        };
        Keys {
            store,
            filter,
            ready: Vec::new().into_iter(),
            rest,
        }
    }

    /// Makes more keys ready. After an error nothing follows.
    fn advance(&mut self) -> Result<(), Error> {
        match std::mem::replace(&mut self.rest, Rest::Nothing) {
            Rest::Nothing => {}
            Rest::Page(page) => {
                let Page { keys, cursor } = self.store.list(self.filter, &page)?;
                self.ready = keys.into_iter();
                if cursor.is_some() {
                    self.rest = Rest::Page(PageRequest { cursor, ..page });
                }
            }
            Rest::Sorted(reverse) => {
                let ids = self.store.ids_by_name(self.filter, reverse)?;
                self.rest = Rest::Ids(ids.into_iter());
            }
            Rest::Ids(mut ids) => {
                let batch: Vec<KeyId> = ids.by_ref().take(limits::PAGE_KEYS).collect();
                if !batch.is_empty() {
                    let keys = self.store.those_meant(self.filter, &batch)?;
                    self.ready = keys.into_iter();
                    self.rest = Rest::Ids(ids);
                }
            }
        }
        Ok(())
    }
}

impl Iterator for Keys<'_> {
    type Item = Result<KeyInfo, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(key) = self.ready.next() {
                return Some(Ok(key));
            }
            if matches!(self.rest, Rest::Nothing) {
                return None;
            }
            if let Err(error) = self.advance() {
                return Some(Err(error));
            }
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
