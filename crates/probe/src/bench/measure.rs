//! One scenario on fresh servers: started, loaded, asked what they used, and stopped.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{
    figures::{self, Figures},
    lanes::Stage,
    play::{self, Size},
    scenario::Scenario,
};
use crate::{
    Fault,
    catalog::Catalog,
    server::{Kind, Launch, Server},
};

/// A server and where it stores: what one figure of a table belongs to.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) kind: Kind,
    pub(super) binary: PathBuf,
    pub(super) durable: bool,
    /// Size of the files of an empty server that was stopped, in bytes; found out when it is first needed.
    empty: Option<u64>,
}

/// What stays the same for all measurements of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) concurrency: usize,
    pub(super) runs: usize,
    pub(super) smoke: bool,
}

impl Column {
    pub(super) fn new(kind: Kind, binary: &Path, durable: bool) -> Column {
        Column { kind, binary: binary.to_owned(), durable, empty: None }
    }

    /// How this server is started, with its files in `folder`.
    pub(super) fn launch(&self, folder: &Path) -> Launch {
        let database = self.durable.then(|| folder.join("bench.db"));
        Launch { kind: self.kind, binary: self.binary.clone(), database, arguments: Vec::new() }
    }

    async fn empty(&mut self, catalog: &Catalog) -> Result<u64, Fault> {
        // The files of a secured server are in a folder of its own.
        if !self.durable || self.kind == Kind::Secured {
            return Ok(0);
        }
        if let Some(bytes) = self.empty {
            return Ok(bytes);
        }
        let folder = Folder::new()?;
        Server::start(&self.launch(&folder.0), catalog).await?.stop().await?;
        let bytes = figures::bytes_in(&folder.0)?;
        self.empty = Some(bytes);
        Ok(bytes)
    }

    /// Starts a server and runs one scenario on it, as often as the scenario wants on one server.
    async fn measure(&mut self, scenario: Scenario, setting: Setting<'_>) -> Result<Vec<Figures>, Fault> {
        let empty = if setting.smoke { 0 } else { self.empty(setting.catalog).await? };
        let folder = Folder::new()?;
        let server = Server::start(&self.launch(&folder.0), setting.catalog).await?;
        let stage = Stage { way: server.way, concurrency: setting.concurrency, board: Arc::default() };
        let operations = scenario.operations(self.kind, setting.smoke);
        let size = Size { operations, fill: scenario.fill(self.kind, setting.smoke) };
        let mut prepared = play::prepare(scenario, &stage, size).await?;
        let mut measured = Vec::new();
        let (_, windows) = scenario.split(setting.runs);
        for _ in 0..windows {
            let before = server.usage()?;
            let samples = play::run(scenario, &stage, &mut prepared, size).await?;
            measured.push(Figures::of(operations, &samples, before, server.usage()?));
        }
        play::check(scenario, &stage, operations).await?;
        drop(prepared);
        // A smoke run leaves that out: to stop takes longer than all that it measures.
        if self.durable && !setting.smoke {
            // Only a server that has stopped has folded its log back into its file.
            server.stop().await?;
            let grown = figures::bytes_in(&folder.0)?.saturating_sub(empty);
            for figures in &mut measured {
                figures.disk = grown as f64 / (operations * windows) as f64;
            }
        }
        Ok(measured)
    }
}

/// The medians of one scenario for each column. Servers of all columns take turns, so that whatever else the machine
/// does falls on all of them.
pub(super) async fn medians(
    scenario: Scenario,
    columns: &mut [&mut Column],
    setting: Setting<'_>,
) -> Result<Vec<Figures>, Fault> {
    let (servers, _) = scenario.split(setting.runs);
    let mut measured = vec![Vec::new(); columns.len()];
    for _ in 0..servers {
        for (column, all) in columns.iter_mut().zip(&mut measured) {
            let kind = column.kind;
            let figures = column.measure(scenario, setting).await;
            all.extend(figures.map_err(|fault| format!("{} on {kind:?}: {fault}", scenario.title()))?);
        }
    }
    for (column, all) in columns.iter().zip(&measured) {
        let place = if column.durable { "durable" } else { "in memory" };
        eprintln!("{:?} {place}, {}: {:?}", column.kind, scenario.title(), Figures::median(all));
    }
    Ok(measured.iter().map(|all| Figures::median(all)).collect())
}

/// A folder for one server's files, gone when dropped.
#[derive(Debug)]
pub(super) struct Folder(pub(super) PathBuf);

/// Folders made by this process so far: each has a name of its own.
static FOLDERS: AtomicUsize = AtomicUsize::new(0);

impl Folder {
    pub(super) fn new() -> Result<Self, Fault> {
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("perdure-bench-{}-{number}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is in the temporary folder of the machine.
        let _ = fs::remove_dir_all(&self.0);
    }
}
