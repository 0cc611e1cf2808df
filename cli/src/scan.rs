//! `keyfob scan`: tokens of this store that lie about in files.

use std::path::PathBuf;

use clap::Args;
use keyfob::{Finding, KeyId, Reason, Revoke};
use serde_json::json;

use crate::error::{Exit, Failure};
use crate::interrupt::{check, finishing};
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
        for path in &args.paths {
            check()?;
            let mut failed = None;
            let (screen, not_read) = (std::cell::RefCell::new(&mut *session.screen), &mut skipped);
            let scanned = store.scan(
                path,
                &mut |finding: Finding| {
                    if finding.works && !keys.contains(&finding.key_id) {
                        keys.push(finding.key_id);
                    }
                    if let Err(failure) = tell(*screen.borrow_mut(), &finding) {
                        failed = Some(failure);
                    }
                },
                &mut |path, error| {
                    *not_read += 1;
                    let mut screen = screen.borrow_mut();
                    let (path, error) = (path.to_string_lossy(), error.to_string());
                    if screen.json {
                        screen.warn(json!({ "skipped": path, "message": error }).to_string());
                    } else {
                        screen.note(format!("not read: {path}: {error}"));
                    }
                },
            )?;
            if let Some(failure) = failed {
                return Err(failure);
            }
            files += scanned.files;
            bytes += scanned.bytes;
            findings += scanned.findings;
            working += scanned.working;
        }
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
        if args.revoke && !keys.is_empty() {
            let counted = crate::selection::counted(keys.len() as u64);
            if keys.len() > 1 {
                session.confirm(&format!("revoke {counted}"), args.yes)?;
            }
            let revoke = Revoke::because(Reason::KeyCompromise);
            for id in &keys {
                check()?;
                finishing(|| store.revoke(*id, &revoke))?;
                session.screen.note(format!("revoked key {id}"));
            }
        }
        Ok(if working == 0 { Exit::Done } else { Exit::No })
    })
}

/// One finding; never the token itself.
fn tell(screen: &mut crate::output::Screen<'_>, finding: &Finding) -> Result<(), Failure> {
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
