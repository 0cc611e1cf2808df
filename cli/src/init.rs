//! `keyfob init`.

use clap::Args;
use serde_json::json;

use crate::error::{Exit, Failure};
use crate::policy::PolicyFlags;
use crate::session::Session;

#[derive(Args, Debug)]
pub(crate) struct InitArgs {
    /// What the store's tokens begin with: `[a-z][a-z0-9_]{0,19}`
    #[arg(long)]
    prefix: String,
    #[command(flatten)]
    policy: PolicyFlags,
}

pub(crate) fn run(args: &InitArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let path = session.path()?;
    let policy = args.policy.applied_to(keyfob::Policy::default());
    let options = session.options()?.prefix(&args.prefix)?.policy(policy)?;
    let store = crate::interrupt::finishing(|| options.create(&path))?;
    if session.screen.json {
        session.screen.document(&json!({
            "store": path.to_string_lossy(),
            "prefix": args.prefix,
            "scanner_expression": keyfob::scanner_expression(store.prefix()),
        }))?;
    } else {
        session.screen.note(format!(
            "created {} for tokens that begin with {}_",
            path.display(),
            args.prefix
        ));
    }
    store.close()?;
    Ok(Exit::Done)
}
