//! `keyfob scan`: tokens of this store that lie about in files.

use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;
use keyfob::{Finding, KeyId, Reason, Revoke, Store};
use serde_json::json;

use crate::error::{Exit, Failure};
use crate::interrupt::{check, finishing};
use crate::output::Screen;
use crate::progress::Progress;
use crate::session::Session;
use crate::text::{counted, harmless};

#[derive(Args, Debug)]
pub(crate) struct ScanArgs {
    /// Files and folders; folders with everything below them
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Revoke the keys whose tokens were found and still work
    #[arg(long)]
    revoke: bool,
    /// With --revoke: go on without asking
    #[arg(long, requires = "revoke")]
    yes: bool,
}

pub(crate) fn run(args: &ScanArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    session.with_store(|store, session| {
        let (mut files, mut bytes, mut findings, mut working) = (0, 0, 0, 0);
        let mut skipped: u64 = 0;
        let mut keys: Vec<KeyId> = Vec::new();
        // A document says whether its key was revoked, so that it comes after that.
        let late = args.revoke && session.screen.json;
        let mut untold: Vec<Finding> = Vec::new();
        let progress = Progress::endless(session.screen, "scanning");
        for path in &args.paths {
            check()?;
            let mut failed = None;
            let mut tell_now = |screen: &mut Screen<'_>, finding: Finding| {
                if late {
                    untold.push(finding);
                    Ok(())
                } else {
                    progress.aside(|| tell(screen, &finding, false))
                }
            };
            let (screen, not_read) = (std::cell::RefCell::new(&mut *session.screen), &mut skipped);
            let scanned = store.scan(
                path,
                &mut |finding: Finding| {
                    if finding.works && !keys.contains(&finding.key_id) {
                        keys.push(finding.key_id);
                    }
                    if let Err(failure) = tell_now(*screen.borrow_mut(), finding) {
                        failed = Some(failure);
                    }
                },
                &mut |path, error| {
                    *not_read += 1;
                    let mut screen = screen.borrow_mut();
                    let (path, error) = (path.to_string_lossy(), error.to_string());
                    progress.aside(|| {
                        if screen.json {
                            screen.warn(json!({ "skipped": path, "message": error }).to_string());
                        } else {
                            screen.note(format!("not read: {path}: {error}"));
                        }
                    });
                },
                &mut |_, _| ControlFlow::Continue(()),
            )?;
            if let Some(failure) = failed {
                return Err(failure);
            }
            files += scanned.files;
            bytes += scanned.bytes;
            findings += scanned.findings;
            working += scanned.working;
        }
        drop(progress);
        session.screen.note(format!(
            "{}, {}: {}, {working} of them work{}",
            counted(files, "file"),
            counted(bytes, "byte"),
            counted(findings, "token"),
            if skipped > 0 {
                format!("; {skipped} could not be read")
            } else {
                String::new()
            }
        ));
        let mut revoked = Vec::new();
        let outcome = if args.revoke {
            revoke(session, store, &keys, args.yes, &mut revoked)
        } else {
            Ok(())
        };
        for finding in &untold {
            tell(session.screen, finding, revoked.contains(&finding.key_id))?;
        }
        outcome?;
        Ok(if working == 0 { Exit::Done } else { Exit::No })
    })
}

/// Revokes the keys, and says in `revoked` how far it got.
fn revoke(
    session: &mut Session<'_, '_>,
    store: &Store,
    keys: &[KeyId],
    yes: bool,
    revoked: &mut Vec<KeyId>,
) -> Result<(), Failure> {
    if keys.len() > 1 {
        let what = counted(keys.len() as u64, "key");
        session.confirm(&format!("revoke {what}"), yes)?;
    }
    let why = Revoke::because(Reason::KeyCompromise);
    for id in keys {
        check()?;
        finishing(|| store.revoke(*id, &why))?;
        revoked.push(*id);
        session.screen.note(format!("revoked key {id}"));
    }
    Ok(())
}

/// One finding; never the token itself.
fn tell(screen: &mut Screen<'_>, finding: &Finding, revoked: bool) -> Result<(), Failure> {
    let key = finding.key.as_ref();
    if screen.json {
        return screen.document(&json!({
            "path": finding.path.to_string_lossy(),
            "line": finding.line,
            "offset": finding.offset,
            "hint": finding.hint,
            "key_id": finding.key_id.to_string(),
            "name": key.map(|key| &key.name),
            "state": key.map(|key| key.state.name()),
            "works": finding.works,
            "revoked": revoked,
        }));
    }
    let what = match key {
        None => "no such key".to_owned(),
        Some(key) => format!("{:?}, {}", key.name, key.state.name()),
    };
    let works = if finding.works {
        "WORKS"
    } else {
        "does not work"
    };
    let place = format!("{}:{}", finding.path.display(), finding.line);
    screen.line(harmless(&format!(
        "{place}: {} {} {what}: {works}",
        finding.hint, finding.key_id
    )));
    Ok(())
}
