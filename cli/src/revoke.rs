//! `keyfob revoke`.

use clap::Args;
use keyfob::{Reason, Revoke};

use crate::args::one_of;
use crate::enable::apply;
use crate::error::{Exit, Failure};
use crate::selection::SelectionArgs;
use crate::session::Session;
use crate::view::KeyView;

#[derive(Args, Debug)]
pub(crate) struct RevokeArgs {
    /// Revoke what the token on standard input, or in `KEYFOB_TOKEN`, belongs to
    ///
    /// The current secret ends its key; the old one, during its grace, ends itself.
    #[arg(long, conflicts_with = "keys")]
    token: bool,
    /// With --token: end the key, whichever secret was given
    #[arg(long, requires = "token")]
    whole_key: bool,
    /// Why
    #[arg(long, value_parser = one_of(&Reason::ALL, |reason| reason.name()), default_value = "unspecified")]
    reason: Reason,
    /// Free text, kept with the key and in the log
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    // Last, since its heading goes on to what follows.
    #[command(flatten)]
    selection: SelectionArgs,
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
