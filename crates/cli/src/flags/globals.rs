//! The flags that every command takes, wherever on the line they stand: how to print, and whom to talk to.
//!
//! Environment variables are not read here: what they mean depends on other flags, see `connect::settings`.

use clap::Args;
use jiff::SignedDuration;

use super::values::{Choice, boolean, choice, duration};
use crate::output::{Format, colour::When, time::TimeFormat};

/// Global and connection options. Flatten this into the root command.
#[derive(Args, Clone, Debug)]
pub struct Globals {
    #[command(flatten)]
    pub(crate) general: GeneralArgs,
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
}

impl Globals {
    /// What `--log-level` says: `debug`, `info`, `warn`, `error` or `never`; `None` where it is not given.
    pub fn log_level(&self) -> Option<&'static str> {
        self.general.log_level.map(name)
    }

    /// What `--log-format` says: `text`, `json` or the older `pretty`; `None` where it is not given.
    pub fn log_format(&self) -> Option<&'static str> {
        self.general.log_format.map(name)
    }
}

/// The name that a choice was made by.
fn name<T: Choice + PartialEq>(choice: T) -> &'static str {
    T::VALUES.iter().find(|(_, value)| *value == choice).map_or("", |(name, _)| name)
}

/// How to print, and for how long to try.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = GLOBAL_HEADING)]
pub(crate) struct GeneralArgs {
    /// Active environment name (ENV). Env: TEMPORAL_ENV.
    #[arg(long, global = true, value_name = "ENV")]
    pub(crate) env: Option<String>,
    /// Path to environment settings file. Env: TEMPORAL_ENV_FILE.
    #[arg(long, global = true, value_name = "string")]
    pub(crate) env_file: Option<String>,
    /// TOML config file path. Env: TEMPORAL_CONFIG_FILE.
    #[arg(long, global = true, value_name = "string")]
    pub(crate) config_file: Option<String>,
    /// Configuration profile to use. Overrides the TEMPORAL_PROFILE environment variable and defaults to "default".
    /// Env: TEMPORAL_PROFILE.
    #[arg(long, global = true, value_name = "string")]
    pub(crate) profile: Option<String>,
    /// Disable loading config from file.
    #[arg(long, global = true)]
    pub(crate) disable_config_file: bool,
    /// Disable loading config from environment variables.
    #[arg(long, global = true)]
    pub(crate) disable_config_env: bool,
    /// Log level. Accepted values: debug, info, warn, error, never.
    #[arg(long, global = true, value_name = "string", value_parser = choice::<LogLevel>)]
    pub(crate) log_level: Option<LogLevel>,
    /// Log format. Accepted values: text, json.
    #[arg(long, global = true, value_name = "string", value_parser = choice::<LogFormat>)]
    pub(crate) log_format: Option<LogFormat>,
    /// Non-logging data output format. Accepted values: text, json, jsonl, none.
    #[arg(long, short, global = true, value_name = "string", value_parser = choice::<Format>)]
    pub(crate) output: Option<Format>,
    /// Time format. Accepted values: relative, iso, raw.
    #[arg(long, global = true, value_name = "string", value_parser = choice::<TimeFormat>)]
    pub(crate) time_format: Option<TimeFormat>,
    /// Output coloring. Accepted values: always, never, auto.
    #[arg(long, global = true, value_name = "string", value_parser = choice::<When>)]
    pub(crate) color: Option<When>,
    /// Raw payload output, even if the JSON option was used.
    #[arg(long, global = true)]
    pub(crate) no_json_shorthand_payloads: bool,
    /// Command execution timeout.
    #[arg(long, global = true, value_name = "duration", value_parser = duration)]
    pub(crate) command_timeout: Option<SignedDuration>,
    /// Client connection timeout.
    #[arg(long, global = true, value_name = "duration", value_parser = duration)]
    pub(crate) client_connect_timeout: Option<SignedDuration>,
}

/// Whom to talk to, as whom, and how safely.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = CONNECTION_HEADING)]
pub(crate) struct ConnectionArgs {
    /// Temporal Service gRPC endpoint (default localhost:7233). Env: TEMPORAL_ADDRESS.
    #[arg(long, global = true, value_name = "string")]
    pub(crate) address: Option<String>,
    /// Temporal gRPC client :authority pseudoheader.
    #[arg(long, global = true, value_name = "string")]
    pub(crate) client_authority: Option<String>,
    /// Temporal Service Namespace (default "default"). Env: TEMPORAL_NAMESPACE.
    #[arg(long, short, global = true, value_name = "string")]
    pub(crate) namespace: Option<String>,
    /// API key for request. Env: TEMPORAL_API_KEY.
    #[arg(long, global = true, value_name = "string")]
    pub(crate) api_key: Option<String>,
    /// HTTP headers for requests (KEY=VALUE, repeatable). Env: TEMPORAL_GRPC_META_KEY.
    #[arg(long, global = true, value_name = "stringArray")]
    pub(crate) grpc_meta: Vec<String>,
    /// Enable base TLS encryption. Auto-enabled when api-key or TLS options are set. Env: TEMPORAL_TLS.
    #[arg(long, global = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = boolean)]
    pub(crate) tls: Option<bool>,
    /// Path to x509 certificate. Env: TEMPORAL_TLS_CLIENT_CERT_PATH.
    #[arg(long, global = true, value_name = "string")]
    pub(crate) tls_cert_path: Option<String>,
    /// Inline x509 certificate data. Env: TEMPORAL_TLS_CLIENT_CERT_DATA.
    #[arg(long, global = true, value_name = "string")]
    pub(crate) tls_cert_data: Option<String>,
    /// Path to x509 private key. Env: TEMPORAL_TLS_CLIENT_KEY_PATH.
    #[arg(long, global = true, value_name = "string")]
    pub(crate) tls_key_path: Option<String>,
    /// Inline x509 private key data. Env: TEMPORAL_TLS_CLIENT_KEY_DATA.
    #[arg(long, global = true, value_name = "string")]
    pub(crate) tls_key_data: Option<String>,
    /// Path to server CA certificate. Env: TEMPORAL_TLS_SERVER_CA_CERT_PATH.
    #[arg(long, global = true, value_name = "string")]
    pub(crate) tls_ca_path: Option<String>,
    /// Inline server CA certificate data. Env: TEMPORAL_TLS_SERVER_CA_CERT_DATA.
    #[arg(long, global = true, value_name = "string")]
    pub(crate) tls_ca_data: Option<String>,
    /// Disable TLS host-name verification. Env: TEMPORAL_TLS_DISABLE_HOST_VERIFICATION.
    #[arg(long, global = true)]
    pub(crate) tls_disable_host_verification: bool,
    /// Override target TLS server name. Env: TEMPORAL_TLS_SERVER_NAME.
    #[arg(long, global = true, value_name = "string")]
    pub(crate) tls_server_name: Option<String>,
    /// Remote Codec Server endpoint. Env: TEMPORAL_CODEC_ENDPOINT.
    #[arg(long, global = true, value_name = "string")]
    pub(crate) codec_endpoint: Option<String>,
    /// Authorization header for Codec Server requests. Env: TEMPORAL_CODEC_AUTH.
    #[arg(long, global = true, value_name = "string")]
    pub(crate) codec_auth: Option<String>,
    /// HTTP headers for codec server (KEY=VALUE, repeatable).
    #[arg(long, global = true, value_name = "stringArray")]
    pub(crate) codec_header: Vec<String>,
    /// Identity of the client submitting requests.
    #[arg(long, global = true, value_name = "string")]
    pub(crate) identity: Option<String>,
}

/// The heading that the usage renderer keeps apart from a command's own flags.
pub(crate) const GLOBAL_HEADING: &str = "Global options";
/// Likewise, for connection flags.
pub(crate) const CONNECTION_HEADING: &str = "Connection options";

/// What is worth a log line (`--log-level`). Nothing is logged by the commands of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
    Never,
}

/// The form of a log line (`--log-format`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
    Pretty,
}

impl Choice for LogLevel {
    const VALUES: &'static [(&'static str, Self)] = &[
        ("debug", Self::Debug),
        ("info", Self::Info),
        ("warn", Self::Warn),
        ("error", Self::Error),
        ("never", Self::Never),
    ];
}

impl Choice for LogFormat {
    const VALUES: &'static [(&'static str, Self)] =
        &[("text", Self::Text), ("json", Self::Json), ("pretty", Self::Pretty)];
}

impl Choice for Format {
    const VALUES: &'static [(&'static str, Self)] =
        &[("text", Self::Text), ("json", Self::Json), ("jsonl", Self::Jsonl), ("none", Self::None)];
}

impl Choice for TimeFormat {
    const VALUES: &'static [(&'static str, Self)] =
        &[("relative", Self::Relative), ("iso", Self::Iso), ("raw", Self::Raw)];
}

impl Choice for When {
    const VALUES: &'static [(&'static str, Self)] =
        &[("always", Self::Always), ("never", Self::Never), ("auto", Self::Auto)];
}
