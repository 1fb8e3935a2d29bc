//! The tables. A change here is a new format: raise `FORMAT` and add the step to `migrate`.

/// The format that this version reads and writes; stands in the file as SQLite's `user_version`.
pub(crate) const FORMAT: i64 = 8;

/// The first format whose pages have checksums.
pub(crate) const SUMMED: i64 = 6;

/// Marks a file as ours; stands in the file as SQLite's `application_id`: "PERD".
pub(crate) const APPLICATION_ID: i64 = 0x5045_5244;

/// What a new file is made of, beside [`VISIBILITY`] and [`BLOCKS`].
///
/// - `meta`: the id that the file shares with its commit log, the last generation of the log that is in the tables, the last
///   frame of which something is, and how often something was written that was in no log.
/// - `epoch`: how often each shard was acquired.
/// - `pair`: the ordered byte map of each shard.
pub(crate) const TABLES: &str = "
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE epoch (shard INTEGER PRIMARY KEY, epoch INTEGER NOT NULL);
CREATE TABLE pair (
    shard INTEGER NOT NULL,
    key BLOB NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (shard, key)
) WITHOUT ROWID;
";

/// What lists are made from.
///
/// - `visibility`: a row for each shown run. `close_time` is the greatest integer while the run is open, so that open runs
///   come first in descending order. Run ids are ordered by time, so new rows go to the end of the table. Memos stand with
///   the states of their runs, so that a row is small. `place` is where the row is in blocks: see `blocks`.
/// - `keyword`: the runs by their keywords, by what is in their keyword lists, by the words of their texts, and, for those
///   that others have started, by the ids of parents and roots.
///
/// Every index begins with the namespace, so that the runs of one are not in the way of another. Few of them hold what
/// changes when a run closes, and none what is in no order and can be found by blocks.
pub(crate) const VISIBILITY: &str = "
CREATE TABLE visibility (
    run BLOB PRIMARY KEY,
    namespace BLOB NOT NULL,
    close_time INTEGER NOT NULL,
    start_time INTEGER NOT NULL,
    execution_time INTEGER NOT NULL,
    status INTEGER NOT NULL,
    workflow_id TEXT NOT NULL,
    workflow_type TEXT NOT NULL,
    task_queue TEXT NOT NULL,
    history_length INTEGER NOT NULL,
    history_size INTEGER NOT NULL,
    state_transitions INTEGER NOT NULL,
    parent_workflow_id TEXT,
    parent_run_id TEXT,
    root_workflow_id TEXT NOT NULL,
    root_run_id TEXT NOT NULL,
    has_memo INTEGER NOT NULL,
    attributes BLOB,
    place INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX visibility_order ON visibility (namespace, close_time DESC, start_time DESC, run);
CREATE INDEX visibility_workflow ON visibility (namespace, workflow_id);
CREATE TABLE keyword (
    namespace BLOB NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    run BLOB NOT NULL,
    PRIMARY KEY (namespace, name, value, run)
) WITHOUT ROWID;
";

/// The rows of lists once more, by columns: see `blocks`.
///
/// - `block`: what is in each block: how many rows, which of them are dead, its ends in the order of lists, and the head of
///   its columns.
/// - `cell`: a column of a block.
/// - `tail`: the runs in the places that are in no block yet, sixteen bytes each, from the place `first` on.
pub(crate) const BLOCKS: &str = "
CREATE TABLE block (
    namespace BLOB NOT NULL,
    number INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    dead_rows INTEGER NOT NULL,
    newest_close INTEGER NOT NULL,
    newest_start INTEGER NOT NULL,
    oldest_close INTEGER NOT NULL,
    oldest_start INTEGER NOT NULL,
    head BLOB NOT NULL,
    dead BLOB,
    PRIMARY KEY (namespace, number)
) WITHOUT ROWID;
CREATE INDEX block_order ON block
    (namespace, newest_close DESC, newest_start DESC, oldest_close, oldest_start, number);
CREATE TABLE cell (
    namespace BLOB NOT NULL,
    name TEXT NOT NULL,
    kind INTEGER NOT NULL,
    block INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (namespace, name, kind, block)
) WITHOUT ROWID;
CREATE TABLE tail (
    namespace BLOB NOT NULL,
    is_closed INTEGER NOT NULL,
    first INTEGER NOT NULL,
    runs BLOB NOT NULL,
    PRIMARY KEY (namespace, is_closed, first)
) WITHOUT ROWID;
";

/// The id that a file shares with its commit log.
pub(crate) const LOG: &str = "INSERT INTO meta (name, value) VALUES ('log', hex(randomblob(16)));";
