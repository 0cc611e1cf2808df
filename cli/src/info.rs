//! `keyfob info`.

use keyfob::PepperInfo;
use serde_json::json;

use crate::error::{Exit, Failure};
use crate::session::Session;
use crate::when::{rfc3339, shown_with_distance};
use crate::{policy, table};

pub(crate) fn run(session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    session.with_store(|store, session| {
        let info = store.info()?;
        let pepper = match info.pepper {
            PepperInfo::None => "none",
            PepperInfo::Set => "set",
            _ => "changing",
        };
        let head = hex::encode(info.head);
        if session.screen.json {
            session.screen.document(&json!({
                "store": info.path.to_string_lossy(),
                "store_id": hex::encode(info.store_id),
                "format": info.format,
                "prefix": info.prefix.as_str(),
                "created_at": rfc3339(info.created_at),
                "sequence": info.sequence,
                "head": head,
                "log_begins_after": info.log_begins_after,
                "keys": info.keys,
                "projects": info.projects,
                "digests": info.digests,
                "tombstones": info.tombstones,
                "pepper": pepper,
                "mark": rfc3339(info.mark),
                "clock": rfc3339(info.clock),
                "clock_ahead": info.clock_ahead,
                "policy": policy::document(&info.policy),
                "file_bytes": info.file_bytes,
                "read_only": info.read_only,
                "scanner_expression": info.scanner_expression,
            }))?;
            return Ok(Exit::Done);
        }
        let mut rows = vec![
            ("store", info.path.display().to_string()),
            ("store id", hex::encode(info.store_id)),
            ("format", info.format.to_string()),
            ("prefix", info.prefix.to_string()),
            ("created", shown_with_distance(info.created_at)),
            ("sequence and head", format!("{}:{head}", info.sequence)),
            ("log begins after", info.log_begins_after.to_string()),
            ("keys", info.keys.to_string()),
            ("projects", info.projects.to_string()),
            ("imported digests", info.digests.to_string()),
            ("tombstones", info.tombstones.to_string()),
            ("pepper", pepper.to_owned()),
            ("latest time seen", shown_with_distance(info.mark)),
            ("file size", format!("{} bytes", info.file_bytes)),
        ];
        if info.mark > info.clock {
            rows.push((
                "warning",
                "the clock is behind the latest time seen; `keyfob clock` says more".to_owned(),
            ));
        }
        if info.clock_ahead {
            rows.push((
                "warning",
                "the clock runs far ahead; `keyfob clock` says more".to_owned(),
            ));
        }
        rows.extend(policy::rows(&info.policy));
        rows.push(("for secret scanners", info.scanner_expression));
        table::details(session.screen, &rows);
        Ok(Exit::Done)
    })
}
