//! Older formats, brought up to date at open, after a copy of the file.

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader},
    path::{Path, PathBuf},
};

use rusqlite::{Connection, Error, Transaction};
use store::StoreError;

use crate::{
    backup,
    blocks::Tails,
    error,
    files::{self, Files},
    rows::{self, COLUMNS},
    schema::{BLOCKS, FORMAT, LOG, VISIBILITY},
};

/// Changes a file of one format to the next.
pub(crate) type Step = fn(&Transaction<'_>) -> Result<(), Error>;

/// The step at index `n` leads from format `n + 1` to `n + 2`.
pub(crate) const STEPS: &[Step] = &[
    runs_name_their_rows,
    histories_stand_with_their_runs,
    commits_go_to_a_log,
    memos_leave_their_rows,
    pages_have_checksums,
    rows_get_places,
    kinds_are_known,
];

/// Rows of lists had a number beside the id of their run.
fn runs_name_their_rows(transaction: &Transaction<'_>) -> Result<(), Error> {
    const COLUMNS: &str = "run, namespace, close_time, start_time, execution_time, status, workflow_id, workflow_type, \
        task_queue, history_length, history_size, state_transitions, parent_workflow_id, parent_run_id, \
        root_workflow_id, root_run_id, division, memo, attributes";
    transaction.execute_batch(
        "DROP INDEX visibility_run; DROP INDEX visibility_order; DROP INDEX visibility_workflow;
         DROP INDEX visibility_parent; DROP INDEX attribute_value; DROP INDEX item_value;
         ALTER TABLE visibility RENAME TO old_visibility;
         ALTER TABLE attribute RENAME TO old_attribute;
         ALTER TABLE item RENAME TO old_item;",
    )?;
    transaction.execute_batch(
        "CREATE TABLE visibility (run BLOB PRIMARY KEY, namespace BLOB NOT NULL, close_time INTEGER NOT NULL,
             start_time INTEGER NOT NULL, execution_time INTEGER NOT NULL, status INTEGER NOT NULL,
             workflow_id TEXT NOT NULL, workflow_type TEXT NOT NULL, task_queue TEXT NOT NULL,
             history_length INTEGER NOT NULL, history_size INTEGER NOT NULL, state_transitions INTEGER NOT NULL,
             parent_workflow_id TEXT, parent_run_id TEXT, root_workflow_id TEXT NOT NULL, root_run_id TEXT NOT NULL,
             division TEXT, memo BLOB, attributes BLOB) WITHOUT ROWID;
         CREATE INDEX visibility_order ON visibility
             (namespace, close_time DESC, start_time DESC, run, status, division, workflow_type);
         CREATE INDEX visibility_workflow ON visibility (namespace, workflow_id);
         CREATE INDEX visibility_parent ON visibility (namespace, parent_workflow_id)
             WHERE parent_workflow_id IS NOT NULL;",
    )?;
    transaction.execute_batch(&format!(
        "CREATE TABLE attribute (run, name, value);
         CREATE TABLE item (run, name, value);
         INSERT INTO visibility ({COLUMNS}) SELECT {COLUMNS} FROM old_visibility ORDER BY run;
         INSERT INTO attribute (run, name, value)
             SELECT v.run, a.name, a.value FROM old_attribute a JOIN old_visibility v ON v.id = a.id;
         INSERT INTO item (run, name, value)
             SELECT v.run, i.name, i.value FROM old_item i JOIN old_visibility v ON v.id = i.id;
         DROP TABLE old_visibility; DROP TABLE old_attribute; DROP TABLE old_item;"
    ))
}

/// A run's history stood apart from its state, and search attributes had a table by run beside each index.
fn histories_stand_with_their_runs(transaction: &Transaction<'_>) -> Result<(), Error> {
    transaction.execute_batch(
        "UPDATE pair SET key = CAST(x'20' || substr(key, 2, 16) || x'7f' || substr(key, 18) AS BLOB)
             WHERE key >= x'30' AND key < x'31';
         ALTER TABLE attribute RENAME TO old_attribute;
         ALTER TABLE item RENAME TO old_item;",
    )?;
    transaction.execute_batch(
        "CREATE TABLE attribute (name TEXT NOT NULL, value NOT NULL, run BLOB NOT NULL, PRIMARY KEY (name, value, run))
             WITHOUT ROWID;
         CREATE TABLE item (name TEXT NOT NULL, value TEXT NOT NULL, run BLOB NOT NULL, PRIMARY KEY (name, value, run))
             WITHOUT ROWID;",
    )?;
    // Of a keyword list there was an empty text in the one table, and its items in the other.
    transaction.execute_batch(
        "INSERT INTO attribute (name, value, run) SELECT name, value, run FROM old_attribute old
             WHERE value IS NOT NULL
                 AND NOT EXISTS (SELECT 1 FROM old_item WHERE run = old.run AND name = old.name);
         INSERT INTO item (name, value, run) SELECT name, value, run FROM old_item;
         DROP TABLE old_attribute; DROP TABLE old_item;",
    )
}

/// The tables were all there was; a version that knows no log must not open a file that has one.
fn commits_go_to_a_log(transaction: &Transaction<'_>) -> Result<(), Error> {
    transaction.execute_batch(LOG)
}

/// Memos made the rows of lists large.
fn memos_leave_their_rows(transaction: &Transaction<'_>) -> Result<(), Error> {
    transaction.execute_batch(
        "ALTER TABLE visibility ADD COLUMN has_memo INTEGER NOT NULL DEFAULT 0;
         UPDATE visibility SET has_memo = 1 WHERE memo IS NOT NULL;
         ALTER TABLE visibility DROP COLUMN memo;",
    )
}

/// The tables are the same; a version that keeps no checksums must not write to a file that has them.
fn pages_have_checksums(_: &Transaction<'_>) -> Result<(), Error> {
    Ok(())
}

/// Whether a file of this format is brought up to date when it is opened.
pub(crate) fn is_needed(format: i64) -> bool {
    format < FORMAT
}

/// Rows stood in no blocks, and search attributes of all types in an index that did not begin with the namespace.
///
/// Rows are written as this version writes them: the step to the next format of lists takes the place of this one.
fn rows_get_places(transaction: &Transaction<'_>) -> Result<(), Error> {
    transaction.execute_batch(
        "DROP INDEX visibility_parent; DROP TABLE attribute; DROP TABLE item;
         ALTER TABLE visibility ADD COLUMN place INTEGER NOT NULL DEFAULT 0;",
    )?;
    transaction.execute_batch(BLOCKS)?;
    place_anew(transaction)
}

/// The tables are the same; a version must not open the file that knows no column of far times and no search attribute of
/// that kind, no sessions of browsers, and no kinds of entities in keys. The keys themselves are rewritten above
/// ([`store::upgrade`]).
fn kinds_are_known(_: &Transaction<'_>) -> Result<(), Error> {
    Ok(())
}

/// Writes the rows of lists anew, with all that is made from them. There must be nothing in blocks, and no keyword.
pub(crate) fn place_anew(transaction: &Transaction<'_>) -> Result<(), Error> {
    transaction.execute_batch(
        "DROP INDEX visibility_order; DROP INDEX visibility_workflow; DROP TABLE IF EXISTS keyword;
         ALTER TABLE visibility RENAME TO old_visibility;",
    )?;
    transaction.execute_batch(VISIBILITY)?;
    let mut tails = Tails::default();
    let mut changes = rows::Changes::of(transaction, &mut tails)?;
    let old = format!("SELECT {COLUMNS} FROM old_visibility v ORDER BY v.close_time, v.start_time");
    let mut statement = transaction.prepare(&old)?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        changes.show(rows::read(row)?)?;
    }
    drop(found);
    drop(statement);
    changes.finish()?;
    transaction.execute_batch("DROP TABLE old_visibility")
}

/// Brings a file of format `from` to the format behind the last step, all in one transaction.
pub(crate) fn run(connection: &mut Connection, path: &Path, from: i64, steps: &[Step]) -> Result<(), StoreError> {
    let done = usize::try_from(from - 1).unwrap_or_default();
    let Some(steps) = steps.get(done..).filter(|steps| !steps.is_empty()) else {
        return Ok(());
    };
    let failed = |error: Error| error::of(path, &error);
    let transaction = connection.transaction().map_err(failed)?;
    for step in steps {
        step(&transaction).map_err(failed)?;
    }
    let format = from + i64::try_from(steps.len()).unwrap_or_default();
    transaction.pragma_update(None, "user_version", format).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// Copies a file of an older format, and what is beside it, to another name. SQLite must not have it open. A copy that takes
/// its name is whole; one that an earlier attempt has made of the same state is kept.
///
/// # Errors
/// `Unusable` when there is something else of that name.
pub(crate) fn copy(files: &Files, format: i64) -> Result<(), StoreError> {
    let copy = Files::of(&copy_path(&files.database, format));
    let failed = |error: io::Error| error::of_file(&copy.database, &error);
    let is_there = files::length(&copy.database).map_err(failed)?.is_some();
    if is_there && is_same(files, &copy).map_err(failed)? {
        return Ok(());
    }
    if is_there {
        return Err(StoreError::Unusable(format!(
            "a copy of database file \"{}\" can't be made: \"{}\" exists, move it away",
            files.database.display(),
            copy.database.display()
        )));
    }
    let draft = Files::of(&files::beside(&copy.database, "-new"));
    // What an attempt that was stopped has left.
    backup::discard(&draft);
    backup::discard(&copy);
    backup::copy_set(files, &draft)?;
    // The database comes last: with it the copy is there.
    for (from, to) in draft.all().into_iter().zip(copy.all()).rev() {
        if files::length(from).map_err(failed)?.is_some() {
            fs::rename(from, to).map_err(failed)?;
        }
    }
    files::sync_folder(&copy.database).map_err(failed)
}

/// Whether a copy holds what the files hold: the tables, and the log of what is to come into them. SQLite's log may have
/// grown by a step that was stopped.
fn is_same(files: &Files, copy: &Files) -> io::Result<bool> {
    Ok(has_same_content(&files.database, &copy.database)? && has_same_content(&files.log, &copy.log)?)
}

fn has_same_content(left: &Path, right: &Path) -> io::Result<bool> {
    let lengths = (files::length(left)?, files::length(right)?);
    if lengths.0 != lengths.1 || lengths.0.is_none() {
        return Ok(lengths == (None, None));
    }
    let (mut left, mut right) = (BufReader::new(File::open(left)?), BufReader::new(File::open(right)?));
    loop {
        let (a, b) = (left.fill_buf()?, right.fill_buf()?);
        let length = a.len().min(b.len());
        if length == 0 {
            return Ok(a.len() == b.len());
        }
        if a[..length] != b[..length] {
            return Ok(false);
        }
        left.consume(length);
        right.consume(length);
    }
}

/// Where the copy of a file of an older format is put.
pub(crate) fn copy_path(path: &Path, format: i64) -> PathBuf {
    files::beside(path, &format!("-format-{format}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(transaction: &Transaction<'_>) -> Result<(), Error> {
        transaction.execute_batch("INSERT INTO log VALUES ('step')")
    }

    fn file(name: &str) -> (PathBuf, Connection) {
        let folder = std::env::temp_dir().join(format!("store-sqlite-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("data.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("CREATE TABLE log (entry TEXT)").unwrap();
        connection.pragma_update(None, "user_version", 2).unwrap();
        (path, connection)
    }

    fn entries(connection: &Connection) -> i64 {
        connection.query_row("SELECT count(*) FROM log", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn an_old_file_is_copied_and_brought_up_to_date() {
        let (path, connection) = file("migrate");
        drop(connection);
        copy(&Files::of(&path), 2).unwrap();
        let mut connection = Connection::open(&path).unwrap();
        run(&mut connection, &path, 2, &[step, step, step]).unwrap();
        assert_eq!(entries(&connection), 2, "the step from format 1 is behind");
        let format: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(format, 4);
        let copy = Connection::open(copy_path(&path, 2)).unwrap();
        assert_eq!(entries(&copy), 0);
    }

    #[test]
    fn a_copy_that_is_in_the_way_stops_it() {
        let (path, _) = file("copy");
        std::fs::write(copy_path(&path, 2), "mine").unwrap();
        let error = copy(&Files::of(&path), 2).unwrap_err();
        assert!(error.to_string().contains("move it away"), "{error}");
    }

    #[test]
    fn a_copy_of_the_same_state_is_kept_and_a_torn_one_replaced() {
        let (path, connection) = file("again");
        drop(connection);
        let files = Files::of(&path);
        let kept = copy_path(&path, 2);
        std::fs::write(files::beside(&kept, "-new"), "the half of a copy").unwrap();
        std::fs::write(files::beside(&kept, "-log"), "what came before its database").unwrap();
        copy(&files, 2).unwrap();
        assert!(!files::beside(&kept, "-new").exists() && !files::beside(&kept, "-log").exists());
        copy(&files, 2).unwrap();
        let connection = Connection::open(&path).unwrap();
        step(&connection.unchecked_transaction().unwrap()).unwrap();
        connection.execute_batch("INSERT INTO log VALUES ('since')").unwrap();
        drop(connection);
        assert!(copy(&files, 2).unwrap_err().to_string().contains("move it away"));
        assert_eq!(entries(&Connection::open(&kept).unwrap()), 0);
    }

    #[test]
    fn a_step_that_is_behind_is_not_taken_again() {
        let (path, mut connection) = file("newest");
        run(&mut connection, &path, 2, &[step]).unwrap();
        assert_eq!(entries(&connection), 0);
    }
}
