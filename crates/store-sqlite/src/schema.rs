//! The tables. A change here is a new format: raise `FORMAT` and add the step to `migrate`.

/// The format that this version reads and writes; stands in the file as SQLite's `user_version`.
pub(crate) const FORMAT: i64 = 6;

/// The first format whose pages have checksums.
pub(crate) const SUMMED: i64 = 6;

/// Marks a file as ours; stands in the file as SQLite's `application_id`: "PERD".
pub(crate) const APPLICATION_ID: i64 = 0x5045_5244;

/// What a new file is made of, beside [`VISIBILITY`] and [`ATTRIBUTES`].
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
///   come first in descending order. `division` repeats the search attribute `TemporalNamespaceDivision`, which nearly
///   every list asks for. Run ids are ordered by time, so new rows go to the end of the table. The index of the order also
///   holds what lists filter by most, so that a filter is decided without a look at the row. No other index holds what
///   changes when a run closes. Memos stand with the states of their runs, so that a row is small.
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
    division TEXT,
    has_memo INTEGER NOT NULL,
    attributes BLOB
) WITHOUT ROWID;
CREATE INDEX visibility_order ON visibility
    (namespace, close_time DESC, start_time DESC, run, status, division, workflow_type);
CREATE INDEX visibility_workflow ON visibility (namespace, workflow_id);
CREATE INDEX visibility_parent ON visibility (namespace, parent_workflow_id) WHERE parent_workflow_id IS NOT NULL;
";

/// Where runs are found by their search attributes, which stand in the run's row.
///
/// - `attribute`: the runs by what an attribute of theirs is.
/// - `item`: the runs by what is in a keyword list of theirs.
pub(crate) const ATTRIBUTES: &str = "
CREATE TABLE attribute (
    name TEXT NOT NULL,
    value NOT NULL,
    run BLOB NOT NULL,
    PRIMARY KEY (name, value, run)
) WITHOUT ROWID;
CREATE TABLE item (
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    run BLOB NOT NULL,
    PRIMARY KEY (name, value, run)
) WITHOUT ROWID;
";

/// The id that a file shares with its commit log.
pub(crate) const LOG: &str = "INSERT INTO meta (name, value) VALUES ('log', hex(randomblob(16)));";
