//! The command `keyfob`: all of it is in the library, so that Python ships the same one.

fn main() -> std::process::ExitCode {
    let (stdin, stdout, stderr) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    keyfob_cli::run(std::env::args_os(), stdin, stdout, stderr).into()
}
