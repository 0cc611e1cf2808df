//! Random sequences of changes against a plain map: what the store says of every token is what a
//! model says that was written down a second time, with reopening and time in between.
//!
//! `KEYFOB_MODEL_CASES` sets how many sequences are run.

mod common;

use std::collections::BTreeMap;

use common::{Home, START, code_of, environment, scopes, verify, with_wrong_secret};
use keyfob::{
    Change, Code, Expiry, KeyId, KeyUpdate, NewKey, NewProject, ProjectUpdate, Prune, Requirement,
    Revoke, Rotate, Timestamp,
};
use proptest::prelude::*;

/// A step. Keys and projects are chosen by number, among those that there are.
#[derive(Clone, Debug)]
enum Step {
    Create {
        project: Option<u8>,
        scope: u8,
        owner: Option<u8>,
        test: bool,
        life: Option<i64>,
        from: Option<i64>,
    },
    Disable(u8),
    Enable(u8),
    Revoke(u8),
    RevokeToken(u8, bool),
    Rotate(u8, i64),
    Finish(u8),
    Rename(u8),
    Expire(u8, Option<i64>),
    Rescope(u8, u8),
    Project(u8, u8, Option<u8>),
    Narrow(u8, u8),
    DisableProject(u8),
    EnableProject(u8),
    DeleteProject(u8),
    Prune,
    Advance(i64),
    SetBack(i64),
    Reopen,
}

const SCOPES: [&[&str]; 5] = [&[], &["a:b"], &["a:*"], &["a:b", "c"], &["*"]];

fn step() -> impl Strategy<Value = Step> {
    let key = any::<u8>;
    let project = || 0_u8..3;
    let owner = || proptest::option::of(0_u8..2);
    let scope = || 0_u8..5;
    prop_oneof![
        6 => (proptest::option::of(project()), scope(), owner(), proptest::bool::weighted(0.2), proptest::option::of(1_i64..60), proptest::option::weighted(0.2, -5_i64..30))
            .prop_map(|(project, scope, owner, test, life, from)| Step::Create { project, scope, owner, test, life, from }),
        1 => key().prop_map(Step::Disable),
        1 => key().prop_map(Step::Enable),
        1 => key().prop_map(Step::Revoke),
        2 => (key(), any::<bool>()).prop_map(|(key, whole)| Step::RevokeToken(key, whole)),
        4 => (key(), prop_oneof![Just(0_i64), 1_i64..60]).prop_map(|(key, grace)| Step::Rotate(key, grace)),
        1 => key().prop_map(Step::Finish),
        1 => key().prop_map(Step::Rename),
        2 => (key(), proptest::option::of(-5_i64..60)).prop_map(|(key, life)| Step::Expire(key, life)),
        1 => (key(), scope()).prop_map(|(key, scope)| Step::Rescope(key, scope)),
        3 => (project(), scope(), owner()).prop_map(|(project, scope, owner)| Step::Project(project, scope, owner)),
        1 => (project(), scope()).prop_map(|(project, scope)| Step::Narrow(project, scope)),
        1 => project().prop_map(Step::DisableProject),
        1 => project().prop_map(Step::EnableProject),
        1 => project().prop_map(Step::DeleteProject),
        1 => Just(Step::Prune),
        4 => (1_i64..30).prop_map(Step::Advance),
        1 => (1_i64..30).prop_map(Step::SetBack),
        1 => Just(Step::Reopen),
    ]
}

#[derive(Clone, Debug)]
struct Project {
    name: String,
    scopes: usize,
    owner: Option<String>,
    enabled: bool,
    deleted: bool,
}

#[derive(Clone, Debug)]
struct Key {
    project: Option<usize>,
    scopes: usize,
    owner: Option<String>,
    test: bool,
    from: Option<i64>,
    until: Option<i64>,
    enabled: bool,
    revoked: Option<i64>,
    current: String,
    old: Option<(String, i64)>,
}

/// What the model knows.
#[derive(Default)]
struct Model {
    keys: BTreeMap<KeyId, Key>,
    projects: Vec<Project>,
    /// Every token that there ever was, and whose it was.
    tokens: Vec<(String, KeyId)>,
    /// The latest time of a change.
    mark: i64,
}

/// `a:*` over `a:b`, written by hand.
fn one_grants(scope: &str, needed: &str) -> bool {
    match scope {
        "*" => true,
        "a:*" => needed.starts_with("a:"),
        other => other == needed,
    }
}

fn grants(set: usize, needed: &str) -> bool {
    SCOPES[set].iter().any(|scope| one_grants(scope, needed))
}

impl Model {
    fn project_named(&self, name: &str) -> Option<&Project> {
        self.projects.iter().find(|p| p.name == name && !p.deleted)
    }

    fn project_mut(&mut self, name: &str) -> Option<&mut Project> {
        self.projects
            .iter_mut()
            .find(|p| p.name == name && !p.deleted)
    }

    fn key(&self, number: u8) -> Option<KeyId> {
        let count = self.keys.len().max(1);
        self.keys.keys().nth(usize::from(number) % count).copied()
    }

    fn decide(&self, token: &str, id: KeyId, ask: &Ask, clock: i64) -> Code {
        let latest = clock.max(self.mark);
        let Some(key) = self.keys.get(&id) else {
            return Code::NOT_FOUND;
        };
        let ends = if key.current == token {
            key.until
        } else {
            match &key.old {
                Some((old, deadline)) if old == token => Some(*deadline),
                _ => return Code::NOT_FOUND,
            }
        };
        let project = key.project.map(|at| &self.projects[at]);
        if key.revoked.is_some() || project.is_some_and(|p| p.deleted) {
            return Code::REVOKED;
        }
        if !key.enabled || project.is_some_and(|p| !p.enabled) {
            return Code::DISABLED;
        }
        if key.from.is_some_and(|from| clock < from) {
            return Code::NOT_YET_VALID;
        }
        if ends.is_some_and(|end| latest >= end) || key.until.is_some_and(|end| latest >= end) {
            return Code::EXPIRED;
        }
        if ask.test.is_some_and(|test| test != key.test) {
            return Code::WRONG_ENVIRONMENT;
        }
        if ask.owner.is_some() && ask.owner != key.owner {
            return Code::WRONG_OWNER;
        }
        match (&ask.project, project) {
            (Asked::Any, _) | (Asked::Nothing, None) => {}
            (Asked::Named(name), Some(project)) if project.name == *name => {}
            (Asked::Nothing | Asked::Named(_), Some(_)) => return Code::WRONG_PROJECT,
            (Asked::Named(name), None) => match self.project_named(name) {
                None => return Code::WRONG_PROJECT,
                Some(stated) if stated.owner.is_some() && stated.owner != key.owner => {
                    return Code::WRONG_OWNER;
                }
                Some(_) => {}
            },
        }
        match ask.scope {
            Some(scope) if !grants(key.scopes, scope) => Code::INSUFFICIENT_SCOPE,
            Some(scope) if project.is_some_and(|p| !grants(p.scopes, scope)) => {
                Code::INSUFFICIENT_SCOPE
            }
            _ => Code::OK,
        }
    }
}

#[derive(Clone, Debug)]
enum Asked {
    Nothing,
    Any,
    Named(String),
}

#[derive(Clone, Debug)]
struct Ask {
    project: Asked,
    test: Option<bool>,
    owner: Option<String>,
    scope: Option<&'static str>,
}

/// One of the questions that there are, by number.
fn ask(number: usize) -> (Ask, Requirement) {
    let project = match number % 5 {
        0 => Asked::Nothing,
        1 | 2 => Asked::Any,
        other => Asked::Named(format!("p{}", other - 3)),
    };
    let test = [Some(false), None, None, Some(true)][number / 5 % 4];
    let owner = (number / 20).is_multiple_of(3).then(|| "o0".to_owned());
    let scope = [None, None, Some("a:b"), Some("a:x:y"), Some("c")][number / 60 % 5];
    let mut requirement = Requirement::new();
    requirement = match &project {
        Asked::Nothing => requirement,
        Asked::Any => requirement.any_project(),
        Asked::Named(name) => requirement.project(name).unwrap(),
    };
    requirement = match test {
        None => requirement.any_environment(),
        Some(false) => requirement,
        Some(true) => requirement.environment(environment("test")),
    };
    if let Some(owner) = &owner {
        requirement = requirement.owner(owner).unwrap();
    }
    if let Some(scope) = scope {
        requirement = requirement.scopes([scope]).unwrap();
    }
    (
        Ask {
            project,
            test,
            owner,
            scope,
        },
        requirement,
    )
}

struct Run {
    home: Home,
    model: Model,
}

impl Run {
    fn clock(&self) -> i64 {
        self.home.clock.now().unix()
    }

    fn latest(&self) -> i64 {
        self.clock().max(self.model.mark)
    }

    /// A change that was made carries the mark.
    fn carry(&mut self) {
        self.model.mark = self.latest();
    }

    #[allow(clippy::too_many_lines, reason = "one arm for each step")]
    fn step(&mut self, step: &Step) {
        let (clock, latest) = (self.clock(), self.latest());
        let store = self.home.store.clone();
        let chosen =
            |model: &Model, number: u8| model.key(number).map(|id| (id, model.keys[&id].clone()));
        match step {
            Step::Create {
                project,
                scope,
                owner,
                test,
                life,
                from,
            } => {
                let mut new = NewKey::new("key");
                new.project = project.map(|p| format!("p{p}"));
                new.scopes = scopes(SCOPES[usize::from(*scope)]);
                new.owner = owner.map(|o| format!("o{o}"));
                new.environment = environment(if *test { "test" } else { "live" });
                new.expires = life.map_or(Expiry::Never, Expiry::In);
                new.not_before = from.map(|from| Timestamp::from_unix(clock + from));
                let place = new.project.as_ref().map(|name| {
                    self.model
                        .projects
                        .iter()
                        .position(|p| p.name == *name && !p.deleted)
                });
                let bound = place.flatten().map(|at| self.model.projects[at].clone());
                let within = |p: &Project| {
                    SCOPES[usize::from(*scope)].iter().all(|s| {
                        SCOPES[p.scopes]
                            .iter()
                            .any(|own| own == s || (*s != "*" && one_grants(own, s)))
                    })
                };
                let expected = if place == Some(None) {
                    Code::NO_SUCH_PROJECT
                } else if bound.as_ref().is_some_and(|p| !p.enabled) {
                    Code::PROJECT_IS_DISABLED
                } else if bound.as_ref().is_some_and(|p| !within(p)) {
                    Code::SCOPE_NOT_ALLOWED
                } else if life.is_some_and(|life| clock + life <= latest) {
                    Code::CLOCK_IS_BEHIND
                } else if from.zip(*life).is_some_and(|(from, life)| from >= life) {
                    Code::INVALID_TIME
                } else {
                    Code::OK
                };
                let created = store.create(&new);
                assert_eq!(code_of(&created), expected);
                if let Ok(created) = created {
                    let token = created.token.unwrap().expose().to_owned();
                    self.model.tokens.push((token.clone(), created.key.id));
                    let key = Key {
                        project: place.flatten(),
                        scopes: usize::from(*scope),
                        owner: new.owner.or(bound.and_then(|p| p.owner)),
                        test: *test,
                        from: from.map(|from| clock + from),
                        until: life.map(|life| clock + life),
                        enabled: true,
                        revoked: None,
                        current: token,
                        old: None,
                    };
                    self.model.keys.insert(created.key.id, key);
                    self.carry();
                }
            }
            Step::Disable(n) | Step::Enable(n) => {
                let enabled = matches!(step, Step::Enable(_));
                let Some((id, key)) = chosen(&self.model, *n) else {
                    return;
                };
                let answer = if enabled {
                    store.enable(id)
                } else {
                    store.disable(id)
                };
                let expected = if key.revoked.is_some() {
                    Code::KEY_IS_REVOKED
                } else {
                    Code::OK
                };
                assert_eq!(code_of(&answer), expected);
                if answer.is_ok() && key.enabled != enabled {
                    self.model.keys.get_mut(&id).unwrap().enabled = enabled;
                    self.carry();
                }
            }
            Step::Revoke(n) => {
                let Some((id, key)) = chosen(&self.model, *n) else {
                    return;
                };
                store.revoke(id, &Revoke::default()).unwrap();
                if key.revoked.is_none() {
                    self.model.keys.get_mut(&id).unwrap().revoked = Some(clock);
                    self.carry();
                }
            }
            Step::RevokeToken(n, whole) => {
                let count = self.model.tokens.len().max(1);
                let Some((token, id)) = self.model.tokens.get(usize::from(*n) % count).cloned()
                else {
                    return;
                };
                let answer = code_of(&store.revoke_token(&token, *whole, &Revoke::default()));
                let found = self
                    .model
                    .keys
                    .get_mut(&id)
                    .filter(|key| key.revoked.is_none());
                let expected = match found {
                    Some(key) if key.current == token => {
                        key.revoked = Some(clock);
                        Code::OK
                    }
                    Some(key)
                        if key
                            .old
                            .as_ref()
                            .is_some_and(|(old, end)| *old == token && latest < *end) =>
                    {
                        if *whole {
                            key.revoked = Some(clock);
                        } else {
                            key.old = None;
                        }
                        Code::OK
                    }
                    _ => Code::NOT_FOUND,
                };
                assert_eq!(answer, expected);
                if answer == Code::OK {
                    self.carry();
                }
            }
            Step::Rotate(n, grace) => {
                let Some((id, key)) = chosen(&self.model, *n) else {
                    return;
                };
                let answer = store.rotate(id, &Rotate::with_grace(*grace));
                let expected = if key.revoked.is_some() {
                    Code::KEY_IS_REVOKED
                } else if key.until.is_some_and(|end| latest >= end) {
                    Code::KEY_IS_EXPIRED
                } else {
                    Code::OK
                };
                assert_eq!(code_of(&answer), expected);
                if let Ok(rotated) = answer {
                    let token = rotated.token.unwrap().expose().to_owned();
                    self.model.tokens.push((token.clone(), id));
                    let key = self.model.keys.get_mut(&id).unwrap();
                    let before = std::mem::replace(&mut key.current, token);
                    if key.old.as_ref().is_none_or(|(_, end)| latest >= *end) {
                        let end = (latest + grace).min(key.until.unwrap_or(i64::MAX));
                        key.old = (*grace > 0).then_some((before, end));
                    }
                    assert_eq!(
                        rotated.grace_expires_at.map(Timestamp::unix),
                        key.old.as_ref().map(|(_, end)| *end)
                    );
                    self.carry();
                }
            }
            Step::Finish(n) => {
                let Some((id, key)) = chosen(&self.model, *n) else {
                    return;
                };
                let answer = code_of(&store.finish_rotation(id));
                let expected = if key.revoked.is_some() {
                    Code::KEY_IS_REVOKED
                } else {
                    Code::OK
                };
                assert_eq!(answer, expected);
                if answer == Code::OK && key.old.is_some_and(|(_, end)| latest < end) {
                    self.model.keys.get_mut(&id).unwrap().old = None;
                    self.carry();
                }
            }
            Step::Rename(n) => {
                let Some((id, key)) = chosen(&self.model, *n) else {
                    return;
                };
                let mut update = KeyUpdate::default();
                update.name = Some(format!("{clock}"));
                let changes = store.get(id).unwrap().name != format!("{clock}");
                let answer = code_of(&store.update(id, &update));
                let expected = if key.revoked.is_some() {
                    Code::KEY_IS_REVOKED
                } else {
                    Code::OK
                };
                assert_eq!(answer, expected);
                if answer == Code::OK && changes {
                    self.carry();
                }
            }
            Step::Expire(n, life) => {
                let Some((id, key)) = chosen(&self.model, *n) else {
                    return;
                };
                let mut update = KeyUpdate::default();
                update.expires = life.map_or(Change::Clear, |life| Change::Set(Expiry::In(life)));
                let until = life.map(|life| clock + life);
                let answer = code_of(&store.update(id, &update));
                let expected = if key.revoked.is_some() {
                    Code::KEY_IS_REVOKED
                } else if life.is_some_and(|life| life <= 0) {
                    Code::INVALID_TIME
                } else if until != key.until && until.is_some_and(|until| until <= latest) {
                    Code::CLOCK_IS_BEHIND
                } else if until
                    .zip(key.from)
                    .is_some_and(|(until, from)| from >= until)
                {
                    Code::INVALID_TIME
                } else {
                    Code::OK
                };
                assert_eq!(answer, expected);
                if answer == Code::OK && key.until != until {
                    let key = self.model.keys.get_mut(&id).unwrap();
                    key.until = until;
                    if let (Some((_, end)), Some(until)) = (&mut key.old, until) {
                        *end = until.min(*end);
                    }
                    self.carry();
                }
            }
            Step::Rescope(n, scope) => {
                let Some((id, key)) = chosen(&self.model, *n) else {
                    return;
                };
                if key.project.is_some() {
                    return;
                }
                let mut update = KeyUpdate::default();
                update.scopes = Change::Set(scopes(SCOPES[usize::from(*scope)]));
                let answer = code_of(&store.update(id, &update));
                if answer == Code::OK && key.scopes != usize::from(*scope) {
                    self.model.keys.get_mut(&id).unwrap().scopes = usize::from(*scope);
                    self.carry();
                }
            }
            Step::Project(n, scope, owner) => {
                let mut new = NewProject::new(format!("p{n}"));
                new.scopes = scopes(SCOPES[usize::from(*scope)]);
                new.owner = owner.map(|o| format!("o{o}"));
                let answer = code_of(&store.create_project(&new));
                if self.model.project_named(&new.name).is_some() {
                    assert_eq!(answer, Code::NAME_TAKEN);
                } else {
                    assert_eq!(answer, Code::OK);
                    self.model.projects.push(Project {
                        name: new.name,
                        scopes: usize::from(*scope),
                        owner: new.owner,
                        enabled: true,
                        deleted: false,
                    });
                    self.carry();
                }
            }
            Step::Narrow(n, scope) => {
                let mut update = ProjectUpdate::default();
                update.scopes = Change::Set(scopes(SCOPES[usize::from(*scope)]));
                let answer = store.update_project(&format!("p{n}"), &update);
                self.project(*n, code_of(&answer), |p| {
                    std::mem::replace(&mut p.scopes, usize::from(*scope)) != usize::from(*scope)
                });
            }
            Step::DisableProject(n) => {
                let answer = store.disable_project(&format!("p{n}"));
                self.project(*n, code_of(&answer), |p| {
                    std::mem::replace(&mut p.enabled, false)
                });
            }
            Step::EnableProject(n) => {
                let answer = store.enable_project(&format!("p{n}"));
                self.project(*n, code_of(&answer), |p| {
                    !std::mem::replace(&mut p.enabled, true)
                });
            }
            Step::DeleteProject(n) => {
                let answer = store.delete_project(&format!("p{n}"));
                self.project(*n, code_of(&answer), |p| {
                    !std::mem::replace(&mut p.deleted, true)
                });
            }
            Step::Prune => {
                let mut prune = Prune::default();
                prune.revoked_before = Some(Timestamp::from_unix(clock));
                prune.expired_before = Some(Timestamp::from_unix(clock));
                let pruned = store.prune(&prune).unwrap();
                let before = self.model.keys.len();
                self.model.keys.retain(|_, key| {
                    key.revoked.is_none_or(|at| at >= clock)
                        && key.until.is_none_or(|end| end >= clock)
                });
                let gone = before - self.model.keys.len();
                assert_eq!(pruned.keys, gone as u64);
                if pruned.keys + pruned.projects > 0 {
                    self.carry();
                }
            }
            Step::Advance(by) => self.home.clock.advance(*by),
            Step::SetBack(by) => self.home.clock.advance(-by),
            Step::Reopen => {
                drop(store);
                self.home.reopen();
            }
        }
    }

    fn project(&mut self, number: u8, answer: Code, change: impl FnOnce(&mut Project) -> bool) {
        match self.model.project_mut(&format!("p{number}")) {
            None => assert_eq!(answer, Code::NO_SUCH_PROJECT),
            Some(project) => {
                assert_eq!(answer, Code::OK);
                if change(project) {
                    self.carry();
                }
            }
        }
    }

    /// Asks of several tokens, the last among them, and of a wrong one.
    fn check(&mut self, seed: usize) {
        let store = self.home.store.clone();
        let clock = self.clock();
        let count = self.model.tokens.len();
        let asked = (0..count.min(4)).map(|i| {
            let at = if i == 0 {
                count - 1
            } else {
                (seed / 7 + i * 31) % count
            };
            (at, seed + i * 97)
        });
        let mut good = false;
        for (at, question) in asked {
            let (token, id) = &self.model.tokens[at];
            let (ask, requirement) = ask(question);
            let expected = self.model.decide(token, *id, &ask, clock);
            assert_eq!(
                verify(&store, token, &requirement),
                expected,
                "{ask:?} at {} of {:?}",
                clock - START,
                self.model.keys.get(id)
            );
            good |= expected == Code::OK;
            assert_eq!(
                verify(&store, &with_wrong_secret(token), &requirement),
                Code::NOT_FOUND
            );
        }
        if good {
            // So that the model knows when the mark moves: uses would carry it at some later time.
            store.flush().unwrap();
            self.carry();
        }
        assert_eq!(
            store.count(&keyfob::Filter::default()).unwrap(),
            self.model.keys.len() as u64
        );
    }
}

#[test]
fn the_store_does_what_a_plain_map_does() {
    let cases = std::env::var("KEYFOB_MODEL_CASES").ok();
    let cases = cases.map_or(2_000, |text| text.parse().expect("a number of sequences"));
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    });
    let sequences = (proptest::collection::vec(step(), 30), any::<u16>());
    let seen = std::cell::RefCell::new(BTreeMap::<String, u32>::new());
    runner
        .run(&sequences, |(steps, seed)| {
            let mut run = Run {
                home: Home::new(),
                model: Model {
                    mark: START,
                    ..Model::default()
                },
            };
            for (number, step) in steps.iter().enumerate() {
                run.step(step);
                let question = usize::from(seed) + number * 131;
                run.check(question);
                if let Some((token, id)) = run.model.tokens.last() {
                    let answer = run.model.decide(token, *id, &ask(question).0, run.clock());
                    *seen
                        .borrow_mut()
                        .entry(answer.name().to_owned())
                        .or_default() += 1;
                }
            }
            Ok(())
        })
        .unwrap();
    // A model that never meets a case proves nothing of it.
    if cases >= 100 {
        for name in [
            "OK",
            "NOT_FOUND",
            "REVOKED",
            "DISABLED",
            "NOT_YET_VALID",
            "EXPIRED",
            "WRONG_ENVIRONMENT",
            "WRONG_PROJECT",
            "WRONG_OWNER",
            "INSUFFICIENT_SCOPE",
        ] {
            assert!(
                seen.borrow().contains_key(name),
                "{name} was never met: {seen:?}"
            );
        }
    }
}
