//! Import: keys that another system issued are brought in line by line, and go on working as they
//! were issued. A line is read and judged (`foreign_row.rs`), becomes a record as a creation would make
//! it, and goes through the one funnel. `docs/importing.md` has the formats and the rules.

use std::collections::BTreeSet;

use crate::commit::{Room, bulk_bytes};
use crate::create::OwnersKeys;
use crate::disk::write::Writer;
use crate::error::{Error, Misuse, Refused, StoreError};
use crate::event::{EventKind, Reason};
use crate::foreign::{ForeignFormat, ForeignSecret, Scheme};
use crate::foreign_row::{ForeignRow, IMPORTED_ID, parse_line};
use crate::id::{KeyId, ProjectId};
use crate::key::{Expiry, KeyRecord, NewKey, Resolved, StoredSecret};
use crate::limits;
use crate::policy::Policy;
use crate::project::ProjectRecord;
use crate::scope::ScopeSet;
use crate::store::Store;
use crate::time::{Now, Timestamp};
use crate::token::{Environment, has_shape};

/// What a key is called whose line names nothing at all.
const NAME: &str = "imported";

const OWN_SHAPE: &str = "in the shape of this store's own tokens, which only this store issues";

/// What an import gives to its keys where their lines do not say it themselves.
///
/// ```
/// use keyfob::{Expiry, ImportDefaults, ScopeSet};
///
/// let mut defaults = ImportDefaults::default();
/// defaults.scopes = ScopeSet::parse(["orders:read"])?;
/// defaults.expires = Expiry::In(365 * 24 * 60 * 60);
/// # Ok::<(), keyfob::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct ImportDefaults {
    /// The name of keys whose line has none; where this is none too, `imported` and what the other
    /// system called the key.
    pub name: Option<String>,
    /// The scopes of keys whose line has none. A line with an empty list has some: nothing.
    pub scopes: ScopeSet,
    /// The name of the project that every key of the import is bound to.
    pub project: Option<String>,
    /// The environment of keys whose line has none; `live` where this is none too.
    pub environment: Option<Environment>,
    /// Whom keys belong to whose line does not say; where this is none too, the project's owner.
    pub owner: Option<String>,
    /// When keys expire whose line has no expiry, or says never.
    pub expires: Expiry,
    /// The tags of every key of the import.
    pub tags: BTreeSet<String>,
}

impl ImportDefaults {
    /// Refuses what can be right for no line.
    fn check(&self, now: Timestamp) -> Result<(), Misuse> {
        let ImportDefaults {
            name,
            scopes,
            project,
            environment,
            owner,
            expires,
            tags,
        } = self;
        let mut new = NewKey::new(name.as_deref().unwrap_or(NAME));
        new.scopes.clone_from(scopes);
        new.project.clone_from(project);
        new.environment = (*environment).unwrap_or_default();
        new.owner.clone_from(owner);
        new.tags.clone_from(tags);
        KeyRecord::check_new(&new)?;
        expires.resolve(&Policy::default(), now)?;
        Ok(())
    }
}

/// How far an import got, line by line.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Imported {
    /// What became of the lines, in their order: of the first so many of them. The keys in it are
    /// durable.
    pub results: Vec<Result<KeyId, Error>>,
    /// Why it stopped before the last line; none where it reached it.
    pub stopped: Option<Error>,
}

/// A line that may become a key, as far as its text tells.
struct Candidate {
    new: NewKey,
    secret: ForeignSecret,
    /// What the same string is under the other schemes, where the line holds the string.
    others: Vec<ForeignSecret>,
    created_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    revoked: bool,
    disabled: bool,
}

/// What the lines of one transaction are judged against.
struct Destination {
    project: Option<(ProjectId, ProjectRecord)>,
    policy: Policy,
    expires: Expiry,
    owners: OwnersKeys,
}

impl Store {
    /// Brings in keys that another system issued, a line each; their holders keep the strings that
    /// they have. Each line has its own result, and one that is refused refuses only itself.
    ///
    /// Lines are taken in transactions of at most 10,000. Importing the same lines again is safe
    /// at any time: each that is there answers `DIGEST_TAKEN` with the key that it became.
    ///
    /// In the results: `NOT_IMPORTABLE` with the reason, which never holds the string; `DIGEST_TAKEN`,
    /// also where the key was pruned; misuse where a name, owner, scope, environment or pair of
    /// metadata is not of its form; `SCOPE_NOT_ALLOWED` by the project; `POLICY_REFUSED`,
    /// `TOO_MANY_KEYS` for keys that are still good, of which an import is a creation;
    /// `CLOCK_IS_BEHIND` where the expiry of the defaults has passed by the store's mark.
    ///
    /// In `stopped`: what the store says, and `NO_SUCH_PROJECT`, `PROJECT_IS_DISABLED` for the project
    /// of the defaults. After `OUTCOME_UNKNOWN` the lines of one transaction beyond the results may
    /// be there or not.
    ///
    /// # Errors
    /// Misuse where a default is not of its form; nothing was written.
    ///
    /// ```
    /// use keyfob::{ForeignFormat, ImportDefaults, Requirement, StoreOptions};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("keys.redb");
    /// let store = StoreOptions::new().prefix("acme")?.create(&path)?;
    ///
    /// let issued_elsewhere = "sk_live_9aF3kQz7LmX2vBn8RtYw4Cp6";
    /// let lines = [issued_elsewhere, "password"];
    /// let imported = store.import(ForeignFormat::Raw, &lines, &ImportDefaults::default())?;
    /// assert!(imported.results[0].is_ok());
    /// assert_eq!(imported.results[1].as_ref().unwrap_err().code(), keyfob::Code::NOT_IMPORTABLE);
    /// assert!(store.verify(issued_elsewhere, &Requirement::new()).is_ok());
    /// # Ok::<(), keyfob::Error>(())
    /// ```
    pub fn import(
        &self,
        format: ForeignFormat,
        lines: &[&str],
        defaults: &ImportDefaults,
    ) -> Result<Imported, Error> {
        defaults.check(self.inner()?.clock.now())?;
        let mut out = Imported {
            results: Vec::with_capacity(lines.len()),
            stopped: None,
        };
        for batch in lines.chunks(limits::BATCH) {
            match self.import_batch(format, batch, defaults) {
                Ok(results) => out.results.extend(results),
                Err(error) => {
                    out.stopped = Some(error);
                    break;
                }
            }
        }
        Ok(out)
    }

    fn import_batch(
        &self,
        format: ForeignFormat,
        batch: &[&str],
        defaults: &ImportDefaults,
    ) -> Result<Vec<Result<KeyId, Error>>, Error> {
        // Reading costs as much as writing, and is done before anybody else has to wait.
        let read: Vec<_> = batch
            .iter()
            .map(|line| self.read_line(format, line, defaults))
            .collect();
        // In the order of the lines, which so is that of a listing, and at the end of the table.
        let now_ms = self.inner()?.clock.now_ms();
        let mut ids = batch
            .iter()
            .map(|_| KeyId::generate(now_ms))
            .collect::<Result<Vec<_>, _>>()?;
        ids.sort_unstable();
        let text: usize = batch.iter().map(|line| line.len()).sum();
        let bytes = bulk_bytes(batch.len()).saturating_add(text as u64);
        self.change_alone(Room::Bytes(bytes), |writer, now| {
            let mut into = Destination::look_up(writer, defaults)?;
            let mut results = Vec::with_capacity(read.len());
            for (line, id) in read.into_iter().zip(ids) {
                let judged = line.and_then(|candidate| into.judge(writer, now, candidate));
                results.push(match judged {
                    Ok(judged) => {
                        write(writer, now, id, judged)?;
                        Ok(id)
                    }
                    Err(Error::Store(error)) => return Err(error.into()),
                    Err(refused) => Err(refused),
                });
            }
            Ok(results)
        })
    }

    /// What a line says, held to the form and the bounds of a creation.
    fn read_line(
        &self,
        format: ForeignFormat,
        line: &str,
        defaults: &ImportDefaults,
    ) -> Result<Candidate, Error> {
        let ForeignRow {
            secret,
            raw,
            name,
            owner,
            environment,
            scopes,
            created_at,
            expires_at,
            revoked,
            disabled,
            metadata,
        } = parse_line(format, line).map_err(|error| Refused::NotImportable(error.reason()))?;
        let mut others = Vec::new();
        if let Some(raw) = raw {
            if has_shape(raw.as_bytes(), self.prefix()) {
                return Err(Refused::NotImportable(OWN_SHAPE).into());
            }
            let different = |scheme: &&Scheme| **scheme != secret.scheme;
            let schemes = Scheme::ALL.iter().filter(different);
            others.extend(schemes.filter_map(|scheme| scheme.digest(raw.as_bytes())));
        }
        let name = name.or_else(|| defaults.name.clone());
        let mut new = NewKey::new(name.unwrap_or_else(|| {
            let named = metadata.get(IMPORTED_ID);
            let named = named.map(|id| format!("{NAME} {id}"));
            named
                .filter(|name| name.len() <= limits::KEY_NAME_BYTES)
                .unwrap_or_else(|| NAME.to_owned())
        }));
        new.scopes = match scopes {
            Some(scopes) => ScopeSet::parse(scopes)?,
            None => defaults.scopes.clone(),
        };
        new.environment = match environment {
            Some(environment) => Environment::parse(&environment)?,
            None => defaults.environment.unwrap_or_default(),
        };
        new.owner = owner.or_else(|| defaults.owner.clone());
        new.metadata = metadata;
        new.tags.clone_from(&defaults.tags);
        KeyRecord::check_new(&new)?;
        Ok(Candidate {
            new,
            secret,
            others,
            created_at: created_at.map(Timestamp::from_unix),
            expires_at: expires_at.map(Timestamp::from_unix),
            revoked,
            disabled,
        })
    }
}

/// A line that becomes a key.
struct Judged {
    record: KeyRecord,
    revoked: bool,
    disabled: bool,
}

impl Destination {
    fn look_up(writer: &Writer<'_>, defaults: &ImportDefaults) -> Result<Self, Error> {
        let project = match &defaults.project {
            None => None,
            Some(name) => {
                let (id, record) = writer
                    .project_named(name)?
                    .ok_or_else(|| Refused::NoSuchProject(name.clone()))?;
                if !record.enabled {
                    return Err(Refused::ProjectIsDisabled(name.clone()).into());
                }
                Some((id, record))
            }
        };
        Ok(Destination {
            project,
            policy: writer.state().policy,
            expires: defaults.expires,
            owners: OwnersKeys::default(),
        })
    }

    /// Holds a line against the store. Nothing is written here, so that a refusal leaves nothing
    /// in the transaction that the other lines share.
    fn judge(
        &mut self,
        writer: &Writer<'_>,
        now: Now,
        candidate: Candidate,
    ) -> Result<Judged, Error> {
        let Candidate {
            new,
            secret,
            others,
            created_at,
            expires_at,
            revoked,
            disabled,
        } = candidate;
        for secret in std::iter::once(&secret).chain(&others) {
            if let Some(key_id) = writer.digest(secret)? {
                return Err(Refused::DigestTaken(key_id).into());
            }
        }
        if let Some((_, project)) = &self.project {
            project.check_allows(&new.scopes)?;
        }
        let project_owner = self.project.as_ref().and_then(|(_, p)| p.owner.clone());
        let owner = new.owner.clone().or(project_owner);
        // As far as a creation can reach: 9999-12-31 is how databases without null write never.
        let horizon = now.clock.saturating_add(limits::HORIZON_SECONDS);
        let expires_at = expires_at.map(|at| at.min(horizon));
        // What has ended already is no new key, and is brought in so that it cannot come back.
        let ended = revoked || expires_at.is_some_and(|at| now.latest() >= at);
        let expires_at = match expires_at {
            None if !ended => self.expires.resolve(&self.policy, now.clock)?,
            at => at,
        };
        if !ended {
            self.policy.judge_expiry(expires_at, now)?;
            let (owners, policy) = (&mut self.owners, &self.policy);
            owners.one_more(writer, owner.as_deref(), policy, now)?;
        }
        let resolved = Resolved {
            project: self.project.as_ref().map(|(id, _)| *id),
            owner,
            expires_at,
        };
        let secret = StoredSecret::Foreign(secret);
        let mut record = KeyRecord::create(&new, resolved, secret, now.clock)?;
        if let Some(created_at) = created_at {
            record.created_at = created_at.min(now.clock);
            record.current.created_at = record.created_at;
        }
        Ok(Judged {
            record,
            revoked,
            disabled,
        })
    }
}

/// Writes a key that was judged. Revoked and disabled are changes of their own in the log, so that
/// who follows it learns a key's state from it alone.
fn write(writer: &mut Writer<'_>, now: Now, id: KeyId, judged: Judged) -> Result<(), StoreError> {
    let Judged {
        record,
        revoked,
        disabled,
    } = judged;
    if writer.key(id)?.is_some() || writer.tombstone(id)?.is_some() {
        return Err(StoreError::Internal("a fresh key id is taken".into()));
    }
    let kind = EventKind::KeyImported {
        key: record.terms(),
    };
    let written = writer.apply_key(id, None, Some(record), kind)?;
    let next = match written.as_ref() {
        Some(record) if revoked => record.revoke(Reason::Unspecified, Some(NOTE), now.clock),
        Some(record) if disabled => record
            .set_enabled(id, false, now.clock)
            .map_err(|refused| StoreError::Internal(refused.to_string()))?,
        _ => None,
    };
    if let Some((next, kind)) = next {
        writer.apply_key(id, written.as_ref(), Some(next), kind)?;
    }
    Ok(())
}

/// The note of the revocation of a key that was revoked before it came here.
const NOTE: &str = "revoked where it was issued, before it was imported";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Subject;
    use crate::log::LogQuery;
    use crate::store::StoreOptions;

    /// The log; of keys that came in, their names.
    fn log(store: &Store) -> Vec<(Subject, Result<String, EventKind>)> {
        let events = store.log(&LogQuery::default(), 100).unwrap();
        let told = events.into_iter().map(|event| {
            let kind = match event.kind {
                EventKind::KeyImported { key } => Ok(key.name),
                other => Err(other),
            };
            (event.subject, kind)
        });
        told.collect()
    }

    #[test]
    fn the_log_tells_what_came_in_and_in_which_state_and_nothing_of_what_was_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = StoreOptions::new().prefix("acme").unwrap();
        let store = store.create(folder.path().join("k")).unwrap();
        let digest = |byte: u8| {
            use base64::Engine as _;
            base64::engine::general_purpose::STANDARD.encode([&[byte][..], &[9; 31]].concat())
        };
        let lines = [
            format!(r#"{{"hash":"{}","name":"good"}}"#, digest(1)),
            format!(
                r#"{{"hash":"{}","name":"refused","permissions":["a b"]}}"#,
                digest(2)
            ),
            format!(r#"{{"hash":"{}","name":"off","enabled":false}}"#, digest(3)),
            format!(
                r#"{{"hash":"{}","name":"gone","enabled":false,"deletedAt":1}}"#,
                digest(4)
            ),
        ];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let imported = store.import(ForeignFormat::Unkey, &lines, &ImportDefaults::default());
        let results = imported.unwrap().results;
        let id = |at: usize| Subject::Key(*results[at].as_ref().unwrap());
        let came = |name: &str| Ok(name.to_owned());
        let revoked = EventKind::KeyRevoked {
            reason: Reason::Unspecified,
            note: Some(NOTE.into()),
        };
        let expected = [
            (id(0), came("good")),
            (id(2), came("off")),
            (id(2), Err(EventKind::KeyDisabled)),
            (id(3), came("gone")),
            (id(3), Err(revoked)),
        ];
        assert_eq!(log(&store)[1..], expected);
    }

    #[test]
    fn on_a_full_disk_nothing_is_imported() {
        let folder = tempfile::tempdir().unwrap();
        let faults = std::sync::Arc::new(crate::disk::faults::Faults::default());
        let store = StoreOptions::new().prefix("acme").unwrap();
        let store = store.faults(std::sync::Arc::clone(&faults));
        let store = store.create(folder.path().join("k")).unwrap();
        faults.limit_free_blocks(0);
        let line = "sk_live_9aF3kQz7LmX2vBn8RtYw4Cp6";
        let out = store.import(ForeignFormat::Raw, &[line], &ImportDefaults::default());
        let out = out.unwrap();
        assert!(out.results.is_empty());
        assert!(matches!(
            out.stopped,
            Some(Error::Store(StoreError::NoSpace))
        ));
    }
}
