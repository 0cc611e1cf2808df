//! The read walk: token text, parsed token, record, digest, decision. There is one way in, the
//! same for every language, and it writes nothing.

use crate::authorization::{Credentials, parse_authorization};
use crate::cache::Entry;
use crate::class::{ClassNumber, ClassRef, kept};
use crate::decision::{
    Case, Check, Facts, Standing, StatedProject, Verified, asks_for_project, decide,
    effective_state, explain,
};
use crate::digest::{Digest, Presented as PresentedDigest};
use crate::disk::read::Reader;
use crate::disk::schema::State;
use crate::error::{Denied, StoreError, VerifyError};
use crate::foreign::Scheme;
use crate::header::Seen;
use crate::id::{IdText, KeyId};
use crate::key::{KeyRecord, KeyState, MatchedSecret, StoredSecret};
use crate::limits;
use crate::requirement::{ProjectRule, Request};
use crate::store::{Inner, Store};
use crate::time::{Now, Timestamp};
use crate::token::{ParsedToken, Prefix, Unparsed, is_none, parse, split};
use crate::usage::SecretId;

/// How a check of [`Store::explain`] came out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum CheckOutcome {
    /// It passed.
    Passed,
    /// It failed, with what a verification answers where it is the first that does.
    Failed(Denied),
    /// It could not be made, because one before it found nothing to check.
    NotReached,
}

/// What [`Store::explain`] says of a token.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Explanation {
    /// Every check in order, with its outcome.
    pub checks: Vec<(Check, CheckOutcome)>,
    /// What a verification answers.
    pub outcome: Result<Verified, Denied>,
    /// The key, where the secret is one of its own.
    pub key_id: Option<KeyId>,
}

/// What was presented, as far as its text tells.
enum Presented<'a> {
    Native(ParsedToken<'a>),
    /// Not of this store's shape; it may be a string that was imported.
    Other(&'a [u8]),
}

fn read_text<'a>(text: &'a [u8], prefix: &Prefix) -> Result<Presented<'a>, Unparsed> {
    if text.len() > limits::PRESENTED_BYTES || text.is_empty() {
        return Err(Unparsed::Shape);
    }
    match parse(text, prefix) {
        Ok(parsed) => Ok(Presented::Native(parsed)),
        Err(Unparsed::Checksum) => Err(Unparsed::Checksum),
        Err(Unparsed::Shape) => Ok(Presented::Other(text)),
    }
}

/// A key one of whose secrets was presented.
pub(crate) struct Found {
    pub(crate) key_id: KeyId,
    pub(crate) record: KeyRecord,
    pub(crate) matched: MatchedSecret,
}

/// Why nothing was found, and the check that says so.
struct NotFound(Check, Denied);

fn locate_native(
    reader: &Reader<'_>,
    token: ParsedToken<'_>,
) -> Result<Result<Found, NotFound>, StoreError> {
    let ParsedToken {
        environment,
        key_id,
        secret,
    } = token;
    let presented = StoredSecret::Native(Digest::of_secret(secret));
    let Some(record) = reader.key(key_id)? else {
        return Ok(Err(NotFound(Check::Record, Denied::NotFound)));
    };
    // All of the text counts: a token whose environment was rewritten is not the one issued.
    match record.matching(&presented) {
        Some(matched) if environment == record.environment.as_str() => Ok(Ok(Found {
            key_id,
            record,
            matched,
        })),
        _ => Ok(Err(NotFound(Check::Digest, Denied::NotFound))),
    }
}

/// What a foreign string opens. It may be more than one key: lines that hold a hash and not the
/// string do not show that two of them are the same string.
#[derive(Default)]
struct Opened {
    /// Keys that have it as a secret, in the order of the schemes.
    keys: Vec<Found>,
    /// Whether a key that had it was pruned, or was given another secret.
    gone: bool,
}

/// Looks a foreign string up under every scheme that the store holds; none where it holds no
/// imported key at all.
fn open_imported(
    reader: &Reader<'_>,
    state: &State,
    text: &[u8],
) -> Result<Option<Opened>, StoreError> {
    if state.schemes.iter().all(|(_, count)| *count == 0) {
        return Ok(None);
    }
    let mut opened = Opened::default();
    let present = |scheme: &&Scheme| state.schemes.iter().any(|(s, n)| s == *scheme && *n > 0);
    for scheme in Scheme::ALL.iter().filter(present) {
        let Some(secret) = scheme.digest(text) else {
            continue;
        };
        // A pruned key leaves its digest behind, and a rotated one that of its old secret.
        let Some(key_id) = reader.digest(&secret)? else {
            continue;
        };
        let record = reader.key(key_id)?;
        let presented = StoredSecret::Foreign(secret);
        let found = record.and_then(|record| {
            let matched = record.matching(&presented)?;
            Some(Found {
                key_id,
                record,
                matched,
            })
        });
        opened.gone |= found.is_none();
        opened.keys.extend(found);
    }
    Ok(Some(opened))
}

/// The key that answers for a foreign string. What was taken away under one scheme is not good
/// under another: a key that is gone makes it NOT_FOUND, and of several the one in the worst state
/// answers.
fn locate_imported(
    reader: &Reader<'_>,
    state: &State,
    text: &[u8],
    now: Now,
) -> Result<Result<Found, NotFound>, StoreError> {
    let Some(mut opened) = open_imported(reader, state, text)? else {
        return Ok(Err(NotFound(Check::Shape, Denied::Malformed)));
    };
    if opened.gone {
        return Ok(Err(NotFound(Check::Record, Denied::NotFound)));
    }
    if opened.keys.len() > 1 {
        let mut ranked = Vec::new();
        for found in opened.keys {
            ranked.push((standing(reader, &found, now)?, found));
        }
        ranked.sort_by_key(|(standing, _)| *standing);
        opened.keys = ranked.into_iter().map(|(_, found)| found).collect();
    }
    let first = opened.keys.into_iter().next();
    Ok(first.ok_or(NotFound(Check::Record, Denied::NotFound)))
}

/// The state of a key as far as one of its secrets goes.
fn standing(reader: &Reader<'_>, found: &Found, now: Now) -> Result<KeyState, StoreError> {
    let Found {
        key_id: _,
        record,
        matched,
    } = found;
    let project = reader.project_of_key(record)?;
    let state = effective_state(record, project.as_ref(), now);
    let ended = *matched == MatchedSecret::Previous && record.running_grace(now).is_none();
    Ok(if ended {
        state.min(KeyState::Expired)
    } else {
        state
    })
}

/// A verification before it is counted or noted.
struct Judged {
    outcome: Result<Verified, Denied>,
    found: Option<SecretId>,
    checks: Vec<(Check, CheckOutcome)>,
    now: Timestamp,
    /// Whether the cache counts its uses already.
    counted: bool,
}

/// Whether only the outcome is wanted, or every check.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Detail {
    Outcome,
    EveryCheck,
}

impl Store {
    /// Whether a token is good for what is required, now.
    ///
    /// `token` is the text as it was presented, any bytes at all; what is `required` is a
    /// [`Requirement`](crate::Requirement), or one with what only the request knows. Writes nothing;
    /// that it was used is noted in memory, unless too many keys wait there to be written
    /// ([`USAGE_WAITING`](crate::limits::USAGE_WAITING)). Any thread may call it.
    ///
    /// # Errors
    /// [`VerifyError::Denied`] with the first check that fails, in the order of [`Check::ALL`];
    /// [`VerifyError::Store`] where the store could not answer, which is neither yes nor no.
    ///
    /// ```
    /// # use keyfob::{NewKey, Requirement, ScopeSet, StoreOptions, VerifyError, Denied};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let store = StoreOptions::new().prefix("acme")?.create(folder.path().join("k"))?;
    /// let mut new = NewKey::new("CI");
    /// new.scopes = ScopeSet::parse(["orders:read"])?;
    /// let token = store.create(&new)?.token.expect("shown once, here");
    ///
    /// let requirement = Requirement::new().scopes(["orders:read"])?;
    /// let verified = store.verify(token.expose(), &requirement).expect("good");
    /// assert!(store.get(verified.key_id())?.name == "CI");
    ///
    /// let more = Requirement::new().scopes(["orders:write"])?;
    /// let refused = store.verify(token.expose(), &more);
    /// assert!(matches!(refused, Err(VerifyError::Denied(Denied::InsufficientScope))));
    /// # Ok::<(), keyfob::Error>(())
    /// ```
    pub fn verify<'a>(
        &self,
        token: impl AsRef<[u8]>,
        required: impl Into<Request<'a>>,
    ) -> Result<Verified, VerifyError> {
        let inner = self.inner()?;
        let (token, request) = (token.as_ref(), required.into());
        let seen = inner.disk.observe();
        match inner.judge_cached(token, &request, seen) {
            Some(outcome) => outcome,
            None if inner.is_none(token, seen) => inner.refuse_none(),
            // A copy, made here alone: what is lent has to be put into memory.
            None => self.verify_uncached(inner, token, &{ request }, seen),
        }
    }

    #[inline(never)]
    fn verify_uncached(
        &self,
        inner: &Inner,
        token: &[u8],
        request: &Request<'_>,
        seen: Seen,
    ) -> Result<Verified, VerifyError> {
        let judged = self.judge(token, request, Ask::Now(seen), Detail::Outcome)?;
        inner.start_flushing();
        match judged.outcome {
            Ok(verified) => {
                if let (Some(secret), false) = (judged.found, judged.counted) {
                    inner.note_use(secret, judged.now);
                }
                Ok(verified)
            }
            Err(denied) => Err(inner.refuse(denied, judged.found.map(|(id, _)| id))),
        }
    }

    /// Whether a token would be good at another time, for tests and questions. Clock and mark play
    /// no part, and nothing is noted or counted.
    ///
    /// # Errors
    /// As [`Store::verify`].
    pub fn verify_at<'a>(
        &self,
        token: impl AsRef<[u8]>,
        required: impl Into<Request<'a>>,
        at: Timestamp,
    ) -> Result<Verified, VerifyError> {
        let request = required.into();
        let judged = self.judge(token.as_ref(), &request, Ask::At(at), Detail::Outcome)?;
        Ok(judged.outcome?)
    }

    /// Whether the token of an `Authorization` header is good; none where the header holds no
    /// bearer token at all, which HTTP answers with 401 and no error code.
    ///
    /// # Errors
    /// As [`Store::verify`]; MALFORMED where there is anything after the token.
    pub fn verify_authorization<'a>(
        &self,
        value: impl AsRef<[u8]>,
        required: impl Into<Request<'a>>,
    ) -> Result<Option<Verified>, VerifyError> {
        match parse_authorization(value.as_ref()) {
            Ok(Credentials::None) => Ok(None),
            Ok(Credentials::Token(token)) => self.verify(token, required).map(Some),
            Err(denied) => Err(self.sound()?.refuse(denied, None)),
        }
    }

    /// Every check of a verification with its outcome, also those after the first that fails.
    /// Changes nothing: no use is noted and no refusal counted.
    ///
    /// # Errors
    /// What the store says.
    pub fn explain<'a>(
        &self,
        token: impl AsRef<[u8]>,
        required: impl Into<Request<'a>>,
    ) -> Result<Explanation, StoreError> {
        let judged = self.judge(
            token.as_ref(),
            &required.into(),
            Ask::Question,
            Detail::EveryCheck,
        )?;
        Ok(Explanation {
            checks: judged.checks,
            outcome: judged.outcome,
            key_id: judged.found.map(|(id, _)| id),
        })
    }

    /// The keys one of whose secrets a text holds, whatever their state: one where it is a token
    /// of this store.
    pub(crate) fn locate(
        &self,
        reader: &Reader<'_>,
        text: &[u8],
    ) -> Result<Result<Vec<Found>, Denied>, StoreError> {
        let keys = match read_text(text, self.prefix()) {
            Err(Unparsed::Shape | Unparsed::Checksum) => return Ok(Err(Denied::Malformed)),
            Ok(Presented::Native(token)) => locate_native(reader, token)?
                .map(|found| vec![found])
                .unwrap_or_default(),
            Ok(Presented::Other(text)) => match open_imported(reader, &reader.state()?, text)? {
                None => return Ok(Err(Denied::Malformed)),
                Some(opened) => opened.keys,
            },
        };
        Ok(if keys.is_empty() {
            Err(Denied::NotFound)
        } else {
            Ok(keys)
        })
    }

    fn judge(
        &self,
        text: &[u8],
        request: &Request<'_>,
        ask: Ask,
        detail: Detail,
    ) -> Result<Judged, StoreError> {
        let inner = self.sound()?;
        let not_found = |NotFound(check, denied): NotFound| Judged {
            outcome: Err(denied),
            found: None,
            checks: match detail {
                Detail::EveryCheck => failed_at(check, denied),
                Detail::Outcome => Vec::new(),
            },
            now: inner.clock.now(),
            counted: false,
        };
        let presented = match read_text(text, self.prefix()) {
            Ok(presented) => presented,
            Err(Unparsed::Shape) => {
                return Ok(not_found(NotFound(Check::Shape, Denied::Malformed)));
            }
            Err(Unparsed::Checksum) => {
                return Ok(not_found(NotFound(Check::Checksum, Denied::Malformed)));
            }
        };
        let judge = |reader: &Reader<'_>| {
            let state = reader.state()?;
            let native = matches!(presented, Presented::Native(_));
            let now = match ask {
                Ask::At(at) => Now {
                    clock: at,
                    mark: at,
                },
                Ask::Now(_) | Ask::Question => inner.now(&state),
            };
            let found = match presented {
                Presented::Native(token) => locate_native(reader, token)?,
                Presented::Other(text) => locate_imported(reader, &state, text, now)?,
            };
            let Found {
                key_id,
                record,
                matched,
            } = match found {
                Ok(found) => found,
                Err(nothing) => {
                    if let Ask::Now(seen) = ask {
                        inner.catch_up(reader, &state, seen, |_| ())?;
                    }
                    return Ok(not_found(nothing));
                }
            };
            let project = reader.project_of_key(&record)?;
            let (facts, class) =
                Facts::of(self.prefix(), key_id, &record, project.as_ref(), matched);
            let stated = match request.project_rule() {
                ProjectRule::Named(name) if asks_for_project(&facts.class, request) => {
                    Some(reader.project_named(name)?)
                }
                _ => None,
            };
            let secret = (key_id, facts.generation);
            let entry = class
                .filter(|_| native)
                .and_then(|class| entry_of(key_id, &facts, class, &record, text));
            let stated = match &stated {
                None => StatedProject::NotNeeded,
                Some(None) => StatedProject::Unknown,
                Some(Some((_, stated))) => StatedProject::Owner(stated.owner.as_deref()),
            };
            let case = Case {
                stated,
                request,
                now,
            };
            let checks =
                match detail {
                    Detail::Outcome => Vec::new(),
                    Detail::EveryCheck => passed_before(Check::Revoked)
                        .chain(explain(facts.standing(), case).into_iter().map(
                            |(check, outcome)| match outcome {
                                Ok(()) => (check, CheckOutcome::Passed),
                                Err(denied) => (check, CheckOutcome::Failed(denied)),
                            },
                        ))
                        .collect(),
                };
            let outcome = decide(facts.standing(), case);
            let outcome = outcome.map(|passed| Verified::new(facts, passed));
            let mut counted = false;
            if let Ask::Now(seen) = ask {
                let at = u32::try_from(now.clock.unix()).ok();
                let entry = entry.zip(at);
                inner.catch_up(reader, &state, seen, |changing| {
                    if let Some((entry, at)) = entry {
                        let used = outcome.is_ok() && !inner.disk.options().read_only;
                        if let Ok(made_room) = changing.insert(&entry, at, used) {
                            inner.keep_uses(made_room);
                            counted = used;
                        }
                    }
                })?;
            }
            Ok(Judged {
                outcome,
                found: Some(secret),
                checks,
                now: now.clock,
                counted,
            })
        };
        match ask {
            Ask::Now(seen) => inner.read_shared(seen, judge),
            Ask::Question | Ask::At(_) => inner.read(judge),
        }
    }
}

impl Inner {
    /// Whether a text cannot be a token of this store, and the file need not be asked.
    #[inline]
    fn is_none(&self, token: &[u8], seen: Seen) -> bool {
        is_none(token, &self.terms.identity.prefix) && self.cache.has_no_imported(seen)
    }

    #[inline(never)]
    fn refuse_none(&self) -> Result<Verified, VerifyError> {
        self.disk.check_replaced()?;
        Err(self.refuse(Denied::Malformed, None))
    }

    /// The walk with the record from the cache; none where the cache cannot tell. The text is
    /// compared with the one that the record was cached for, so that what differs in any character
    /// is left to the walk that reads all of it.
    #[allow(clippy::inline_always)] // so that what a request does not say costs nothing
    #[inline(always)]
    fn judge_cached(
        &self,
        text: &[u8],
        request: &Request<'_>,
        seen: Seen,
    ) -> Option<Result<Verified, VerifyError>> {
        let parts = split(text)?;
        // The cell is loaded before the hash is computed, so that memory is not waited for.
        let key_id = IdText::of(parts.key_id);
        let found = self.cache.find(seen, key_id, *parts.checksum)?;
        let class = kept(ClassNumber(found.class()))?;
        if !class.head.begins(text) || !found.is_secret(PresentedDigest::of_secret(parts.secret)) {
            return None;
        }
        let held = found.hold()?;
        if asks_for_project(class, request) {
            return None;
        }
        let standing = Standing {
            revoked: held.is_revoked(),
            disabled: held.is_disabled(),
            expires_at: Timestamp::from_unix(held.expires_at),
            owner: held.owner,
            class,
        };
        let now = Now {
            clock: self.clock.now(),
            mark: Timestamp::from_unix(held.mark),
        };
        let case = Case {
            stated: StatedProject::NotNeeded,
            request,
            now,
        };
        let passed = match decide(standing, case) {
            Ok(passed) => passed,
            Err(denied) => return Some(Err(self.refuse(denied, Some(key_id.id())))),
        };
        self.note_cached_use(&held, now.clock);
        let facts = Facts {
            key_id,
            generation: held.generation,
            matched: if held.is_previous() {
                MatchedSecret::Previous
            } else {
                MatchedSecret::Current
            },
            revoked: standing.revoked,
            disabled: standing.disabled,
            expires_at: standing.expires_at,
            owner: standing.owner,
            class: ClassRef::Kept(class),
        };
        Some(Ok(Verified::new(facts, passed)))
    }
}

/// At which time a verification is judged.
#[derive(Clone, Copy)]
enum Ask {
    /// Now; what is found is kept in the cache, as of what the header showed before.
    Now(Seen),
    /// Now, and nothing comes of it.
    Question,
    /// At another time.
    At(Timestamp),
}

/// The cell for the secret that a token holds.
fn entry_of(
    key_id: KeyId,
    facts: &Facts,
    class: ClassNumber,
    record: &KeyRecord,
    text: &[u8],
) -> Option<Entry> {
    let slot = match (facts.matched, &record.previous) {
        (MatchedSecret::Previous, Some(previous)) => &previous.slot,
        _ => &record.current,
    };
    let StoredSecret::Native(digest) = slot.secret else {
        return None;
    };
    Some(Entry {
        key_id,
        generation: facts.generation,
        digest,
        checksum: *text.last_chunk()?,
        revoked: facts.revoked,
        disabled: facts.disabled,
        previous: facts.matched == MatchedSecret::Previous,
        expires_at: facts.expires_at.unix(),
        class: class.0,
        project: record.project,
        owner: facts.owner,
    })
}

fn passed_before(check: Check) -> impl Iterator<Item = (Check, CheckOutcome)> {
    Check::ALL
        .into_iter()
        .take_while(move |c| *c < check)
        .map(|c| (c, CheckOutcome::Passed))
}

/// Every check where one of the first found nothing for the others to look at.
fn failed_at(check: Check, denied: Denied) -> Vec<(Check, CheckOutcome)> {
    passed_before(check)
        .chain([(check, CheckOutcome::Failed(denied))])
        .chain(
            Check::ALL
                .into_iter()
                .filter(move |c| *c > check)
                .map(|c| (c, CheckOutcome::NotReached)),
        )
        .collect()
}
