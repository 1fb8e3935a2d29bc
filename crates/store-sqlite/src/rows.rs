//! Visibility rows to and from their table.

use bytes::Bytes;
use model::{NamespaceId, RunId, Time};
use proto::temporal::api::enums::v1::WorkflowExecutionStatus;
use rusqlite::{CachedStatement, Error, ToSql, Transaction, params, params_from_iter};
use store::{
    StoreError,
    visibility::{Row, Value, decode_attributes, encode_attributes, words},
};
use uuid::Uuid;

use crate::{
    blocks::{Place, Source, Tails, Writer, is_id},
    readers::{Failure, Read},
};

/// The columns of a row, in the order that `read` takes them, and its place.
pub(crate) const COLUMNS: &str = "v.namespace, v.run, v.close_time, v.start_time, v.execution_time, v.status, \
    v.workflow_id, v.workflow_type, v.task_queue, v.history_length, v.history_size, v.state_transitions, \
    v.parent_workflow_id, v.parent_run_id, v.root_workflow_id, v.root_run_id, v.has_memo, v.attributes, v.place";

/// The close time of an open run.
pub(crate) const OPEN: Time = Time::MAX;

/// What a run's row may change to: nothing of it stands in an index but in that of the order.
const UPDATE: &str = "UPDATE visibility SET close_time = ?2, execution_time = ?3, status = ?4, task_queue = ?5, \
    history_length = ?6, history_size = ?7, state_transitions = ?8, has_memo = ?9, attributes = ?10, place = ?11 \
    WHERE run = ?1";

const INSERT: &str = "INSERT OR IGNORE INTO visibility (run, close_time, execution_time, status, task_queue, history_length, \
    history_size, state_transitions, has_memo, attributes, place, namespace, start_time, workflow_id, workflow_type, \
    parent_workflow_id, parent_run_id, root_workflow_id, root_run_id) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)";

const FIND: &str = "SELECT attributes, place FROM visibility WHERE run = ?1";

const REMOVE: &str = "DELETE FROM visibility WHERE run = ?1";

/// What the rows of a transaction are written with: each statement is looked up once. `finish` must be called before the
/// transaction is committed.
pub(crate) struct Changes<'t> {
    transaction: &'t Transaction<'t>,
    find: CachedStatement<'t>,
    insert: CachedStatement<'t>,
    update: CachedStatement<'t>,
    index: CachedStatement<'t>,
    unindex: CachedStatement<'t>,
    places: Writer<'t>,
}

impl<'t> Changes<'t> {
    pub(crate) fn of(transaction: &'t Transaction<'t>, tails: &'t mut Tails) -> Result<Self, Error> {
        Ok(Self {
            transaction,
            find: transaction.prepare_cached(FIND)?,
            insert: transaction.prepare_cached(INSERT)?,
            update: transaction.prepare_cached(UPDATE)?,
            index: transaction.prepare_cached(
                "INSERT OR IGNORE INTO keyword (namespace, name, value, run) VALUES (?1, ?2, ?3, ?4)",
            )?,
            unindex: transaction
                .prepare_cached("DELETE FROM keyword WHERE namespace = ?1 AND name = ?2 AND value = ?3 AND run = ?4")?,
            places: Writer::new(transaction, tails),
        })
    }

    /// Writes what is to be written beside the rows.
    pub(crate) fn finish(self) -> Result<(), Error> {
        Ok(self.places.finish()?)
    }

    /// Writes a run's row, whether or not there is one.
    pub(crate) fn show(&mut self, row: Row) -> Result<(), Error> {
        let run = &row.run_id.as_bytes()[..];
        let attributes = match row.search_attributes.is_empty() {
            true => None,
            false => Some(encode_attributes(&row.search_attributes).to_vec()),
        };
        let close_time = row.close_time.unwrap_or(OPEN).0;
        let status = row.status as i32;
        let namespace = &row.namespace.as_bytes()[..];
        let place = self.places.next(&row)?.number();
        let changing: [&dyn ToSql; 11] = [
            &run,
            &close_time,
            &row.execution_time.0,
            &status,
            &row.task_queue,
            &row.history_length,
            &row.history_size,
            &row.state_transitions,
            &row.has_memo,
            &attributes,
            &place,
        ];
        let fixed: [&dyn ToSql; 8] = [
            &namespace,
            &row.start_time.0,
            &row.workflow_id,
            &row.workflow_type,
            &row.parent_workflow_id,
            &row.parent_run_id,
            &row.root_workflow_id,
            &row.root_run_id,
        ];
        // Most runs are closed by the time that they are first written.
        let is_new = self.insert.execute(params_from_iter(changing.iter().chain(&fixed)))? > 0;
        if is_new {
            write_entries(&mut self.index, &row, true)?;
        } else {
            let read = |found: &rusqlite::Row<'_>| Ok((found.get::<_, Option<Vec<u8>>>(0)?, found.get(1)?));
            let (before, left) = self.find.query_row([run], read)?;
            self.update.execute(changing)?;
            self.places.leave(row.namespace, Place::of_number(left))?;
            if before != attributes {
                let stored = before.map(|bytes| decode_attributes(bytes.into())).transpose().map_err(Failure::from)?;
                let old = Row { search_attributes: stored.unwrap_or_default(), ..row.clone() };
                write_entries(&mut self.unindex, &old, false)?;
                write_entries(&mut self.index, &row, false)?;
            }
        }
        self.places.keep(row);
        Ok(())
    }

    /// Removes a run's row, if there is one.
    pub(crate) fn hide(&mut self, run_id: RunId) -> Result<(), Error> {
        let run = &run_id.as_bytes()[..];
        let Some((row, left)) = Source::new(self.transaction, NamespaceId::default())?.row(run)? else { return Ok(()) };
        self.transaction.prepare_cached(REMOVE)?.execute([run])?;
        write_entries(&mut self.unindex, &row, true)?;
        self.places.leave(row.namespace, left)?;
        self.places.thin(row.namespace);
        Ok(())
    }
}

/// Runs the statement for each entry of the row in the index of keywords; for those of its search attributes only where not
/// `all` of it is meant.
fn write_entries(statement: &mut CachedStatement<'_>, row: &Row, all: bool) -> Result<(), Error> {
    let (namespace, run) = (&row.namespace.as_bytes()[..], &row.run_id.as_bytes()[..]);
    let mut write = |name: &str, text: &str| statement.execute(params![namespace, name, text, run]).map(drop);
    for (name, value) in &row.search_attributes {
        match value {
            Value::Keyword(text) => write(name, text)?,
            Value::KeywordList(items) => items.iter().try_for_each(|item| write(name, item))?,
            Value::Text(text) => words(text).iter().try_for_each(|word| write(name, word))?,
            // What comes in no order is found by blocks.
            Value::Int(_) | Value::Double(_) | Value::Bool(_) | Value::Datetime(_) => {}
        }
    }
    if !all {
        return Ok(());
    }
    let parent = [("ParentWorkflowId", &row.parent_workflow_id), ("ParentRunId", &row.parent_run_id)];
    for (name, id) in parent {
        id.iter().try_for_each(|id| write(name, id))?;
    }
    // Most runs are their own roots.
    if row.root_workflow_id != row.workflow_id {
        write("RootWorkflowId", &row.root_workflow_id)?;
    }
    if !is_id(row.run_id.0, &row.root_run_id) {
        write("RootRunId", &row.root_run_id)?;
    }
    Ok(())
}

/// The row in the `COLUMNS` of a result.
pub(crate) fn read(found: &rusqlite::Row<'_>) -> Read<Row> {
    let uuid = |column| -> Read<Uuid> {
        let bytes = found.get_ref(column)?.as_blob().unwrap_or_default();
        Uuid::from_slice(bytes).map_err(|_| damaged("an id"))
    };
    let close_time = Time(found.get(2)?);
    let attributes: Option<Vec<u8>> = found.get(17)?;
    Ok(Row {
        namespace: NamespaceId(uuid(0)?),
        run_id: RunId(uuid(1)?),
        close_time: (close_time != OPEN).then_some(close_time),
        start_time: Time(found.get(3)?),
        execution_time: Time(found.get(4)?),
        status: WorkflowExecutionStatus::try_from(found.get::<_, i32>(5)?).map_err(|_| damaged("a status"))?,
        workflow_id: found.get(6)?,
        workflow_type: found.get(7)?,
        task_queue: found.get(8)?,
        history_length: found.get(9)?,
        history_size: found.get(10)?,
        state_transitions: found.get(11)?,
        parent_workflow_id: found.get(12)?,
        parent_run_id: found.get(13)?,
        root_workflow_id: found.get(14)?,
        root_run_id: found.get(15)?,
        has_memo: found.get(16)?,
        search_attributes: match attributes {
            Some(bytes) => decode_attributes(Bytes::from(bytes))?,
            None => Default::default(),
        },
    })
}

/// The place in the `COLUMNS` of a result.
pub(crate) fn place(found: &rusqlite::Row<'_>) -> Read<Place> {
    Ok(Place::of_number(found.get(18)?))
}

pub(crate) fn damaged(what: &str) -> Failure {
    Failure::Record(StoreError::Unusable(format!("{what} in the tables of lists is damaged: restore a copy")))
}
