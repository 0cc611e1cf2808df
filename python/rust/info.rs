//! What the store answers, as the values of `keyfob._info`.

use keyfob::{
    Backup, CheckOutcome, Code, Compacted, Denied, Explanation, IntegrityReport, KeyInfo, KeyState,
    OldSecret, PepperInfo, Policy, ProjectInfo, Pruned, Restored, Revocation, ScopeSet, SecretUse,
    StoreInfo, Timestamp,
};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyFrozenSet, PyTuple};

/// A class or function of the package, looked up once.
macro_rules! python {
    ($py:expr, $module:literal, $name:literal) => {{
        static CELL: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        CELL.import($py, $module, $name)
    }};
}
pub(crate) use python;

/// Makes a value of a class from its fields, by name.
macro_rules! make {
    ($py:expr, $name:literal, { $($field:ident: $value:expr,)* }) => {{
        let fields = PyDict::new($py);
        $(fields.set_item(stringify!($field), $value)?;)*
        python!($py, "keyfob._info", $name)?.call((), Some(&fields))
    }};
}
pub(crate) use make;

/// A time in UTC.
pub(crate) fn datetime(py: Python<'_>, at: Timestamp) -> PyResult<Bound<'_, PyAny>> {
    datetime_ms(py, at.unix().saturating_mul(1_000))
}

/// What a `datetime` in UTC can show, in milliseconds: from the year 1 to 9999.
const SHOWN_MS: (i64, i64) = (-62_135_596_800_000, 253_402_300_799_999);
/// What a `timedelta` can show, in seconds.
const LONGEST_SECONDS: i64 = 999_999_999 * 24 * 60 * 60 + 86_399;

/// Whether a `datetime` in UTC can show a time, of seconds.
pub(crate) fn is_shown(unix: i64) -> bool {
    let (first, last) = SHOWN_MS;
    (first..=last).contains(&unix.saturating_mul(1_000))
}

/// A time in UTC, of milliseconds: the first or last that there is where it is before or after that,
/// so that no row, whoever wrote it, keeps any other from being read.
pub(crate) fn datetime_ms(py: Python<'_>, ms: i64) -> PyResult<Bound<'_, PyAny>> {
    static EPOCH: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let epoch = EPOCH.get_or_try_init(py, || {
        let datetime = py.import("datetime")?;
        let utc = datetime.getattr("timezone")?.getattr("utc")?;
        let class = datetime.getattr("datetime")?;
        PyResult::Ok(class.call_method1("fromtimestamp", (0, utc))?.unbind())
    })?;
    let ms = ms.clamp(SHOWN_MS.0, SHOWN_MS.1);
    let passed = python!(py, "datetime", "timedelta")?.call1((
        0,
        ms.div_euclid(1_000),
        0,
        ms.rem_euclid(1_000),
    ))?;
    epoch.bind(py).add(passed)
}

pub(crate) fn maybe_datetime(
    py: Python<'_>,
    at: Option<Timestamp>,
) -> PyResult<Option<Bound<'_, PyAny>>> {
    at.map(|at| datetime(py, at)).transpose()
}

pub(crate) fn duration(py: Python<'_>, seconds: Option<i64>) -> PyResult<Option<Bound<'_, PyAny>>> {
    let class = python!(py, "datetime", "timedelta")?;
    seconds
        .map(|seconds| class.call1((0, seconds.min(LONGEST_SECONDS))))
        .transpose()
}

pub(crate) fn scope_set<'py>(
    py: Python<'py>,
    scopes: &ScopeSet,
) -> PyResult<Bound<'py, PyFrozenSet>> {
    PyFrozenSet::new(py, scopes.iter().map(|scope| scope.as_str()))
}

pub(crate) fn ranges<'py>(
    py: Python<'py>,
    ranges: &[ipnet::IpNet],
) -> PyResult<Bound<'py, PyTuple>> {
    let class = python!(py, "ipaddress", "ip_network")?;
    let each = ranges.iter().map(|range| class.call1((range.to_string(),)));
    PyTuple::new(py, each.collect::<PyResult<Vec<_>>>()?)
}

pub(crate) fn frozen_map<'py>(
    py: Python<'py>,
    pairs: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    python!(py, "keyfob._info", "FrozenMap")?.call1((pairs,))
}

fn secret_use<'py>(py: Python<'py>, used: &SecretUse) -> PyResult<Bound<'py, PyAny>> {
    make!(py, "SecretUse", {
        last_used_at: maybe_datetime(py, used.last_used_at)?,
        uses: used.uses,
    })
}

fn old_secret<'py>(py: Python<'py>, old: &OldSecret) -> PyResult<Bound<'py, PyAny>> {
    make!(py, "OldSecret", {
        grace_expires_at: datetime(py, old.grace_expires_at)?,
        used: secret_use(py, &old.used)?,
    })
}

fn revocation<'py>(py: Python<'py>, revoked: &Revocation) -> PyResult<Bound<'py, PyAny>> {
    make!(py, "Revocation", {
        at: datetime(py, revoked.at)?,
        reason: python!(py, "keyfob._enums", "Reason")?.call1((revoked.reason.name(),))?,
        note: &revoked.note,
    })
}

fn state(py: Python<'_>, state: KeyState) -> PyResult<Bound<'_, PyAny>> {
    python!(py, "keyfob._enums", "KeyState")?.call1((state.name(),))
}

pub(crate) fn key_info<'py>(py: Python<'py>, key: &KeyInfo) -> PyResult<Bound<'py, PyAny>> {
    let metadata = PyDict::new(py);
    for (name, value) in &key.metadata {
        metadata.set_item(name, value)?;
    }
    let revoked = key.revocation.as_ref();
    let old = key.old_secret.as_ref();
    make!(py, "KeyInfo", {
        id: key.id.to_string(),
        hint: &key.hint,
        name: &key.name,
        scopes: scope_set(py, &key.scopes)?,
        project: &key.project,
        environment: key.environment.as_str(),
        owner: &key.owner,
        state: state(py, key.state)?,
        state_by_project: key.state_by_project,
        created_at: datetime(py, key.created_at)?,
        updated_at: datetime(py, key.updated_at)?,
        expires_at: maybe_datetime(py, key.expires_at)?,
        not_before: maybe_datetime(py, key.not_before)?,
        metadata: frozen_map(py, &metadata)?,
        tags: PyFrozenSet::new(py, &key.tags)?,
        ip_list: ranges(py, &key.ip_list)?,
        revocation: revoked.map(|revoked| revocation(py, revoked)).transpose()?,
        rotated_at: datetime(py, key.rotated_at)?,
        rotation_due_after: duration(py, key.rotation_due_after)?,
        rotation_due_at: maybe_datetime(py, key.rotation_due_at)?,
        used: secret_use(py, &key.used)?,
        old_secret: old.map(|old| old_secret(py, old)).transpose()?,
        used_before: secret_use(py, &key.used_before)?,
        last_used_at: maybe_datetime(py, key.last_used_at())?,
        imported: key.imported,
        sequence: key.sequence,
    })
}

pub(crate) fn project_info<'py>(
    py: Python<'py>,
    project: &ProjectInfo,
) -> PyResult<Bound<'py, PyAny>> {
    make!(py, "ProjectInfo", {
        id: project.id.to_string(),
        name: &project.name,
        scopes: scope_set(py, &project.scopes)?,
        owner: &project.owner,
        enabled: project.enabled,
        deleted_at: maybe_datetime(py, project.deleted_at)?,
        created_at: datetime(py, project.created_at)?,
        updated_at: datetime(py, project.updated_at)?,
    })
}

pub(crate) fn pruned<'py>(py: Python<'py>, pruned: &Pruned) -> PyResult<Bound<'py, PyAny>> {
    make!(py, "Pruned", {
        keys: pruned.keys,
        projects: pruned.projects,
    })
}

pub(crate) fn policy<'py>(py: Python<'py>, policy: &Policy) -> PyResult<Bound<'py, PyAny>> {
    make!(py, "Policy", {
        default_lifetime: duration(py, policy.default_lifetime)?,
        longest_lifetime: duration(py, policy.longest_lifetime)?,
        expiry_required: policy.expiry_required,
        most_keys_per_owner: policy.most_keys_per_owner,
    })
}

pub(crate) fn backup<'py>(py: Python<'py>, backup: &Backup) -> PyResult<Bound<'py, PyAny>> {
    make!(py, "Backup", {
        sequence: backup.sequence,
        keys: backup.keys,
        bytes: backup.bytes,
    })
}

pub(crate) fn compacted<'py>(
    py: Python<'py>,
    compacted: &Compacted,
) -> PyResult<Bound<'py, PyAny>> {
    make!(py, "Compacted", {
        bytes_before: compacted.bytes_before,
        bytes_after: compacted.bytes_after,
    })
}

pub(crate) fn restored<'py>(py: Python<'py>, restored: &Restored) -> PyResult<Bound<'py, PyAny>> {
    let keys = |keys: &[KeyInfo]| {
        let each = keys.iter().map(|key| key_info(py, key));
        PyTuple::new(py, each.collect::<PyResult<Vec<_>>>()?)
    };
    make!(py, "Restored", {
        keys: restored.keys,
        projects: restored.projects,
        sequence: restored.sequence,
        common_sequence: restored.common_sequence,
        kept_away: restored.kept_away,
        conflicts: keys(&restored.conflicts)?,
        project_conflicts: PyTuple::new(py, &restored.project_conflicts)?,
        uncertain: keys(&restored.uncertain)?,
        set_aside: restored.set_aside.as_ref(),
    })
}

pub(crate) fn store_info<'py>(py: Python<'py>, info: &StoreInfo) -> PyResult<Bound<'py, PyAny>> {
    let pepper = match info.pepper {
        PepperInfo::None => "none",
        PepperInfo::Set => "set",
        _ => "changing",
    };
    make!(py, "StoreInfo", {
        path: &info.path,
        format: info.format,
        store_id: PyBytes::new(py, &info.store_id),
        prefix: info.prefix.as_str(),
        created_at: datetime(py, info.created_at)?,
        sequence: info.sequence,
        head: PyBytes::new(py, &info.head),
        log_begins_after: info.log_begins_after,
        keys: info.keys,
        projects: info.projects,
        digests: info.digests,
        tombstones: info.tombstones,
        pepper: pepper,
        mark: datetime(py, info.mark)?,
        clock: datetime(py, info.clock)?,
        clock_ahead: info.clock_ahead,
        policy: policy(py, &info.policy)?,
        file_bytes: info.file_bytes,
        read_only: info.read_only,
        scanner_expression: &info.scanner_expression,
    })
}

pub(crate) fn integrity<'py>(
    py: Python<'py>,
    report: &IntegrityReport,
) -> PyResult<Bound<'py, PyAny>> {
    make!(py, "IntegrityReport", {
        damage: PyTuple::new(py, &report.damage)?,
        keys: report.keys,
        projects: report.projects,
        events: report.events,
        sequence: report.sequence,
        head: PyBytes::new(py, &report.head),
    })
}

pub(crate) fn explanation<'py>(
    py: Python<'py>,
    explained: &Explanation,
) -> PyResult<Bound<'py, PyAny>> {
    let codes = python!(py, "keyfob._enums", "Code")?;
    let names = python!(py, "keyfob._enums", "Check")?;
    let each = explained.checks.iter().map(|(check, outcome)| {
        let (passed, code) = match outcome {
            CheckOutcome::Passed => (Some(true), None),
            CheckOutcome::Failed(denied) => (Some(false), Some(denied.code())),
            _ => (None, None),
        };
        let code = code.map(|code| codes.call1((code.number(),))).transpose()?;
        make!(py, "CheckOutcome", {
            check: names.call1((check.name(),))?,
            passed: passed,
            code: code,
        })
    });
    let checks = PyTuple::new(py, each.collect::<PyResult<Vec<_>>>()?)?;
    let answer = match &explained.outcome {
        Ok(_) => Code::OK,
        Err(denied) => denied.code(),
    };
    make!(py, "Explanation", {
        code: codes.call1((answer.number(),))?,
        key_id: explained.key_id.map(|id| id.to_string()),
        checks: checks,
    })
}

/// How many verifications were refused, by code.
pub(crate) fn refusals<'py>(
    py: Python<'py>,
    counts: &[(Denied, u64)],
) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    let codes = python!(py, "keyfob._enums", "Code")?;
    for (denied, count) in counts {
        out.set_item(codes.call1((denied.code().number(),))?, count)?;
    }
    Ok(out)
}
