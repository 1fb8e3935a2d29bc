//! What the test command needs of the machine beside a Rust toolchain: it installs what is missing where it may, and ends
//! with one line that names it where it may not. Virtual environments and npm's packages are set up by the suites themselves.

use std::process::{Command, Stdio};

use crate::shell;

/// A program that parts of the test command start.
#[derive(Debug)]
struct Tool {
    name: &'static str,
    /// Ends well where the tool is there.
    probe: &'static [&'static str],
    /// The oldest version that will do, as `major.minor`; the probe prints one.
    least: Option<(u32, u32)>,
    /// Debian's packages that have it.
    packages: &'static [&'static str],
    /// The component of the toolchain that has it.
    component: Option<&'static str>,
    /// The parts that start it; empty for all.
    parts: &'static [&'static str],
    /// What is left out without it, where the rest of its parts goes on.
    without: Option<&'static str>,
}

const TOOL: Tool =
    Tool { name: "", probe: &[], least: None, packages: &[], component: None, parts: &[], without: None };

const TOOLS: [Tool; 9] = [
    Tool { name: "cc", probe: &["cc", "--version"], packages: &["gcc", "libc6-dev"], ..TOOL },
    Tool { name: "make", probe: &["make", "--version"], packages: &["make"], ..TOOL },
    Tool { name: "git", probe: &["git", "--version"], packages: &["git"], ..TOOL },
    Tool {
        name: "cargo fmt",
        probe: &["cargo", "fmt", "--version"],
        component: Some("rustfmt"),
        parts: &["verify"],
        ..TOOL
    },
    Tool {
        name: "cargo clippy",
        probe: &["cargo", "clippy", "--version"],
        component: Some("clippy"),
        parts: &["verify"],
        ..TOOL
    },
    Tool {
        name: "python3 with venv",
        probe: &["python3", "-c", "import ensurepip, venv"],
        packages: &["python3", "python3-venv"],
        // All but the first for the reference server, which comes from Python's registry.
        parts: &["python", "differential", "limits", "bench"],
        ..TOOL
    },
    Tool {
        name: "node",
        probe: &["node", "--version"],
        least: Some((20, 3)),
        packages: &["nodejs"],
        parts: &["typescript"],
        ..TOOL
    },
    Tool { name: "npm", probe: &["npm", "--version"], packages: &["npm"], parts: &["typescript"], ..TOOL },
    Tool {
        name: "chromedriver",
        probe: &["chromedriver", "--version"],
        packages: &["chromium", "chromium-driver"],
        parts: &["python"],
        without: Some("no test looks at the pages in a browser"),
        ..TOOL
    },
];

/// Sets the machine up for these parts.
///
/// # Errors
/// One line that names what is missing and could not be installed.
pub(crate) fn prepare(parts: &[&str]) -> Result<(), String> {
    let absent = missing(parts, &said);
    if absent.is_empty() {
        return Ok(());
    }
    install(&absent);
    let absent = missing(parts, &said);
    for tool in &absent {
        if let Some(left_out) = tool.without {
            println!("{} is missing ({}): {left_out}", tool.name, tool.packages.join(" "));
        }
    }
    complaint(&absent).map_or(Ok(()), Err)
}

/// What a command prints, if it is there and ends well.
fn said(command: &[&str]) -> Option<String> {
    let (program, arguments) = command.split_first()?;
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The tools of these parts that are not there, or too old.
fn missing(parts: &[&str], said: &impl Fn(&[&str]) -> Option<String>) -> Vec<&'static Tool> {
    let is_wanted = |tool: &&Tool| tool.parts.is_empty() || tool.parts.iter().any(|part| parts.contains(part));
    let is_there = |tool: &Tool| match (said(tool.probe), tool.least) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(text), Some(least)) => version(&text).is_some_and(|version| version >= least),
    };
    TOOLS.iter().filter(is_wanted).filter(|tool| !is_there(tool)).collect()
}

/// The first two numbers of `v20.19.2`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim().trim_start_matches('v').split('.').map(|part| part.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// Installs what can be: packages as root of a Debian, components where rustup has the toolchain. Whether it helped shows
/// when the tools are looked for again.
fn install(absent: &[&Tool]) {
    let packages: Vec<_> = absent.iter().flat_map(|tool| tool.packages).copied().collect();
    let is_root = said(&["id", "-u"]).is_some_and(|id| id.trim() == "0");
    if !packages.is_empty() && is_root && said(&["apt-get", "--version"]).is_some() {
        println!("installing {}", packages.join(" "));
        let options = ["install", "-y", "-qq", "--no-install-recommends"];
        for words in [&["update", "-qq"][..], &[&options[..], &packages].concat()] {
            let mut command = shell::command("apt-get", words);
            command.env("DEBIAN_FRONTEND", "noninteractive");
            shell::must(command).unwrap_or_else(|message| eprintln!("{message}"));
        }
    }
    let components: Vec<_> = absent.iter().filter_map(|tool| tool.component).collect();
    if !components.is_empty() && said(&["rustup", "--version"]).is_some() {
        let words = [&["component", "add"][..], &components].concat();
        shell::must(shell::command("rustup", &words)).unwrap_or_else(|message| eprintln!("{message}"));
    }
}

/// The one line about what is needed and not there.
fn complaint(absent: &[&Tool]) -> Option<String> {
    let named = |tool: &&&Tool| {
        let least = tool.least.map(|(major, minor)| format!(" {major}.{minor} or later")).unwrap_or_default();
        let remedy = match tool.component {
            Some(component) => format!("rustup component add {component}"),
            None => format!("apt-get install {}", tool.packages.join(" ")),
        };
        format!("{}{least} ({remedy})", tool.name)
    };
    let needed: Vec<_> = absent.iter().filter(|tool| tool.without.is_none()).collect();
    if needed.is_empty() {
        return None;
    }
    let needed: Vec<_> = needed.iter().map(named).collect();
    Some(format!("missing on this machine: {}", needed.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine that has everything but these, with this version of node.
    fn without<'a>(absent: &'a [&'a str], node: &'a str) -> impl Fn(&[&str]) -> Option<String> + 'a {
        move |command| match command[0] {
            program if absent.contains(&program) => None,
            "node" => Some(node.to_owned()),
            _ => Some(String::new()),
        }
    }

    #[track_caller]
    fn check(parts: &[&str], machine: &impl Fn(&[&str]) -> Option<String>, line: Option<&str>) {
        assert_eq!(complaint(&missing(parts, machine)).as_deref(), line);
    }

    #[test]
    fn one_line_names_what_the_chosen_parts_lack() {
        check(&["typescript"], &without(&[], "v20.3.0\n"), None);
        let line = "missing on this machine: node 20.3 or later (apt-get install nodejs), npm (apt-get install npm)";
        check(&["python", "typescript"], &without(&["node", "npm"], ""), Some(line));
        let old = "missing on this machine: node 20.3 or later (apt-get install nodejs)";
        check(&["typescript"], &without(&[], "v18.20.4\n"), Some(old));
        check(&["python"], &without(&["node", "npm"], ""), None);
        let line = "missing on this machine: make (apt-get install make), python3 with venv (apt-get install python3 \
                    python3-venv)";
        check(&["bench"], &without(&["make", "python3"], ""), Some(line));
        let line = "missing on this machine: cargo fmt (rustup component add rustfmt), cargo clippy (rustup component add \
                    clippy)";
        check(&["verify"], &without(&["cargo"], ""), Some(line));
    }

    #[test]
    fn what_only_some_tests_want_does_not_stop_the_others() {
        let absent = missing(&["python"], &without(&["chromedriver"], ""));
        assert_eq!(absent.iter().map(|tool| tool.name).collect::<Vec<_>>(), ["chromedriver"]);
        assert_eq!(complaint(&absent), None);
    }

    #[test]
    fn versions_are_read_as_programs_print_them() {
        assert_eq!(version("v20.19.2\n"), Some((20, 19)));
        assert_eq!(version("11.4.0"), Some((11, 4)));
        assert_eq!(version("nothing"), None);
    }
}
