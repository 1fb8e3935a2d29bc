//! `perdure config`: what the keys of the server's configuration mean. What it shows of the profiles of clients stands in `cli`.

use clap::{Args, Subcommand};

use super::{
    keys::{self, Key},
    limits,
};

/// `perdure config`.
#[derive(Args, Debug)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Explain a key of the server's configuration file
    ///
    /// Tells a key's meaning, type, default and bounds.
    Explain {
        /// The key, as in data_plane.listen.
        #[arg(value_name = "KEY")]
        key: String,
    },
    /// List the keys of the server's configuration file
    ///
    /// Lists every key with its default.
    Keys,
    /// List the limits and what a caller sees of them
    ///
    /// Lists every limit as a page in Markdown: its default and unit, what it counts over, the settings that change it,
    /// and what a caller sees when it is exceeded.
    Limits,
    #[command(flatten)]
    Client(cli::ProfileCommand),
}

/// What is left to do for a command.
pub(crate) enum Next {
    /// Print this, or tell the error.
    Tell(Result<String, String>),
    /// Show the file of a client's profiles.
    Show(cli::ProfileCommand),
}

/// Runs what works on the server's configuration; JSON where `--output` asks for it.
pub(crate) fn run(args: ConfigArgs, json: bool) -> Next {
    let keys = keys::all();
    Next::Tell(Ok(match args.verb {
        Verb::Keys if json => rendered(&keys.iter().map(as_json).collect::<Vec<_>>().into()),
        Verb::Keys => list(&keys),
        Verb::Limits if json => rendered(&limits::as_json()),
        Verb::Limits => limits::page(),
        Verb::Explain { key } => match find(&keys, &key) {
            Ok(key) if json => rendered(&as_json(key)),
            Ok(key) => explained(key),
            Err(text) => return Next::Tell(Err(text)),
        },
        Verb::Client(command) => return Next::Show(command),
    }))
}

fn rendered(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

fn find<'a>(keys: &'a [Key], name: &str) -> Result<&'a Key, String> {
    keys.iter().find(|key| key.name == name).ok_or_else(|| keys::no_key(name, &keys::names()))
}

fn default(key: &Key) -> &str {
    key.default.as_deref().unwrap_or("(must be given)")
}

fn list(keys: &[Key]) -> String {
    let width = keys.iter().map(|key| key.name.len()).max().unwrap_or(0);
    keys.iter().map(|key| format!("{:width$}  {}\n", key.name, default(key))).collect()
}

fn explained(key: &Key) -> String {
    format!(
        "{}\n\n  {}\n\n  Type:     {}\n  Default:  {}\n  Accepted: {}\n",
        key.name,
        key.meaning,
        key.kind,
        default(key),
        key.accepted
    )
}

fn as_json(key: &Key) -> serde_json::Value {
    serde_json::json!({
        "key": key.name,
        "meaning": key.meaning,
        "type": key.kind,
        "default": key.default,
        "accepted": key.accepted,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_explained() {
        let keys = keys::all();
        assert_eq!(
            explained(find(&keys, "storage.shards").unwrap()),
            "storage.shards\n\n  Shards of new data. What a file was made with stays.\n\n  Type:     whole number\n  \
             Default:  64\n  Accepted: a whole number from 1 to 4096\n"
        );
        assert!(explained(find(&keys, "limits.id_length").unwrap()).contains("Default:  1000\n"));
        for (name, kind) in
            [("id_length", "whole number"), ("raw_history", "true or false"), ("task_long_poll", "duration")]
        {
            let limit = explained(find(&keys, &format!("limits.{name}")).unwrap());
            assert!(limit.contains(&format!("Type:     {kind}\n")), "{limit}");
        }
        let wait = explained(find(&keys, "limits.history_long_poll").unwrap());
        assert!(wait.contains("Default:  \"20s\"\n") && wait.contains("from 0s to 876000h\n"), "{wait}");
        assert_eq!(
            find(&keys, "storage.shard").unwrap_err(),
            "there is no key storage.shard; did you mean storage.shards?"
        );
    }

    #[test]
    fn the_list_has_every_key() {
        let list = list(&keys::all());
        for line in ["account.id ", "data_plane.listen ", "limits.message_size "] {
            assert!(list.lines().any(|candidate| candidate.starts_with(line)), "{line}");
        }
    }
}
