//! clap's errors in the words of the `temporal` command.

use clap::{
    Arg, Error,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::Place;

/// The one-line text of an error about flags. `words` is the line without the program's name.
pub(super) fn complaint(error: &Error, place: &Place<'_>, words: &[String]) -> String {
    match error.kind() {
        ErrorKind::UnknownArgument => unknown(&argument(error), place, words),
        ErrorKind::MissingRequiredArgument => required(error),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let value = text(error, ContextKind::InvalidValue);
            match value.is_empty() && !is_given_empty(words) {
                true => needs_argument(&argument(error), words),
                false => invalid(error, &value, place),
            }
        }
        _ => first_line(error),
    }
}

/// Whether what was taken for a command is a flag.
pub(super) fn is_flag(error: &Error) -> bool {
    text(error, ContextKind::InvalidSubcommand).starts_with('-')
}

/// The one-line text of an error about a flag that was taken for a command.
pub(super) fn unknown_flag(error: &Error) -> String {
    format!("unknown flag: {}", text(error, ContextKind::InvalidSubcommand))
}

fn unknown(argument: &str, place: &Place<'_>, words: &[String]) -> String {
    match (argument.strip_prefix("--"), argument.strip_prefix('-')) {
        (Some(long), _) => format!("unknown flag: --{}", long.split('=').next().unwrap_or(long)),
        (None, Some(short)) => {
            let letter = short.chars().next().unwrap_or('-');
            let word = words.iter().find(|word| is_short(word) && word.contains(letter));
            format!("unknown shorthand flag: '{letter}' in {}", word.map_or(argument, |word| word))
        }
        (None, None) => format!("unknown command {argument:?} for {:?}", place.name()),
    }
}

fn required(error: &Error) -> String {
    let mut names: Vec<String> = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::Strings(arguments)) => arguments.iter().map(|argument| long_name(argument)).collect(),
        Some(_) | None => vec![long_name(&argument(error))],
    };
    names.sort();
    let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    format!("required flag(s) {} not set", names.join(", "))
}

fn needs_argument(argument: &str, words: &[String]) -> String {
    let long = format!("--{}", long_name(argument));
    match words.last().filter(|word| is_short(word)) {
        Some(word) => {
            let letter = word.chars().next_back().unwrap_or('-');
            format!("flag needs an argument: '{letter}' in {word}")
        }
        None => format!("flag needs an argument: {long}"),
    }
}

fn invalid(error: &Error, value: &str, place: &Place<'_>) -> String {
    let name = long_name(&argument(error));
    let known = place.path.iter().rev().flat_map(|command| command.get_arguments());
    let known = known.filter(|argument| argument.get_long() == Some(name.as_str())).find_map(Arg::get_short);
    let flag = match known {
        Some(short) => format!("-{short}, --{name}"),
        None => format!("--{name}"),
    };
    let reason = std::error::Error::source(error).map_or_else(|| first_line(error), ToString::to_string);
    format!("invalid argument {value:?} for {flag:?} flag: {reason}")
}

/// `--task-queue <string>` without dashes and value.
fn long_name(argument: &str) -> String {
    let name = argument.split(['=', ' ', '[']).next().unwrap_or(argument);
    name.trim_start_matches('-').to_owned()
}

fn argument(error: &Error) -> String {
    text(error, ContextKind::InvalidArg)
}

fn text(error: &Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.concat(),
        Some(_) | None => String::new(),
    }
}

fn is_short(word: &str) -> bool {
    word.starts_with('-') && !word.starts_with("--")
}

/// Whether an empty value stands on the line, which is another thing than none.
fn is_given_empty(words: &[String]) -> bool {
    words.iter().any(|word| word.is_empty() || word.ends_with('='))
}

fn first_line(error: &Error) -> String {
    let text = error.render().to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}
