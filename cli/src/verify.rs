//! `keyfob verify` and `keyfob explain`. The token never comes as an argument.

use std::ffi::OsString;
use std::net::IpAddr;

use clap::Args;
use keyfob::{
    CheckOutcome, Credentials, Environment, MatchedSecret, Requirement, Scope, Verified,
    parse_authorization,
};
use serde_json::{Value, json};

use crate::error::{Exit, Failure};
use crate::session::Session;
use crate::show::joined;
use crate::table::{self, Column};
use crate::when::{rfc3339, shown_with_distance};

#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// A scope that the token must grant; all of those that are given
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
    scopes: Vec<String>,
    /// Scopes of which the token must grant at least one
    #[arg(long = "any-scope", value_name = "SCOPE", value_delimiter = ',')]
    any_scopes: Vec<String>,
    /// The project that it must be good in
    #[arg(long, conflicts_with = "any_project")]
    project: Option<String>,
    /// The tokens of any project will do
    #[arg(long)]
    any_project: bool,
    /// The environment that it must be of; `live` unless it is given
    #[arg(long = "env", value_name = "ENV", conflicts_with = "any_env")]
    environment: Option<Environment>,
    /// Any environment will do
    #[arg(long)]
    any_env: bool,
    /// The owner that it must have
    #[arg(long)]
    owner: Option<String>,
    /// The address that it came from
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<IpAddr>,
    /// Standard input holds the whole value of an `Authorization` header
    #[arg(long)]
    header: bool,
    // Whatever stands here is likely to be a token: it is refused without being shown.
    #[arg(hide = true)]
    misplaced: Vec<OsString>,
}

impl VerifyArgs {
    fn requirement(&self) -> Result<Requirement, Failure> {
        if !self.misplaced.is_empty() {
            return Err(Failure::usage(
                "a token is never given as an argument, where other users of this machine can see \
                 it; give it on standard input or in KEYFOB_TOKEN",
            ));
        }
        let mut requirement = Requirement::new().scopes(&self.scopes)?;
        if !self.any_scopes.is_empty() {
            requirement = requirement.any_scopes(&self.any_scopes)?;
        }
        if let Some(project) = &self.project {
            requirement = requirement.project(project)?;
        }
        if self.any_project {
            requirement = requirement.any_project();
        }
        if let Some(environment) = &self.environment {
            requirement = requirement.environment(*environment);
        }
        if self.any_env {
            requirement = requirement.any_environment();
        }
        if let Some(owner) = &self.owner {
            requirement = requirement.owner(owner)?;
        }
        if let Some(address) = self.ip {
            requirement = requirement.ip(address);
        }
        Ok(requirement)
    }
}

fn document(verified: &Verified) -> Value {
    json!({
        "key_id": verified.key_id().to_string(),
        "secret": match verified.matched() {
            MatchedSecret::Current => "current",
            MatchedSecret::Previous => "previous",
        },
        "owner": verified.owner(),
        "project": verified.project(),
        "environment": verified.environment().as_str(),
        "scopes": verified.scopes().iter().map(Scope::as_str).collect::<Vec<_>>(),
        "expires_at": verified.expires_at().map(rfc3339),
    })
}

pub(crate) fn verify(args: &VerifyArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let requirement = args.requirement()?;
    let presented = if args.header {
        session.header()?
    } else {
        session.token()?
    };
    session.with_store(|store, session| {
        let verified = if args.header {
            store
                .verify_authorization(&*presented, &requirement)?
                .ok_or(Failure::NoCredentials)?
        } else {
            store.verify(&*presented, &requirement)?
        };
        if session.screen.json {
            session.screen.document(&document(&verified))?;
            return Ok(Exit::Done);
        }
        // Name and hint are for people; the answer stands without them.
        let key = store.get(verified.key_id()).ok();
        let old = match verified.matched() {
            MatchedSecret::Current => "",
            MatchedSecret::Previous => " (the old secret, in its grace)",
        };
        let rows = [
            ("verified", format!("{}{old}", verified.key_id())),
            (
                "name",
                key.as_ref().map(|key| key.name.clone()).unwrap_or_default(),
            ),
            ("hint", key.map(|key| key.hint).unwrap_or_default()),
            ("scopes", joined(verified.scopes().iter())),
            ("project", verified.project().unwrap_or_default().to_owned()),
            ("owner", verified.owner().unwrap_or_default().to_owned()),
            (
                "expires",
                verified
                    .expires_at()
                    .map_or_else(|| "never".to_owned(), shown_with_distance),
            ),
        ];
        table::details(session.screen, &rows);
        Ok(Exit::Done)
    })
}

pub(crate) fn explain(args: &VerifyArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let requirement = args.requirement()?;
    let presented = if args.header {
        session.header()?
    } else {
        session.token()?
    };
    let token = if args.header {
        match parse_authorization(&presented) {
            Ok(Credentials::Token(token)) => token,
            Ok(_) => return Err(Failure::NoCredentials),
            Err(denied) => return Err(Failure::Denied(denied)),
        }
    } else {
        &presented
    };
    session.with_store(|store, session| {
        let explanation = store.explain(token, &requirement)?;
        let exit = if explanation.outcome.is_ok() { Exit::Done } else { Exit::No };
        if session.screen.json {
            let checks: Vec<Value> = explanation
                .checks
                .iter()
                .map(|(check, outcome)| {
                    let (word, code) = outcome_words(*outcome);
                    json!({ "check": check.name(), "outcome": word, "code": code.map(keyfob::Code::number) })
                })
                .collect();
            session.screen.document(&json!({
                "checks": checks,
                "key_id": explanation.key_id.map(|id| id.to_string()),
                "verified": explanation.outcome.as_ref().ok().map(document),
                "denied": explanation.outcome.as_ref().err().map(|denied| json!({
                    "code": denied.code().number(),
                    "name": denied.code().name(),
                    "message": denied.to_string(),
                })),
            }))?;
            return Ok(exit);
        }
        let rows = explanation.checks.iter().map(|(check, outcome)| {
            let (word, code) = outcome_words(*outcome);
            let code = code.map_or(String::new(), |code| format!("{} ({})", code.name(), code.number()));
            vec![check.name().to_owned(), word.to_owned(), code]
        });
        let columns = [Column::Whole("CHECK"), Column::Whole("OUTCOME"), Column::Whole("ANSWER")];
        table::print(session.screen, &columns, rows);
        if let Some(id) = explanation.key_id {
            session.screen.line(format!("\nkey       {id}"));
        } else {
            session.screen.line("");
        }
        session.screen.line(match explanation.outcome {
            Ok(_) => "outcome   verified".to_owned(),
            Err(denied) => {
                let code = denied.code();
                format!("outcome   denied: {} ({}): {denied}", code.name(), code.number())
            }
        });
        Ok(exit)
    })
}

fn outcome_words(outcome: CheckOutcome) -> (&'static str, Option<keyfob::Code>) {
    match outcome {
        CheckOutcome::Passed => ("passed", None),
        CheckOutcome::Failed(denied) => ("failed", Some(denied.code())),
        _ => ("not_reached", None),
    }
}
