//! The stages that a database file goes through, each as it is left by a kill or a close, with what it must hold.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use model::{Entropy, Epoch, RunId, ShardId, Time};
use store::{Batch, Change, CommitError, MemoryStore, Page, Shards as _, Store, StoreError, visibility::Row};
use store_sqlite::{OpenOptions, SqliteStore};
use uuid::Uuid;

use crate::{folder::Folder, shown};

/// What the names of the files of a set end with.
pub(crate) const ENDS: [&str; 5] = ["", "-log", "-sums", "-wal", "-shm"];

const SHARDS: [ShardId; 2] = [ShardId(0), ShardId(7)];
/// Segments that some thirty commits fill.
const SEGMENT_BYTES: u64 = 16_000;

/// One seed's numbers.
pub(crate) struct Draw(Entropy);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Entropy::new(seed.into()))
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.0.fraction() * bound as f64) as usize
    }
}

/// A folder where syncs cost nothing, if there is such a place: here it matters what files hold, and not when.
pub(crate) fn folder_in_memory(name: &str) -> Folder {
    let memory = Path::new("/dev/shm");
    let folder = Folder::new(name);
    if !memory.is_dir() {
        return folder;
    }
    let path = memory.join(format!("store-sqlite-{}-{name}", std::process::id()));
    match std::fs::create_dir_all(&path) {
        Ok(()) => Folder { path },
        Err(_) => folder,
    }
}

/// A file at one stage of its life.
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    /// Stages of one life follow each other.
    pub(crate) life: &'static str,
    pub(crate) path: PathBuf,
    pub(crate) options: OpenOptions,
    pub(crate) expected: Everything,
}

/// All that a store holds.
#[derive(Debug, PartialEq)]
pub(crate) struct Everything {
    pairs: [Page; 2],
    rows: Vec<Row>,
}

pub(crate) fn everything_in(store: &impl Store) -> Everything {
    let pairs = |shard| store.scan(shard, b"", b"\xff", usize::MAX).unwrap_or_else(|error| panic!("no scan: {error}"));
    let page = store.query(&shown::everything()).unwrap_or_else(|error| panic!("no list: {error}"));
    Everything { pairs: SHARDS.map(pairs), rows: page.rows }
}

pub(crate) fn open(path: &Path, options: &OpenOptions) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(path, options.clone())
}

/// A store and the model that takes the same commits.
struct Life<'a> {
    folder: &'a Folder,
    name: &'static str,
    options: OpenOptions,
    path: PathBuf,
    store: Option<SqliteStore>,
    model: MemoryStore,
    epochs: [Epoch; 2],
    draw: Draw,
    stages: Vec<Stage>,
}

impl<'a> Life<'a> {
    fn begin(folder: &'a Folder, name: &'static str, seed: u64, options: OpenOptions) -> Self {
        let path = folder.file(&format!("{name}-{seed}.db"));
        let mut life = Self {
            folder,
            name,
            options,
            path,
            store: None,
            model: MemoryStore::new(),
            epochs: [Epoch(0); 2],
            draw: Draw::new(seed),
            stages: Vec::new(),
        };
        life.reopen();
        life
    }

    fn store(&self) -> &SqliteStore {
        self.store.as_ref().unwrap_or_else(|| panic!("it is closed"))
    }

    /// Opens the file, and takes the shards.
    fn reopen(&mut self) {
        drop(self.store.take());
        let store = open(&self.path, &self.options).unwrap_or_else(|error| panic!("it does not open: {error}"));
        self.store = Some(store);
        self.acquire();
    }

    fn acquire(&mut self) {
        let acquired = |store: &dyn Store| SHARDS.map(|shard| store.acquire(shard).unwrap_or_default());
        self.epochs = acquired(self.store());
        assert_eq!(acquired(&self.model), self.epochs);
    }

    /// Goes on with what a kill leaves.
    fn kill(&mut self) {
        let copy = self.folder.file(&format!("{}-{}.db", self.name, self.draw.below(1 << 30)));
        copy_set(&self.path, &copy);
        self.store = None;
        self.path = copy;
        self.reopen();
    }

    fn commit(&mut self, changes: Vec<Change>) -> Result<(), CommitError> {
        let shard = self.draw.below(2);
        let batch = [(SHARDS[shard], self.epochs[shard], Arc::new(Batch { changes }))];
        let result = self.store().commit(&batch).remove(0);
        if result.is_ok() {
            assert_eq!(self.model.commit(&batch), [Ok(())]);
        }
        result
    }

    fn changes(&mut self) -> Vec<Change> {
        let draw = &mut self.draw;
        let change = |draw: &mut Draw| match draw.below(10) {
            0 => Change::Delete { key: key(draw) },
            1 => Change::DeletePrefix { prefix: key(draw) },
            2..4 => Change::Show(Box::new(row(draw))),
            4 => Change::Hide { run_id: RunId(Uuid::from_u128(draw.below(40) as u128)) },
            _ => {
                let value = vec![draw.below(256) as u8; draw.below(200)];
                Change::Put { key: key(draw), value: value.into() }
            }
        };
        (0..1 + draw.below(9)).map(|_| change(draw)).collect()
    }

    fn commits(&mut self, number: usize) {
        for _ in 0..number {
            let changes = self.changes();
            assert_eq!(self.commit(changes), Ok(()));
            if self.draw.below(3) == 0 {
                self.store().catch_up();
            }
            if self.draw.below(20) == 0 {
                everything_in(self.store());
            }
        }
    }

    /// More than a segment holds.
    fn commit_large(&mut self) {
        let value = vec![self.draw.below(256) as u8; SEGMENT_BYTES as usize + 2_000].into();
        let large = Change::Put { key: key(&mut self.draw), value };
        assert_eq!(self.commit(vec![large]), Ok(()));
    }

    /// The files as they are now are what a kill leaves.
    fn stage(&mut self, name: &'static str) {
        let path = self.folder.file(&format!("stage-{}-{}.db", name.replace(' ', "-"), self.draw.below(1 << 30)));
        copy_set(&self.path, &path);
        let (options, expected) = (self.options.clone(), everything_in(&self.model));
        self.stages.push(Stage { name, life: self.name, path, options, expected });
    }

    /// The files as a close leaves them.
    fn closed_stage(&mut self, name: &'static str) {
        self.store = None;
        assert!(!self.folder.file(&format!("{}-log", self.path.display())).exists(), "a closed file is all there is");
        self.stage(name);
    }
}

fn key(draw: &mut Draw) -> Vec<u8> {
    (0..2 + draw.below(3)).map(|_| b"abcdefgh"[draw.below(8)]).collect()
}

fn row(draw: &mut Draw) -> Row {
    // What never changes of a run is told by its id.
    let number = draw.below(40);
    let start_time = Time(number as i64);
    Row {
        workflow_id: format!("order {number}"),
        start_time,
        execution_time: start_time,
        close_time: (draw.below(2) == 0).then_some(Time(99)),
        history_length: draw.below(100) as i64,
        ..shown::row(RunId(Uuid::from_u128(number as u128)))
    }
}

fn copy_set(from: &Path, to: &Path) {
    for end in ENDS {
        let [from, to] = [from, to].map(|path| format!("{}{end}", path.display()));
        if Path::new(&from).exists()
            && let Err(error) = std::fs::copy(&from, to)
        {
            panic!("\"{from}\" can't be copied: {error}");
        }
    }
}

/// Files at every stage of their lives.
pub(crate) fn lives(folder: &Folder, seed: u64) -> Vec<Stage> {
    let options = |wal_pages| OpenOptions { segment_bytes: SEGMENT_BYTES, wal_pages, ..OpenOptions::default() };
    let mut stages = Vec::new();

    let mut life = Life::begin(folder, "young", seed, options(1_000_000));
    life.stage("opened");
    life.commits(10);
    life.stage("never folded");
    life.commits(120);
    life.stage("never copied");
    life.commit_large();
    life.stage("a large commit");
    life.kill();
    life.stage("opened after a kill");
    life.commits(20);
    life.stage("killed again");
    life.closed_stage("closed");
    life.reopen();
    life.stage("reopened");
    life.commits(60);
    life.stage("killed after it was closed");
    stages.append(&mut life.stages);

    let mut life = Life::begin(folder, "copied", seed, options(30));
    life.commits(150);
    life.stage("copied");
    // In the middle of folding.
    life.commits(45);
    life.store().catch_up();
    life.stage("in the middle of folding");
    life.commits(1 + seed as usize % 30);
    life.stage("a little later");
    life.closed_stage("closed after copying");
    stages.append(&mut life.stages);

    stages.append(&mut full(folder, seed));
    stages.append(&mut migrated(folder, seed));
    stages
}

/// A file whose tables can't grow.
fn full(folder: &Folder, seed: u64) -> Vec<Stage> {
    let pragmas = vec![("max_page_count".to_owned(), "24".to_owned())];
    let options = OpenOptions { segment_bytes: SEGMENT_BYTES, pragmas, ..OpenOptions::default() };
    let mut life = Life::begin(folder, "full", seed, options);
    while life.draw.below(1_000) > 0 {
        let key = (0..4).map(|_| life.draw.below(256) as u8 % 0xff).collect();
        let value = vec![life.draw.below(256) as u8; 1_500].into();
        if life.commit(vec![Change::Put { key, value }]).is_err() {
            break;
        }
        life.store().catch_up();
    }
    life.options.pragmas.clear();
    life.stage("on a full disk");
    life.store = None;
    life.stage("on a full disk and closed");
    life.stages
}

/// A file of the fourth format.
fn migrated(folder: &Folder, seed: u64) -> Vec<Stage> {
    let options = OpenOptions { segment_bytes: SEGMENT_BYTES, ..OpenOptions::default() };
    let mut life = Life::begin(folder, "migrated", seed, options);
    life.commits(100);
    life.store = None;
    let connection = rusqlite::Connection::open(&life.path).unwrap_or_else(|error| panic!("{error}"));
    let older = "DELETE FROM meta WHERE name = 'logged';
        DROP TABLE keyword; DROP TABLE block; DROP TABLE cell; DROP TABLE tail; DROP INDEX visibility_order;
        ALTER TABLE visibility DROP COLUMN place; ALTER TABLE visibility DROP COLUMN has_memo;
        ALTER TABLE visibility ADD COLUMN memo BLOB; ALTER TABLE visibility ADD COLUMN division TEXT;
        CREATE INDEX visibility_order ON visibility
            (namespace, close_time DESC, start_time DESC, run, status, division, workflow_type);
        CREATE INDEX visibility_parent ON visibility (namespace, parent_workflow_id)
            WHERE parent_workflow_id IS NOT NULL;
        CREATE TABLE attribute (name TEXT NOT NULL, value NOT NULL, run BLOB NOT NULL, PRIMARY KEY (name, value, run))
            WITHOUT ROWID;
        CREATE TABLE item (name TEXT NOT NULL, value TEXT NOT NULL, run BLOB NOT NULL, PRIMARY KEY (name, value, run))
            WITHOUT ROWID;
        PRAGMA user_version = 4;";
    connection.execute_batch(older).unwrap_or_else(|error| panic!("{error}"));
    drop(connection);
    life.reopen();
    life.stage("migrated");
    life.commits(40);
    life.stage("killed after migration");
    life.closed_stage("closed after migration");
    life.stages
}
