//! `keyfob create`, and how a new token is handed over.

use std::collections::BTreeMap;

use clap::Args;
use ipnet::IpNet;
use keyfob::{Environment, Expiry, KeyInfo, NewKey, ScopeSet, Token};

use crate::error::{Exit, Failure};
use crate::session::Session;
use crate::view::IssuedView;
use crate::when::{When, parse, parse_duration, shown_with_distance};

#[derive(Args, Debug)]
pub(crate) struct CreateArgs {
    /// What people call the key; need not be unique
    name: String,
    /// What it may do; repeat it for more
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
    scopes: Vec<String>,
    /// The project that it is bound to
    #[arg(long)]
    project: Option<String>,
    /// Its environment, part of the token; `live` unless it is given
    #[arg(long = "env", value_name = "ENV")]
    environment: Option<Environment>,
    /// Whom it belongs to; the project's owner unless it is given
    #[arg(long)]
    owner: Option<String>,
    /// When it expires: a time, a duration or never; as the policy says unless it is given
    #[arg(long, value_name = "WHEN", value_parser = parse)]
    expires: Option<When>,
    /// From when on it is good
    #[arg(long, value_name = "WHEN", value_parser = parse)]
    not_before: Option<When>,
    /// A pair of your own; repeat it for more
    #[arg(long = "meta", value_name = "KEY=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
    /// A label to list by; repeat it for more
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// An address or range that it is good from, and from no other; repeat it for more
    #[arg(long = "ip", value_name = "CIDR", value_parser = range)]
    ip_list: Vec<IpNet>,
    /// After how long it should be rotated; a reminder
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    rotation_due: Option<i64>,
    /// Makes this repeatable: the same again within 24 hours makes no second key
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
}

/// Reads `key=value`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("use KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Reads an address or a range.
pub(crate) fn range(text: &str) -> Result<IpNet, String> {
    text.parse()
        .or_else(|_| text.parse().map(|address: std::net::IpAddr| address.into()))
        .map_err(|_| "use an address or a range such as 10.0.0.0/8".to_owned())
}

/// Pairs as a map; naming one twice would lose one of them.
pub(crate) fn map(pairs: Vec<(String, String)>) -> Result<BTreeMap<String, String>, Failure> {
    let mut map = BTreeMap::new();
    for (key, value) in pairs {
        if map.contains_key(&key) {
            return Err(Failure::usage(format!("--meta names {key:?} twice")));
        }
        map.insert(key, value);
    }
    Ok(map)
}

/// An expiry as the library takes it.
pub(crate) fn expiry(when: Option<When>) -> Expiry {
    match when {
        None => Expiry::Default,
        Some(When::Never) => Expiry::Never,
        Some(When::At(at)) => Expiry::At(at),
        Some(When::In(seconds)) => Expiry::In(seconds),
    }
}

pub(crate) fn run(args: CreateArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let mut new = NewKey::new(args.name);
    new.scopes = ScopeSet::parse(&args.scopes)?;
    new.project = args.project;
    new.environment = args.environment.unwrap_or_default();
    new.owner = args.owner;
    new.expires = expiry(args.expires);
    new.not_before = args.not_before.and_then(When::ahead);
    new.metadata = map(args.metadata)?;
    new.tags = args.tags.into_iter().collect();
    new.ip_list = args.ip_list;
    new.rotation_due_after = args.rotation_due;
    new.request_id = args.request_id;
    session.with_store(|store, session| {
        let created = crate::interrupt::finishing(|| store.create(&new))?;
        let key = &created.key;
        let expiry = key.expires_at.map_or_else(
            || "never expires".to_owned(),
            |at| format!("expires {}", shown_with_distance(at)),
        );
        if created.replayed {
            session.screen.note(format!(
                "this request made key {} before, {}; its token cannot be shown again",
                key.id, key.hint
            ));
        } else {
            session
                .screen
                .note(format!("created key {}, {}, {expiry}", key.id, key.hint));
        }
        hand_over(session, key, created.token.as_ref(), created.replayed, None)
    })
}

/// Prints a token alone on standard output, or in the one member of the document.
pub(crate) fn hand_over(
    session: &mut Session<'_, '_>,
    key: &KeyInfo,
    token: Option<&Token>,
    replayed: bool,
    grace_cut: Option<bool>,
) -> Result<Exit, Failure> {
    if session.screen.json {
        session.screen.document(&IssuedView {
            key: key.into(),
            token: token.map(Token::expose),
            replayed,
            grace_cut,
        })?;
        session.screen.deliver()?;
    } else if let Some(token) = token {
        session.screen.token(token)?;
    }
    Ok(Exit::Done)
}
