//! Help and usage texts, laid out like the `temporal` command's: what a command does, its subcommands, its own flags.
//! Flags of all commands are listed by the root command only.

use clap::{Arg, ArgAction, Command};

use super::Place;
use crate::flags::globals::{CONNECTION_HEADING, GLOBAL_HEADING};

/// The width that help is wrapped to, in terminal cells.
const WIDTH: usize = 79;
/// A flag's text gets at least this much room, whatever its name takes.
const MIN_TEXT_WIDTH: usize = 24;

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// The description and the usage.
    Help,
    /// The usage alone, as behind an error.
    Usage,
}

/// The text for the command at this place.
pub(super) fn render(place: &Place<'_>, extent: Extent) -> String {
    let Some(command) = place.path.last() else {
        return String::new();
    };
    let name = place.name();
    let mut text = String::new();
    if extent == Extent::Help {
        text.push_str(&description_of_command(command));
    }
    let kind = if command.has_subcommands() { "[command]" } else { "[flags]" };
    text.push_str(&format!("Usage:\n  {name} {kind}\n"));
    if command.has_subcommands() {
        text.push_str("\nAvailable Commands:\n");
        text.push_str(&commands(command));
    }
    let is_root = place.path.len() == 1;
    for (heading, title) in
        [(None, "Flags"), (Some(GLOBAL_HEADING), GLOBAL_HEADING), (Some(CONNECTION_HEADING), CONNECTION_HEADING)]
    {
        if heading.is_none() || is_root {
            let flags = flags(command, heading);
            if !flags.is_empty() {
                text.push_str(&format!("\n{title}:\n{flags}"));
            }
        }
    }
    if command.has_subcommands() {
        text.push_str(&format!("\nUse \"{name} [command] --help\" for more information about a command.\n"));
    }
    if !is_root {
        let root = place.path.first().map_or("", |root| root.get_name());
        text.push_str(&format!("\nUse \"{root} --help\" for global and connection options.\n"));
    }
    text
}

/// The long description. Its first paragraph is the line that stands in the list of commands, and is left out here.
fn description_of_command(command: &Command) -> String {
    let long = command.get_long_about().map(ToString::to_string);
    let long = long.map(|long| long.split_once("\n\n").map(|(_, rest)| rest.to_owned()).unwrap_or(long));
    let text = long.or_else(|| command.get_about().map(ToString::to_string)).unwrap_or_default();
    let paragraphs: Vec<String> = text.split("\n\n").map(|text| wrapped(text, WIDTH).join("\n")).collect();
    match text.is_empty() {
        true => String::new(),
        false => paragraphs.join("\n\n") + "\n\n",
    }
}

fn commands(command: &Command) -> String {
    let mut rows: Vec<(String, String)> = command
        .get_subcommands()
        .filter(|subcommand| !subcommand.is_hide_set())
        .map(|subcommand| {
            let about = subcommand.get_about().map(ToString::to_string).unwrap_or_default();
            (subcommand.get_name().to_owned(), about)
        })
        .collect();
    rows.sort();
    let widest = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0).max(11);
    rows.iter().map(|(name, about)| format!("  {name:widest$} {about}\n")).collect()
}

fn flags(command: &Command, heading: Option<&str>) -> String {
    let shown = command.get_arguments().filter(|argument| {
        argument.get_help_heading() == heading && !argument.is_hide_set() && !argument.is_positional()
    });
    let mut rows: Vec<(&str, String, String)> = shown
        .filter_map(|argument| {
            Some((argument.get_long()?, name(argument, argument.get_long()?), description(argument, command)))
        })
        .collect();
    rows.sort();
    let widest = rows.iter().map(|(_, name, _)| name.len()).max().unwrap_or(0) + 3;
    rows.iter()
        .map(|(_, name, description)| {
            let lines = wrapped(description, WIDTH.saturating_sub(widest).max(MIN_TEXT_WIDTH));
            let lines = lines.join(&format!("\n{}", " ".repeat(widest)));
            format!("{name:widest$}{lines}\n")
        })
        .collect()
}

fn name(argument: &Arg, long: &str) -> String {
    let short = argument.get_short().map_or("    ".to_owned(), |short| format!("-{short}, "));
    let value = match is_switch(argument) {
        true => String::new(),
        false => argument.get_value_names().and_then(<[_]>::first).map(|name| format!(" {name}")).unwrap_or_default(),
    };
    format!("  {short}--{long}{value}")
}

fn is_switch(argument: &Arg) -> bool {
    argument.is_require_equals_set() || !matches!(argument.get_action(), ArgAction::Set | ArgAction::Append)
}

fn description(argument: &Arg, command: &Command) -> String {
    if matches!(argument.get_action(), ArgAction::Help | ArgAction::HelpLong | ArgAction::HelpShort) {
        return format!("help for {}", command.get_name());
    }
    let help = argument.get_long_help().or(argument.get_help()).map(ToString::to_string).unwrap_or_default();
    // A doc comment of one paragraph loses its last full stop.
    let stop = if help.ends_with('.') { "" } else { "." };
    let required = if argument.is_required_set() && !help.contains("Required") { " Required." } else { "" };
    let default = argument.get_default_values().first().filter(|value| !is_switch(argument) && !value.is_empty());
    let default = default.map(|value| format!(" (default {})", value.to_string_lossy())).unwrap_or_default();
    format!("{help}{stop}{required}{default}")
}

/// Breaks a text at blanks so that lines stay well within `room`; only the last one may fill it.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    const SLACK: usize = 5;
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    let width = room.saturating_sub(SLACK);
    let mut lines = Vec::new();
    let mut rest = text.as_str();
    while rest.len() > width + SLACK - 1 {
        let end = (0..=width.min(rest.len())).rev().find(|end| rest.is_char_boundary(*end)).unwrap_or(0);
        let Some((line, _)) = rest[..end].rsplit_once(' ') else {
            break;
        };
        lines.push(line.to_owned());
        rest = &rest[line.len() + 1..];
    }
    lines.push(rest.to_owned());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_flags() {
        let command = Command::new("list")
            .about("Show Workflow Executions")
            .arg(
                Arg::new("archived")
                    .long("archived")
                    .action(ArgAction::SetTrue)
                    .help("Limit output to archived Workflow Executions. EXPERIMENTAL, and so on."),
            )
            .arg(
                Arg::new("query")
                    .long("query")
                    .short('q')
                    .value_name("QUERY")
                    .help("Content for an SQL-like QUERY List Filter."),
            )
            .arg(Arg::new("limit").long("limit").value_name("int").required(true).help("Maximum number."));
        let root = Command::new("temporal");
        let place = Place { path: vec![&root, &command], next_word: None };
        assert_eq!(
            render(&place, Extent::Help),
            "\
Show Workflow Executions

Usage:
  temporal list [flags]

Flags:
      --archived      Limit output to archived Workflow Executions.
                      EXPERIMENTAL, and so on.
      --limit int     Maximum number. Required.
  -q, --query QUERY   Content for an SQL-like QUERY List Filter.

Use \"temporal --help\" for global and connection options.
"
        );
    }

    #[test]
    fn words_are_never_broken() {
        assert_eq!(wrapped("aaaa bbbb cccc dddd", 11), ["aaaa", "bbbb", "cccc dddd"]);
        assert_eq!(wrapped("incomprehensible", 6), ["incomprehensible"]);
    }
}
