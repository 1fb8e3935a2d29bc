//! Structured logs on stderr: silent at the usual level when nothing is wrong.

use clap::ArgMatches;
use tracing::level_filters::LevelFilter;

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

    /// Starts to log. `warn` is the usual level of a server.
    pub(crate) fn start(&self) {
        let level = match self.level.as_deref() {
            Some("debug") => LevelFilter::DEBUG,
            Some("info") => LevelFilter::INFO,
            Some("error") => LevelFilter::ERROR,
            Some("never") => LevelFilter::OFF,
            _ => LevelFilter::WARN,
        };
        let logs = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr);
        // A second start is a second logger, which nobody needs.
        let _ = match self.format.as_deref() {
            Some("json") => logs.json().try_init(),
            _ => logs.with_ansi(false).try_init(),
        };
    }
}
