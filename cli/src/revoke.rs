//! `keyfob revoke`.

use clap::Args;
use keyfob::{Reason, Revoke};

use crate::enable::apply;
use crate::error::{Exit, Failure};
use crate::selection::SelectionArgs;
use crate::session::Session;
use crate::view::KeyView;

fn reason(text: &str) -> Result<Reason, String> {
    Reason::from_name(text).ok_or_else(|| {
        let names: Vec<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();
        format!("use one of {}", names.join(", "))
    })
}

#[derive(Args, Debug)]
pub(crate) struct RevokeArgs {
    #[command(flatten)]
    selection: SelectionArgs,
    /// Revoke what the token on standard input, or in `KEYFOB_TOKEN`, belongs to: the current
    /// secret ends its key, the old one of a rotation ends itself
    #[arg(long, conflicts_with = "keys")]
    token: bool,
    /// With --token: end the key, whichever secret was given
    #[arg(long, requires = "token")]
    whole_key: bool,
    /// Why: `unspecified`, `key_compromise`, `affiliation_changed`, `superseded`,
    /// `privilege_withdrawn` or `cessation_of_operation`
    #[arg(long, value_parser = reason, default_value = "unspecified")]
    reason: Reason,
    /// Free text, kept with the key and in the log
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

pub(crate) fn run(args: RevokeArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let mut revoke = Revoke::because(args.reason);
    revoke.note = args.note;
    if args.token {
        if !args.selection.filter.filter().is_empty() {
            return Err(Failure::usage(
                "--token names the key; take the filter away",
            ));
        }
        let token = session.token()?;
        return session.with_store(|store, session| {
            let key = crate::interrupt::finishing(|| {
                store.revoke_token(&*token, args.whole_key, &revoke)
            })?;
            session.screen.note(if key.revocation.is_some() {
                format!("revoked key {}, {}", key.id, key.hint)
            } else {
                format!(
                    "revoked the old secret of key {}, {}; the key stays",
                    key.id, key.hint
                )
            });
            if session.screen.json {
                session.screen.document(&KeyView::from(&key))?;
            }
            Ok(Exit::Done)
        });
    }
    session.with_store(|store, session| {
        let ids = args.selection.resolve(store)?;
        apply(
            session,
            &ids,
            ("revoke", "revoked"),
            &args.selection,
            |id| store.revoke(id, &revoke),
            |batch| store.revoke_many(batch, &revoke),
            store,
        )
    })
}
