//! The command line's manners: what is accepted beyond clap's defaults, how help looks, and how a refusal is told.
//!
//! Scripts written for the `temporal` command rely on them. Help goes to stdout. A wrong flag prints the usage on
//! stdout and the error twice on stderr; an unknown command prints the help and one error. The exit code is 1.

mod complaint;
mod help;
mod near;

use std::{ffi::OsString, process::ExitCode};

use clap::{Arg, ArgAction, ArgMatches, Command, error::ErrorKind};

pub use self::near::nearest;
use self::{complaint::complaint, help::Extent};
use crate::flags::values::boolean;

/// A command line that is not to be run: what to print, and the exit code.
#[derive(Debug, PartialEq)]
pub struct Refusal {
    /// For stdout.
    pub stdout: String,
    /// For stderr.
    pub stderr: String,
    /// Whether the user asked for just this, as with `--help`.
    pub success: bool,
}

impl Refusal {
    /// Prints both parts.
    pub fn print(&self) -> ExitCode {
        print!("{}", self.stdout);
        eprint!("{}", self.stderr);
        match self.success {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        }
    }
}

/// Parses a command line, the program's name first. `root` is the whole program: [`crate::Globals`] and
/// [`crate::Command`] flattened into the commands of the binary itself.
///
/// # Errors
///
/// A line that asks for help or the version, or that is wrong.
pub fn parse(root: Command, line: impl IntoIterator<Item = OsString>) -> Result<ArgMatches, Refusal> {
    let line: Vec<OsString> = line.into_iter().collect();
    let words: Vec<String> = line.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let called: Vec<String> = place(&root, &words).path.iter().skip(1).map(|one| one.get_name().to_owned()).collect();
    let root = only(root, &called);
    let mut root = with_version_flag(lenient(root).mut_subcommands(without_help_command));
    let error = match root.try_get_matches_from_mut(&line) {
        Ok(matches) => return Ok(matches),
        Err(error) => error,
    };
    // What was not reached is not built yet.
    root.build();
    let place = place(&root, &words);
    Err(match error.kind() {
        ErrorKind::DisplayVersion => {
            Refusal { stdout: error.render().to_string(), stderr: String::new(), success: true }
        }
        ErrorKind::DisplayHelp => {
            Refusal { stdout: help::render(&place, Extent::Help), stderr: String::new(), success: true }
        }
        // The command `help` takes every word for a command.
        ErrorKind::InvalidSubcommand if complaint::is_flag(&error) => {
            let complaint = complaint::unknown_flag(&error);
            Refusal {
                stdout: help::render(&place, Extent::Usage) + "\n",
                stderr: format!("Error: {complaint}\nError: {complaint}\n"),
                success: false,
            }
        }
        ErrorKind::InvalidSubcommand
        | ErrorKind::MissingSubcommand
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Refusal {
            stdout: help::render(&place, Extent::Help),
            stderr: format!("Error: {}\n{}", unknown_command(&place, &words), near_command(&place)),
            success: false,
        },
        _ => {
            let complaint = complaint(&error, &place, &words);
            Refusal {
                stdout: help::render(&place, Extent::Usage) + "\n",
                stderr: format!("Error: {complaint}\nError: {complaint}\n{}", near_flag(&complaint, &place)),
                success: false,
            }
        }
    })
}

/// Leaves of each command but the called ones no more than a list of commands shows: to build the flags of all commands, each with
/// those of the root, takes longer than most commands do.
fn only(command: Command, called: &[String]) -> Command {
    let stub = |other: Command| {
        let mut stub = Command::new(other.get_name().to_owned()).hide(other.is_hide_set());
        if let Some(about) = other.get_about() {
            stub = stub.about(about.clone());
        }
        stub.aliases(other.get_all_aliases().map(str::to_owned).collect::<Vec<_>>())
    };
    command.mut_subcommands(|subcommand| match called.split_first() {
        Some((name, rest)) if subcommand.get_name() == name => only(subcommand, rest),
        _ => stub(subcommand),
    })
}

/// The commands from the root to the one that a line is about, and what stands behind it.
struct Place<'a> {
    path: Vec<&'a Command>,
    /// The first word behind the last command that is no flag.
    next_word: Option<String>,
}

impl Place<'_> {
    /// The names from the root on, parted by blanks.
    fn name(&self) -> String {
        self.path.iter().map(|command| command.get_name()).collect::<Vec<_>>().join(" ")
    }
}

/// Finds the command that a line is about, flags between the words skipped with their values.
fn place<'a>(root: &'a Command, words: &[String]) -> Place<'a> {
    let mut path = vec![root];
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let Some(current) = path.last() else {
            break;
        };
        if word == "--" {
            break;
        }
        if let Some(flag) = word.strip_prefix('-') {
            // Flags of the root may stand behind any command.
            if takes_next_word(current, flag).unwrap_or_else(|| takes_next_word(root, flag).unwrap_or(false)) {
                words.next();
            }
            continue;
        }
        if word == "help" && path.len() == 1 {
            continue;
        }
        match current.find_subcommand(word) {
            Some(subcommand) => path.push(subcommand),
            None => {
                return Place { path, next_word: Some(word.clone()) };
            }
        }
    }
    Place { path, next_word: None }
}

/// Whether the flag, given without its first dash, takes the word behind it as its value; `None` where the command has none of
/// that name.
fn takes_next_word(command: &Command, flag: &str) -> Option<bool> {
    let found = match flag.strip_prefix('-') {
        Some(long) => command.get_arguments().find(|argument| argument.get_long() == Some(long)),
        // Of flags written together only the last can take a value; a value may also be written right behind.
        None => match flag.chars().count() {
            1 => command.get_arguments().find(|argument| argument.get_short() == flag.chars().next()),
            _ => None,
        },
    };
    found.map(|argument| {
        matches!(argument.get_action(), ArgAction::Set | ArgAction::Append) && !argument.is_require_equals_set()
    })
}

/// A line that names the command that was probably meant, or nothing.
fn near_command(place: &Place<'_>) -> String {
    let (Some(command), Some(word)) = (place.path.last(), &place.next_word) else { return String::new() };
    let names = command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()).map(Command::get_name);
    nearest(word, names).map_or_else(String::new, |near| format!("Did you mean {} {near}?\n", place.name()))
}

/// The same of a flag that there is not.
fn near_flag(complaint: &str, place: &Place<'_>) -> String {
    let (Some(flag), Some(command)) = (complaint.strip_prefix("unknown flag: --"), place.path.last()) else {
        return String::new();
    };
    let names = command.get_arguments().filter(|argument| !argument.is_hide_set()).filter_map(Arg::get_long);
    nearest(flag, names).map_or_else(String::new, |near| format!("Did you mean --{near}?\n"))
}

/// Names what is not there, unless nothing was named.
fn unknown_command(place: &Place<'_>, words: &[String]) -> String {
    match &place.next_word {
        Some(word) if words.contains(word) => format!("unknown command {word:?} for {:?}", place.name()),
        Some(_) | None => "unknown command".to_owned(),
    }
}

/// Makes every command take what the `temporal` command takes: values that begin with a dash, truth values behind
/// switches (`--tls=false`), and flags given twice, of which the last counts.
fn lenient(command: Command) -> Command {
    command
        .args_override_self(true)
        .mut_args(|argument| match argument.get_action() {
            ArgAction::SetTrue => argument
                .action(ArgAction::Set)
                .num_args(0..=1)
                .require_equals(true)
                .default_value("false")
                .default_missing_value("true")
                .value_parser(boolean),
            ArgAction::Set | ArgAction::Append if !argument.is_positional() => argument.allow_hyphen_values(true),
            _ => argument,
        })
        .mut_subcommands(lenient)
}

/// Only the root has a `help` command; everything else has the flag.
fn without_help_command(command: Command) -> Command {
    command.disable_help_subcommand(true).mut_subcommands(without_help_command)
}

/// The version flag is spelt `-v` here, not `-V`.
fn with_version_flag(root: Command) -> Command {
    if root.get_version().is_none() {
        return root;
    }
    let help = format!("Version for {}.", root.get_name());
    let flag = Arg::new("version").short('v').long("version").action(ArgAction::Version).help(help);
    root.disable_version_flag(true).arg(flag)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, FromArgMatches, Parser};

    use super::*;
    use crate::Globals;

    #[derive(Debug, Parser)]
    #[command(name = "temporal", version = "1.2.3")]
    struct Line {
        #[command(flatten)]
        globals: Globals,
        #[command(subcommand)]
        command: crate::Command,
    }

    fn parsed(line: &str) -> Result<Line, Refusal> {
        let words = line.split_whitespace().map(OsString::from);
        parse(Line::command(), words).map(|matches| Line::from_arg_matches(&matches).unwrap())
    }

    fn complaint(line: &str) -> String {
        let refusal = parsed(line).unwrap_err();
        assert!(!refusal.success);
        let (first, second) = refusal.stderr.split_once('\n').unwrap();
        assert_eq!(Some(first), second.lines().next(), "told twice");
        assert!(refusal.stdout.starts_with("Usage:\n  temporal"), "{}", refusal.stdout);
        first.strip_prefix("Error: ").unwrap().to_owned()
    }

    #[test]
    fn wrong_flags_are_told_as_the_temporal_command_tells_them() {
        for (line, wanted) in [
            ("temporal workflow list --bogus", "unknown flag: --bogus"),
            ("temporal workflow list --bogus=1", "unknown flag: --bogus"),
            ("temporal help --bogus", "unknown flag: --bogus"),
            ("temporal workflow list -Z", "unknown shorthand flag: 'Z' in -Z"),
            ("temporal workflow list foo", "unknown command \"foo\" for \"temporal workflow list\""),
            ("temporal workflow start --type W", "required flag(s) \"task-queue\" not set"),
            ("temporal workflow start", "required flag(s) \"task-queue\", \"type\" not set"),
            ("temporal workflow start --type", "flag needs an argument: --type"),
            ("temporal workflow start -t", "flag needs an argument: 't' in -t"),
            (
                "temporal workflow list -o yaml",
                "invalid argument \"yaml\" for \"-o, --output\" flag: yaml is not one of required values of text, json, \
                 jsonl, none",
            ),
            (
                "temporal workflow list --limit x",
                "invalid argument \"x\" for \"--limit\" flag: strconv.ParseInt: parsing \"x\": invalid syntax",
            ),
            (
                "temporal workflow start --run-timeout x",
                "invalid argument \"x\" for \"--run-timeout\" flag: time: invalid duration \"x\"",
            ),
        ] {
            assert_eq!(complaint(line), wanted, "{line}");
        }
    }

    #[test]
    fn a_command_that_is_not_there_is_named() {
        for (line, wanted) in [
            ("temporal", "Error: unknown command\n"),
            ("temporal workflow", "Error: unknown command\n"),
            ("temporal workflow reset", "Error: unknown command \"reset\" for \"temporal workflow\"\n"),
            ("temporal schedule list", "Error: unknown command \"schedule\" for \"temporal\"\n"),
            ("temporal -n x schedule", "Error: unknown command \"schedule\" for \"temporal\"\n"),
        ] {
            let refusal = parsed(line).unwrap_err();
            assert_eq!(refusal.stderr, wanted, "{line}");
            assert!(refusal.stdout.contains("Available Commands:\n"), "{}", refusal.stdout);
        }
    }

    #[test]
    fn what_may_be_meant_is_named() {
        for (line, wanted) in [
            ("temporal workflow list --adress x", "Did you mean --address?"),
            ("temporal workflow list --qeury x", "Did you mean --query?"),
            ("temporal workflow strat -t q", "Did you mean temporal workflow start?"),
            ("temporal wrokflow list", "Did you mean temporal workflow?"),
            ("temporal operator namespce list", "Did you mean temporal operator namespace?"),
        ] {
            let refusal = parsed(line).unwrap_err();
            assert_eq!(refusal.stderr.lines().last(), Some(wanted), "{line}");
        }
        for line in ["temporal workflow list --bogus", "temporal schedule list"] {
            assert!(!parsed(line).unwrap_err().stderr.contains("mean"), "{line}");
        }
    }

    /// The commands with flags below a root.
    fn built(command: &Command) -> usize {
        let own = usize::from(command.get_arguments().next().is_some());
        own + command.get_subcommands().map(built).sum::<usize>()
    }

    #[test]
    fn only_the_commands_that_are_called_have_flags() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert!(built(&Line::command()) > 20);
        for (line, expected) in [("workflow list", 2), ("workflow", 1), ("--version", 1), ("nonsense", 1)] {
            let root = Line::command();
            let called: Vec<String> =
                place(&root, &words(line)).path.iter().skip(1).map(|one| one.get_name().to_owned()).collect();
            assert_eq!(built(&only(root, &called)), expected, "{line}");
        }
        // A value that is called like a command is none.
        let list = parsed("temporal -n workflow workflow list").unwrap();
        assert_eq!(list.globals.connection.namespace.as_deref(), Some("workflow"));
        assert!(
            parsed("temporal workflow -n list start --help").unwrap_err().stdout.contains("workflow start [flags]")
        );
    }

    #[test]
    fn help_is_a_success_on_stdout() {
        for line in ["temporal workflow start --help", "temporal workflow start -h", "temporal help workflow start"] {
            let refusal = parsed(line).unwrap_err();
            assert!(refusal.success && refusal.stderr.is_empty(), "{line}");
            assert!(refusal.stdout.contains("Usage:\n  temporal workflow start [flags]\n"), "{}", refusal.stdout);
        }
        for line in ["temporal --version", "temporal -v"] {
            let version = parsed(line).unwrap_err();
            assert_eq!((version.stdout.as_str(), version.success), ("temporal 1.2.3\n", true));
        }
    }

    #[test]
    fn global_flags_stand_anywhere() {
        for line in [
            "temporal --address a:1 -o json workflow list",
            "temporal workflow --address a:1 -o json list",
            "temporal workflow list --address a:1 -ojson",
            "temporal --address b:2 workflow list --address a:1 --output=json",
        ] {
            let globals = parsed(line).unwrap().globals;
            assert_eq!(globals.connection.address.as_deref(), Some("a:1"), "{line}");
            assert_eq!(globals.general.output, Some(crate::output::Format::Json), "{line}");
        }
    }

    #[derive(Debug, Parser)]
    #[command(name = "perdure")]
    struct Host {
        #[command(flatten)]
        globals: Globals,
        #[command(subcommand)]
        command: HostCommand,
    }

    #[derive(Debug, clap::Subcommand)]
    enum HostCommand {
        StartDev {
            #[arg(long, short)]
            namespace: Vec<String>,
            #[arg(long)]
            headless: bool,
        },
        #[command(flatten)]
        Client(crate::Command),
    }

    #[test]
    fn a_binary_adds_commands_and_may_give_a_global_flag_another_sense() {
        let parsed = |line: &str| {
            let matches = parse(Host::command(), line.split_whitespace().map(OsString::from)).unwrap();
            Host::from_arg_matches(&matches).unwrap()
        };
        let host = parsed("perdure start-dev -n a --namespace b --headless --log-level debug -o json");
        let HostCommand::StartDev { namespace, headless } = host.command else {
            panic!("not the command of the line");
        };
        assert_eq!((namespace, headless), (vec!["a".to_owned(), "b".to_owned()], true));
        assert_eq!(host.globals.log_level(), Some("debug"));
        let host = parsed("perdure workflow list -n a");
        assert!(matches!(host.command, HostCommand::Client(crate::Command::Workflow(_))));
        assert_eq!(host.globals.connection.namespace.as_deref(), Some("a"));
    }

    #[test]
    fn values_may_begin_with_a_dash_and_switches_may_carry_values() {
        let line = "temporal workflow start -t q --type W -i -5 --input-base64=false --fail-existing --tls=false";
        let parsed = parsed(line).unwrap();
        assert_eq!(parsed.globals.connection.tls, Some(false));
        let text = format!("{:?}", parsed.command);
        assert!(text.contains("input: [\"-5\"]"), "{text}");
        assert!(text.contains("input_base64: false") && text.contains("fail_existing: true"), "{text}");
    }

    #[test]
    fn aliases() {
        for line in ["temporal workflow start -t q --name W", "temporal workflow start -t q --type V --type W"] {
            let text = format!("{:?}", parsed(line).unwrap().command);
            assert!(text.contains("\"W\"") && !text.contains("\"V\""), "{text}");
        }
        parsed("temporal workflow signal -w a --type s").unwrap();
        parsed("temporal workflow query -w a --type s").unwrap();
    }

    #[test]
    fn the_definition_is_consistent() {
        Line::command().debug_assert();
        lenient(Line::command()).debug_assert();
    }
}
