//! Verification of keys in memory, and refusals.

use std::cell::Cell;
use std::hint::black_box;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use keyfob::{Denied, NewProject, Requirement, Rotate, ScopeSet, VerifyError};
use keyfob_bench::floor::floor;
use keyfob_bench::keys::{Tokens, fill, mistyped, new_key, options, requirement};

use crate::report::{Report, Row, thousands, time, times};
use crate::sample::{Contender, Work, compare, in_turn, rate};
use crate::{Outcome, Scale};

/// A message for the floor, different in each call.
pub(crate) fn message(at: usize) -> [u8; 55] {
    let mut message = [7; 55];
    message[..8].copy_from_slice(&at.to_le_bytes());
    message
}

pub(crate) fn floor_contender<'a>() -> Contender<'a> {
    let hash = |at| {
        black_box(floor(black_box(&message(at))));
    };
    Contender::new(1_000, hash).warmed()
}

/// Rows of verifications and refusals in a store of 1,000 keys.
pub(crate) fn rows(report: &mut Report, folder: &Path, scale: &Scale) -> Outcome<()> {
    const KEYS: usize = 1_000;
    let path = folder.join("verify");
    let store = options().create(&path)?;
    let mut tokens = Tokens::default();
    fill(&store, KEYS, 1, &mut tokens)?;
    let one = tokens.get(0);
    let asked = requirement();

    let mut project = NewProject::new("shop");
    project.scopes = ScopeSet::parse(["orders:*", "stock:*"])?;
    store.create_project(&project)?;
    let mut new = new_key(0);
    new.project = Some("shop".to_owned());
    new.ip_list = vec!["192.0.2.0/24".parse()?, "2001:db8::/32".parse()?];
    let bound = store.create(&new)?.token.ok_or("no token")?;
    let both = requirement().project("shop")?.ip("192.0.2.7".parse()?);

    // A token of a store of the same prefix: whole, and of no key here.
    let other = options().create(folder.join("other"))?;
    let mut unknown = Tokens::default();
    fill(&other, KEYS, 1, &mut unknown)?;
    // A token whose secret was replaced: the id of a key that is in memory, another secret.
    let rotated = store.create(&new_key(0))?;
    let fresh = store.rotate(rotated.key.id, &Rotate::default())?;
    let (wrong_secret, fresh) = (
        rotated.token.ok_or("no token")?,
        fresh.token.ok_or("no token")?,
    );
    let wrong_prefix = one.replacen("acme", "acmx", 1);
    let bad_checksum = mistyped(one);
    let more = Requirement::new().scopes(["orders:write"])?;

    let counter = AtomicU64::new(0);
    let failed = Cell::new(0);
    let good = |token: &str, requirement: &Requirement| {
        if black_box(store.verify(black_box(token), requirement)).is_err() {
            failed.set(failed.get() + 1);
        }
    };
    let refused = |token: &str, requirement: &Requirement, why: Denied| {
        let answer = black_box(store.verify(black_box(token), requirement));
        if !matches!(answer, Err(VerifyError::Denied(denied)) if denied == why) {
            failed.set(failed.get() + 1);
        }
    };
    good(fresh.expose(), &asked);
    let timed = in_turn(
        scale.rounds,
        &mut [
            floor_contender(),
            Contender::new(1_000, |_| good(one, &asked)).warmed(),
            Contender::new(1_000, |_| good(bound.expose(), &both)).warmed(),
            Contender::new(1_000, |_| refused("acme_live_1", &asked, Denied::Malformed)).warmed(),
            Contender::new(1_000, |_| refused(&wrong_prefix, &asked, Denied::Malformed)).warmed(),
            Contender::new(1_000, |_| refused(&bad_checksum, &asked, Denied::Malformed)).warmed(),
            Contender::new(200, |at| {
                refused(unknown.get(at % KEYS), &asked, Denied::NotFound);
            })
            .warmed(),
            Contender::new(1_000, |_| {
                refused(wrong_secret.expose(), &asked, Denied::NotFound);
            })
            .warmed(),
            Contender::new(1_000, |_| refused(one, &more, Denied::InsufficientScope)).warmed(),
            Contender::new(1_000, |_| {
                counter.fetch_add(black_box(1), Ordering::Relaxed);
            })
            .warmed(),
        ],
    );
    if failed.get() > 0 {
        return Err(format!("{} calls answered otherwise than they should", failed.get()).into());
    }
    let row = |what: &str, at: usize| {
        Row::new(what, time(timed[at].ns)).beside(format!("{} × F", times(timed[at].ratio)))
    };
    report.section("Verification of a key in memory");
    let ratio = |at: usize| timed[at].ratio;
    report.add(
        row("one key", 1)
            .at_most(ratio(1), 1.25, "× F")
            .profile("verify"),
    );
    report.add(
        row("one key, with a project and an IP list", 2)
            .at_most(ratio(2), 1.5, "× F")
            .profile("bound"),
    );
    two_threads(report, &store, one, &asked, scale);
    crate::c::rows(report, folder, (&store, &path), (one, &asked), scale)?;

    report.section("Refusals");
    report.add(
        row("wrong shape", 3)
            .at_most(timed[3].ns, 5.0, "ns")
            .profile("shape"),
    );
    report.add(
        row("wrong prefix", 4)
            .at_most(timed[4].ns, 5.0, "ns")
            .profile("prefix"),
    );
    report.add(
        row("bad checksum: what was mistyped, without the disk", 5)
            .at_most(ratio(5), 1.0, "× F")
            .profile("checksum"),
    );
    report.add(row("an atomic addition, bare", 9));
    report.add(row("unknown id under a good checksum: asks the file", 6));
    report.add(row("wrong secret under an id in memory", 7));
    report.add(row("scope that the key has not", 8));
    store.close()?;
    other.close()?;
    Ok(())
}

/// What a second thread adds, to the verification of one key and to the floor alone.
fn two_threads(
    report: &mut Report,
    store: &keyfob::Store,
    token: &str,
    asked: &Requirement,
    scale: &Scale,
) {
    const BATCH: u64 = 1_000;
    let hashing = |_: usize| -> Work<'_> {
        Box::new(|| {
            for _ in 0..BATCH {
                black_box(floor(black_box(&[7; 55])));
            }
            BATCH
        })
    };
    let verifying = |_: usize| -> Work<'_> {
        Box::new(|| {
            for _ in 0..BATCH {
                let _ = black_box(store.verify(black_box(token), asked));
            }
            BATCH
        })
    };
    let each = Duration::from_millis(scale.milliseconds);
    let mut rates = vec![Vec::new(); 4];
    for _ in 0..15 {
        rates[0].push(rate(1, each, &hashing));
        rates[1].push(rate(2, each, &hashing));
        rates[2].push(rate(1, each, &verifying));
        rates[3].push(rate(2, each, &verifying));
    }
    let verified = compare(&rates[2..]);
    let hashed = compare(&rates[..2]);
    report.add(
        Row::new(
            "two threads, the same key",
            format!("{} /s", thousands(verified[1].ns)),
        )
        .beside(format!(
            "{} × one thread's; the floor itself gets {} × from a second thread here",
            times(verified[1].ratio),
            times(hashed[1].ratio)
        ))
        .at_least(verified[1].ratio, 1.9, "× one thread"),
    );
}
