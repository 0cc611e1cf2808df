//! What the figures were measured on.

use std::path::Path;
use std::process::Command;

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn field(text: &str, name: &str) -> String {
    text.lines()
        .find(|line| line.starts_with(name))
        .and_then(|line| line.split_once(':'))
        .map_or("unknown", |(_, value)| value.trim())
        .to_owned()
}

/// The first line that a command prints, or nothing.
pub(crate) fn says(command: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(command).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.lines().next()?.trim().to_owned();
    output.status.success().then_some(line)
}

/// The machine in one sentence; the folder is where the files are.
pub(crate) fn machine(folder: &Path) -> String {
    let processor = read("/proc/cpuinfo");
    let sha = if field(&processor, "flags").contains("sha_ni") {
        "with SHA instructions"
    } else {
        "without SHA instructions"
    };
    let virtual_machine = if field(&processor, "flags").contains("hypervisor") {
        ", a virtual machine"
    } else {
        ""
    };
    let gib = field(&read("/proc/meminfo"), "MemTotal")
        .split(' ')
        .next()
        .and_then(|kb| kb.parse::<f64>().ok())
        .map_or(0.0, |kb| kb / f64::from(1 << 20));
    let folder = folder.to_string_lossy();
    format!(
        "{} cores of {} {sha}{virtual_machine}, {gib:.0} GiB of memory, files on {}, Linux {}, {}",
        std::thread::available_parallelism().map_or(1, usize::from),
        field(&processor, "model name"),
        says("findmnt", &["-n", "-o", "FSTYPE", "-T", &folder]).unwrap_or("unknown".into()),
        read("/proc/sys/kernel/osrelease").trim(),
        says("rustc", &["--version"]).unwrap_or("an unknown rustc".into()),
    )
}

/// Today, as the machine has it.
pub(crate) fn today() -> String {
    says("date", &["--utc", "+%Y-%m-%d"]).unwrap_or("an unknown day".into())
}

/// What other processes do: the load of the last minute.
pub(crate) fn load() -> String {
    read("/proc/loadavg")
        .split(' ')
        .next()
        .unwrap_or("unknown")
        .to_owned()
}
