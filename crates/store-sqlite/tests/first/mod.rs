//! The first format, as files have it that are brought up to date.

/// The tables of lists.
pub(crate) const FIRST_LISTS: &str = "
CREATE TABLE visibility (
    id INTEGER PRIMARY KEY, namespace BLOB NOT NULL, run BLOB NOT NULL, close_time INTEGER NOT NULL,
    start_time INTEGER NOT NULL, execution_time INTEGER NOT NULL, status INTEGER NOT NULL, workflow_id TEXT NOT NULL,
    workflow_type TEXT NOT NULL, task_queue TEXT NOT NULL, history_length INTEGER NOT NULL,
    history_size INTEGER NOT NULL, state_transitions INTEGER NOT NULL, parent_workflow_id TEXT, parent_run_id TEXT,
    root_workflow_id TEXT NOT NULL, root_run_id TEXT NOT NULL, division TEXT, memo BLOB, attributes BLOB
);
CREATE UNIQUE INDEX visibility_run ON visibility (run);
CREATE INDEX visibility_order ON visibility
    (namespace, close_time DESC, start_time DESC, run, status, division, workflow_type);
CREATE INDEX visibility_workflow ON visibility (namespace, workflow_id, close_time DESC, start_time DESC, run);
CREATE INDEX visibility_parent ON visibility
    (namespace, parent_workflow_id, close_time DESC, start_time DESC, run) WHERE parent_workflow_id IS NOT NULL;
CREATE TABLE attribute (id INTEGER NOT NULL, name TEXT NOT NULL, value, PRIMARY KEY (id, name)) WITHOUT ROWID;
CREATE INDEX attribute_value ON attribute (name, value, id);
CREATE TABLE item (
    id INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (id, name, value)
) WITHOUT ROWID;
CREATE INDEX item_value ON item (name, value, id);
";
