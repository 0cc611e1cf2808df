//! `keyfob update`.

use clap::Args;
use ipnet::IpNet;
use keyfob::{Change, KeyUpdate, ScopeSet};

use crate::create::{expiry, map, pair, range};
use crate::error::{Exit, Failure};
use crate::session::Session;
use crate::table;
use crate::view::KeyView;
use crate::when::{When, parse};

#[derive(Args, Debug)]
#[group(id = "changes")]
pub(crate) struct UpdateArgs {
    /// The key
    key: String,
    /// What people call it
    #[arg(long)]
    name: Option<String>,
    /// What it may do, in place of what it may do now; repeat it for more
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
    scopes: Vec<String>,
    /// Take all scopes away
    #[arg(long, conflicts_with = "scopes")]
    no_scopes: bool,
    /// Whom it belongs to
    #[arg(long)]
    owner: Option<String>,
    /// It belongs to nobody
    #[arg(long, conflicts_with = "owner")]
    no_owner: bool,
    /// When it expires: a time, a duration or never
    #[arg(long, value_name = "WHEN", value_parser = parse)]
    expires: Option<When>,
    /// From when on it is good; never clears it
    #[arg(long, value_name = "WHEN", value_parser = parse)]
    not_before: Option<When>,
    /// Sets a pair; KEY= removes it; repeat it for more
    #[arg(long = "meta", value_name = "KEY=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
    /// Remove all pairs, before those of --meta are set
    #[arg(long)]
    no_meta: bool,
    /// All of its labels; repeat it for more
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Remove all labels
    #[arg(long, conflicts_with = "tags")]
    no_tags: bool,
    /// All of the addresses and ranges that it is good from; repeat it for more
    #[arg(long = "ip", value_name = "CIDR", value_parser = range)]
    ip_list: Vec<IpNet>,
    /// It is good from any address
    #[arg(long, conflicts_with = "ip_list")]
    no_ip: bool,
    /// After how long it should be rotated; never clears it
    #[arg(long, value_name = "DURATION", value_parser = rotation)]
    rotation_due: Option<When>,
}

fn rotation(text: &str) -> Result<When, String> {
    if text == "never" {
        return Ok(When::Never);
    }
    crate::when::parse_duration(text).map(When::In)
}

/// The change of a field with a flag that sets it and one that clears it.
fn change<T>(set: Option<T>, clear: bool) -> Change<T> {
    match set {
        Some(value) => Change::Set(value),
        None if clear => Change::Clear,
        None => Change::Keep,
    }
}

/// Something, unless it is empty.
fn given<T>(values: Vec<T>) -> Option<Vec<T>> {
    (!values.is_empty()).then_some(values)
}

pub(crate) fn run(args: UpdateArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let mut update = KeyUpdate::default();
    update.name = args.name;
    let scopes = given(args.scopes).map(ScopeSet::parse).transpose()?;
    update.scopes = change(scopes, args.no_scopes);
    update.owner = change(args.owner, args.no_owner);
    update.expires = match args.expires {
        None => Change::Keep,
        Some(When::Never) => Change::Clear,
        some => Change::Set(expiry(some)),
    };
    update.not_before = match args.not_before {
        None => Change::Keep,
        Some(when) => change(when.ahead(), true),
    };
    update.metadata = change(None, args.no_meta);
    update.metadata_pairs = map(args.metadata)?
        .into_iter()
        .map(|(key, value)| (key, (!value.is_empty()).then_some(value)))
        .collect();
    update.tags = change(
        given(args.tags).map(|tags| tags.into_iter().collect()),
        args.no_tags,
    );
    update.ip_list = change(given(args.ip_list), args.no_ip);
    update.rotation_due_after = match args.rotation_due {
        None => Change::Keep,
        Some(When::In(seconds)) => Change::Set(seconds),
        Some(_) => Change::Clear,
    };
    if update == KeyUpdate::default() {
        return Err(Failure::usage(
            "name at least one thing to change; `keyfob update --help` lists them",
        ));
    }
    session.with_store(|store, session| {
        let id = store.resolve(&args.key)?;
        let key = crate::interrupt::finishing(|| store.update(id, &update))?;
        session.screen.note(format!("updated key {id}"));
        if session.screen.json {
            session.screen.document(&KeyView::from(&key))?;
        } else {
            table::details(session.screen, &crate::show::rows(&key));
        }
        Ok(Exit::Done)
    })
}
