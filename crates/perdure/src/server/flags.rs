//! The flags of `server start-dev`, which are those of the reference, and of `server start`.

use std::path::{Path, PathBuf};

use clap::{
    Args,
    builder::{OsStringValueParser, TypedValueParser as _},
};

/// The flags; what is checked of their values stands in `settings` and `listen`.
#[derive(Args, Clone, Debug)]
pub(crate) struct StartDevArgs {
    /// File that keeps the state. Without it, or with `:memory:`, the state is in memory and lost when the server ends.
    #[arg(long, short = 'f', value_name = "string", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub(super) db_filename: Option<PathBuf>,
    /// Dynamic configuration, as KEY=VALUE with the value in JSON. Can be passed multiple times.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) dynamic_config_value: Vec<String>,
    /// Disable the Web UI.
    #[arg(long)]
    pub(super) headless: bool,
    /// Port for the HTTP API service. Defaults to a random free port.
    #[arg(long, value_name = "int")]
    pub(super) http_port: Option<u16>,
    /// IP address that the server is bound to.
    #[arg(long, default_value = "localhost", value_name = "string")]
    pub(super) ip: String,
    /// Print the server config to stderr.
    #[arg(long)]
    pub(super) log_config: bool,
    /// Memory that the server may take, as in 512MiB or 2GiB. Defaults to half of what the machine, or the control group,
    /// gives.
    #[arg(long, value_name = "SIZE")]
    pub(super) memory: Option<String>,
    /// Port for the '/metrics' HTTP endpoint. Defaults to a random free port.
    #[arg(long, value_name = "int")]
    pub(super) metrics_port: Option<u16>,
    /// Namespaces to be created at launch. The "default" Namespace is always created.
    #[arg(long, short = 'n', value_name = "string")]
    pub(super) namespace: Vec<String>,
    /// Port for the gRPC service.
    #[arg(long, short = 'p', default_value_t = 7233, value_name = "int")]
    pub(super) port: u16,
    /// Name under which the Web UI and the metrics are shown, beside localhost and IP addresses. Can be passed multiple
    /// times.
    #[arg(long, value_name = "string")]
    pub(super) public_host: Vec<String>,
    /// Search attributes to register, as KEY=VALUE. The value is a type: Text, Keyword, Int, Double, Bool, Datetime,
    /// KeywordList.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) search_attribute: Vec<String>,
    /// SQLite pragmas, as PRAGMA=VALUE.
    #[arg(long, value_name = "string")]
    pub(super) sqlite_pragma: Vec<String>,
    /// UI custom assets path.
    #[arg(long, value_name = "string")]
    pub(super) ui_asset_path: Option<String>,
    /// UI remote codec HTTP endpoint.
    #[arg(long, value_name = "string")]
    pub(super) ui_codec_endpoint: Option<String>,
    /// Disable the Web UI newsfeed.
    #[arg(long)]
    pub(super) ui_disable_news_fetch: bool,
    /// IP address that the Web UI is bound to. Defaults to the value of '--ip'.
    #[arg(long, value_name = "string")]
    pub(super) ui_ip: Option<String>,
    /// Port for the Web UI. Defaults to the value of '--port' + 1000.
    #[arg(long, value_name = "int")]
    pub(super) ui_port: Option<u16>,
    /// The public base path for the Web UI. Defaults to `/`.
    #[arg(long, value_name = "/")]
    pub(super) ui_public_path: Option<String>,
}

impl StartDevArgs {
    /// The file that keeps the state, if there is one. An empty name and `:memory:` are none, as on the reference; all
    /// others are paths, `file:state.db` too.
    pub(super) fn file(&self) -> Option<&Path> {
        self.db_filename.as_deref().filter(|name| !name.as_os_str().is_empty() && *name != Path::new(":memory:"))
    }
}

/// The flags of `server start`. Those of the development server go without `--config` only.
#[derive(Args, Clone, Debug)]
pub(crate) struct StartArgs {
    /// Configuration of a secured server.
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "db_filename", "dynamic_config_value", "headless", "http_port", "ip", "log_config", "metrics_port", "namespace",
        "port", "public_host", "search_attribute", "sqlite_pragma", "ui_asset_path", "ui_codec_endpoint", "ui_disable_news_fetch",
        "ui_ip", "ui_port", "ui_public_path",
    ])]
    pub(super) config: Option<PathBuf>,
    /// Serve what has neither TLS nor identities on other addresses than loopback: everybody who can reach them is let
    /// in.
    #[arg(long)]
    pub(super) allow_open_network: bool,
    #[command(flatten)]
    pub(super) development: StartDevArgs,
}
