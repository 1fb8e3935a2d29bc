//! What a running command has at hand: a printer, the flags and environment that a connection is made from, and the
//! user, who can be warned and asked.

use std::{
    io::{BufRead, IsTerminal},
    path::PathBuf,
};

use jiff::Timestamp;

use crate::{
    connect::{self, CloudSession, Session, Transport, environment::Environment, identity, settings::Settings},
    failure::Failure,
    flags::Globals,
    output::{Printer, Style, colour::Colour, proto_json::Payloads},
};

/// The surroundings of one command.
pub(crate) struct Context {
    pub(crate) printer: Printer,
    globals: Globals,
    environment: Environment,
}

impl Context {
    /// The process's own stdout and environment.
    pub(crate) fn of_process(globals: &Globals) -> Self {
        let environment = connect::environment_of_process();
        let general = &globals.general;
        let terminal = std::io::stdout().is_terminal();
        let style = Style {
            format: general.output.unwrap_or_default(),
            time: general.time_format.unwrap_or_default(),
            payloads: match general.no_json_shorthand_payloads {
                true => Payloads::Raw,
                false => Payloads::Shorthand,
            },
            coloured: general.color.unwrap_or_default().decide(terminal, |name| environment.get(name).cloned()),
            now: Timestamp::now(),
        };
        let printer = Printer::new(Box::new(std::io::BufWriter::new(std::io::stdout())), style);
        Self { printer, globals: globals.clone(), environment }
    }

    /// Connects to the server that flags and environment name.
    pub(crate) async fn connect(&self) -> Result<Session, Failure> {
        connect::connect(self.settings()?).await
    }

    /// What flags and environment say of a connection.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        connect::settings::resolve(&self.globals, &self.environment)
    }

    /// Connects to the control plane that flags and environment name.
    pub(crate) async fn connect_cloud(&self) -> Result<CloudSession, Failure> {
        connect::connect_cloud(&connect::settings::resolve_cloud(&self.globals, &self.environment)?).await
    }

    /// The way to that control plane, for what the Cloud Ops API does not have.
    pub(crate) async fn reach_cloud(&self) -> Result<Transport, Failure> {
        connect::open(&connect::settings::resolve_cloud(&self.globals, &self.environment)?).await
    }

    /// The host of the control plane that flags and environment name.
    pub(crate) fn cloud_host(&self) -> Result<String, Failure> {
        Ok(connect::settings::resolve_cloud(&self.globals, &self.environment)?.address.host)
    }

    /// The files that flags and environment name for certificates.
    pub(crate) fn certificate_files(&self) -> Result<connect::settings::Files, Failure> {
        connect::settings::files(&self.globals, &self.environment)
    }

    /// The file of profiles; `None` where neither flags nor environment nor the system say where it is.
    pub(crate) fn profile_file(&self) -> Option<PathBuf> {
        connect::profile::file(&self.globals, &self.environment)
    }

    /// What stands in that file; nothing where there is none.
    pub(crate) fn profile_text(&self) -> Result<String, Failure> {
        self.profile_file().map_or_else(|| Ok(String::new()), |file| connect::profile::read(&file))
    }

    /// The profile that flags and environment name.
    pub(crate) fn profile_name(&self) -> String {
        let named = self.globals.general.profile.as_ref().or_else(|| self.environment.get("TEMPORAL_PROFILE"));
        named.filter(|name| !name.is_empty()).map_or_else(|| "default".to_owned(), Clone::clone)
    }

    /// The folder of the user's certificates and of what is to be sourced, which need not be there.
    pub(crate) fn own_folder(&self) -> Option<PathBuf> {
        connect::own_folder(&self.environment)
    }

    /// The full name of the namespace that a command on the control plane is about.
    pub(crate) fn cloud_namespace(&self) -> Result<String, Failure> {
        connect::settings::named_namespace(&self.globals, &self.environment)?
            .ok_or_else(|| Failure::told("no namespace is given: pass --namespace NAME.ACCOUNT"))
    }

    /// The namespace that flags and environment name.
    pub(crate) fn namespace(&self) -> Result<String, Failure> {
        connect::settings::namespace(&self.globals, &self.environment)
    }

    /// Whether `--namespace` stands on the command line.
    pub(crate) fn names_namespace(&self) -> bool {
        self.globals.connection.namespace.is_some()
    }

    /// The reason sent where the user gave none.
    pub(crate) fn default_reason(&self) -> String {
        identity::default_reason(|name| self.environment.get(name).cloned())
    }

    /// Tells the user on stderr.
    pub(crate) fn warn(&self, text: &str) {
        eprintln!("{text}");
    }

    /// Asks for a yes; `yes` is the answer given by flag.
    pub(crate) fn confirm(&mut self, question: &str, yes: bool, denied: &str) -> Result<(), Failure> {
        self.ask(question, yes.then_some("yes"), |answer| matches!(answer.to_lowercase().as_str(), "y" | "yes"), denied)
    }

    /// Asks for `word` to be typed; `yes` types it by flag.
    pub(crate) fn confirm_by_typing(
        &mut self,
        question: &str,
        word: &str,
        yes: bool,
        denied: &str,
    ) -> Result<(), Failure> {
        let question = self.printer.paint(Colour::Red, question);
        self.ask(&question, yes.then_some(word), |answer| answer == word, denied)
    }

    fn ask(
        &mut self,
        question: &str,
        given: Option<&str>,
        agrees: impl Fn(&str) -> bool,
        denied: &str,
    ) -> Result<(), Failure> {
        if self.printer.is_json() && given.is_none() {
            return Err(Failure::told("must bypass prompts when using JSON output"));
        }
        self.printer.text(&format!("{question} "))?;
        if let Some(answer) = given {
            return self.printer.line(answer);
        }
        let mut line = String::new();
        // Unreadable input is no answer, and no answer is a no.
        let _ = std::io::stdin().lock().read_line(&mut line);
        match agrees(line.trim()) {
            true => Ok(()),
            false => Err(Failure::told(denied)),
        }
    }
}
