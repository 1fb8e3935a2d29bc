//! Structured logs on stderr: silent at the usual level when nothing is wrong.

use clap::ArgMatches;
use tracing::level_filters::LevelFilter;

use crate::config::{LogFormat, LogLevel};

/// What the global flags say of output, for the server's part.
#[derive(Clone, Debug, Default)]
pub(crate) struct Output {
    level: Option<String>,
    format: Option<String>,
    /// `--output`, where it is given.
    pub(crate) data: Option<String>,
}

impl Output {
    /// Reads the flags wherever they stand on the line.
    pub(crate) fn of(matches: &ArgMatches) -> Self {
        let given = |name: &str| {
            let mut found = None;
            let mut current = Some(matches);
            while let Some(level) = current {
                let raw = level.try_get_raw(name).ok().flatten().and_then(|mut values| values.next());
                found = raw.map(|value| value.to_string_lossy().to_lowercase()).or(found);
                current = level.subcommand().map(|(_, inner)| inner);
            }
            found
        };
        Self { level: given("log_level"), format: given("log_format"), data: given("output") }
    }

    /// Whether results are to be JSON.
    pub(crate) fn is_json(&self) -> bool {
        matches!(self.data.as_deref(), Some("json" | "jsonl"))
    }

    /// Whether the banner of a server belongs on stdout.
    pub(crate) fn is_text(&self) -> bool {
        self.data.as_deref().is_none_or(|data| data == "text")
    }

    /// Starts to log. `warn` is the usual level of a server.
    pub(crate) fn start(&self) {
        self.start_or(LogLevel::Warn, LogFormat::Text);
    }

    /// Starts to log, in this way where the flags do not say otherwise.
    pub(crate) fn start_or(&self, level: LogLevel, format: LogFormat) {
        let level = match self.level.as_deref() {
            Some("debug") => LogLevel::Debug,
            Some("info") => LogLevel::Info,
            Some("warn") => LogLevel::Warn,
            Some("error") => LogLevel::Error,
            Some("never") => LogLevel::Never,
            _ => level,
        };
        let format = match self.format.as_deref() {
            Some("json") => LogFormat::Json,
            Some(_) => LogFormat::Text,
            None => format,
        };
        let filter = match level {
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Never => LevelFilter::OFF,
        };
        let logs = tracing_subscriber::fmt().with_max_level(filter).with_writer(std::io::stderr);
        // A second start is a second logger, which nobody needs.
        let _ = match format {
            LogFormat::Json => logs.json().try_init(),
            LogFormat::Text => logs.with_ansi(false).try_init(),
        };
    }
}
