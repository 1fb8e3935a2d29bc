//! The development commands: `cargo xtask verify`, `tidy`, `test` and `bench`. A small binary without heavy
//! dependencies, so that it is built in seconds on a cold machine; everything that speaks to a server is in `probe`.

mod bench;
mod machine;
mod shell;
mod suites;
mod tidy;
mod totals;
mod tree;
mod verify;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask <command>

  verify              formatting, clippy with warnings denied, tidy; writes nothing
  tidy                the rules of the house that no compiler checks
  test [options]      verify, the workspace's tests, the SDK suites, the differential, malformed, substitution, bench
                      and simulation runs
    --only A,B        only these parts
    --skip A,B        all but these parts
    --list            names of the parts
  bench [options]     Perdure and the reference under the same load; options are those of `probe bench`
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (verb, rest) = match arguments.split_first() {
        Some((verb, rest)) => (verb.as_str(), rest),
        None => ("help", &[] as &[String]),
    };
    let outcome = match verb {
        "verify" => verify::run(),
        "tidy" => tidy::run(),
        "test" => suites::run(rest),
        "bench" => bench::run(rest),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(format!("unknown command \"{other}\"\n\n{HELP}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}
