//! `keyfob rotate`.

use clap::Args;
use keyfob::Rotate;

use crate::create::hand_over;
use crate::error::{Exit, Failure};
use crate::session::Session;
use crate::view::KeyView;
use crate::when::{parse_duration, shown_with_distance};

#[derive(Args, Debug)]
pub(crate) struct RotateArgs {
    /// The key
    key: String,
    /// How long the secret that is replaced stays good; without it that one ends now
    ///
    /// At most 90 days, and never beyond the key's expiry. While the grace of an earlier rotation
    /// runs, the newest secret is replaced and ends now, whatever is given here, and the old one keeps
    /// its deadline: the token of the earlier rotation may have been lost while everybody still
    /// uses the old one.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    grace: Option<i64>,
    /// End the grace of the old secret now; no new secret is made
    #[arg(long, conflicts_with_all = ["grace", "request_id"])]
    finish: bool,
    /// Makes this repeatable: the same again within 24 hours makes no second secret
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
}

pub(crate) fn run(args: RotateArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    session.with_store(|store, session| {
        let id = store.resolve(&args.key)?;
        if args.finish {
            let running = store.get(id)?.old_secret.is_some();
            let key = crate::interrupt::finishing(|| store.finish_rotation(id))?;
            session.screen.note(if running {
                format!("ended the old secret of key {id}")
            } else {
                format!("key {id} has no old secret that is still good")
            });
            if session.screen.json {
                session.screen.document(&KeyView::from(&key))?;
            }
            return Ok(Exit::Done);
        }
        let mut rotate = Rotate::with_grace(args.grace.unwrap_or(0));
        rotate.request_id = args.request_id;
        let before = store.get(id)?.old_secret.map(|old| old.grace_expires_at);
        let rotated = crate::interrupt::finishing(|| store.rotate(id, &rotate))?;
        let old = match rotated.grace_expires_at {
            None => "the old secret has ended".to_owned(),
            Some(until) => {
                let until_text = shown_with_distance(until);
                if before == Some(until) {
                    format!("a grace was running: the old secret stays good until {until_text}, and the one that was the newest has ended")
                } else {
                    format!("the old secret stays good until {until_text}")
                }
            }
        };
        let cut = if rotated.grace_cut {
            ", less than was asked for"
        } else {
            ""
        };
        if rotated.replayed {
            session.screen.note(format!(
                "this request rotated key {id} before; its token cannot be shown again"
            ));
        } else {
            session.screen.note(format!(
                "rotated key {id}, {}; {old}{cut}",
                rotated.key.hint
            ));
        }
        hand_over(
            session,
            &rotated.key,
            rotated.token.as_ref(),
            rotated.replayed,
            Some(rotated.grace_cut),
        )
    })
}
