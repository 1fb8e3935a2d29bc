//! Visibility rows to and from their table.

use std::collections::BTreeMap;

use bytes::Bytes;
use model::{NamespaceId, RunId, Time};
use proto::temporal::api::enums::v1::WorkflowExecutionStatus;
use rusqlite::{
    CachedStatement, Error, OptionalExtension, ToSql, Transaction, params, params_from_iter,
    types::{Type, Value as Cell},
};
use store::{
    StoreError,
    visibility::{Row, Value, decode_attributes, encode_attributes},
};
use uuid::Uuid;

use crate::readers::{Failure, Read};

/// The columns of a row, in the order that `read` takes them.
pub(crate) const COLUMNS: &str = "v.namespace, v.run, v.close_time, v.start_time, v.execution_time, v.status, \
    v.workflow_id, v.workflow_type, v.task_queue, v.history_length, v.history_size, v.state_transitions, \
    v.parent_workflow_id, v.parent_run_id, v.root_workflow_id, v.root_run_id, v.has_memo, v.attributes";

/// The close time of an open run.
pub(crate) const OPEN: Time = Time::MAX;

/// The search attribute that is a column too.
pub(crate) const DIVISION: &str = "TemporalNamespaceDivision";

/// What a run's row may change to: nothing of it stands in an index but in that of the order.
const UPDATE: &str = "UPDATE visibility SET close_time = ?2, execution_time = ?3, status = ?4, task_queue = ?5, \
    history_length = ?6, history_size = ?7, state_transitions = ?8, division = ?9, has_memo = ?10, attributes = ?11 \
    WHERE run = ?1";

const INSERT: &str = "INSERT OR IGNORE INTO visibility (run, close_time, execution_time, status, task_queue, history_length, \
    history_size, state_transitions, division, has_memo, attributes, namespace, start_time, workflow_id, workflow_type, \
    parent_workflow_id, parent_run_id, root_workflow_id, root_run_id) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)";

const FIND: &str = "SELECT attributes FROM visibility WHERE run = ?1";

const REMOVE: &str = "DELETE FROM visibility WHERE run = ?1 RETURNING attributes";

/// What the rows of a transaction are written with: each statement is looked up once.
pub(crate) struct Changes<'t> {
    find: CachedStatement<'t>,
    insert: CachedStatement<'t>,
    update: CachedStatement<'t>,
    remove: CachedStatement<'t>,
    index: [CachedStatement<'t>; 2],
    unindex: [CachedStatement<'t>; 2],
}

impl<'t> Changes<'t> {
    pub(crate) fn of(transaction: &'t Transaction<'_>) -> Result<Self, Error> {
        Ok(Self {
            find: transaction.prepare_cached(FIND)?,
            insert: transaction.prepare_cached(INSERT)?,
            update: transaction.prepare_cached(UPDATE)?,
            remove: transaction.prepare_cached(REMOVE)?,
            index: [
                transaction.prepare_cached("INSERT OR IGNORE INTO attribute (name, value, run) VALUES (?1, ?2, ?3)")?,
                transaction.prepare_cached("INSERT OR IGNORE INTO item (name, value, run) VALUES (?1, ?2, ?3)")?,
            ],
            unindex: [
                transaction.prepare_cached("DELETE FROM attribute WHERE name = ?1 AND value = ?2 AND run = ?3")?,
                transaction.prepare_cached("DELETE FROM item WHERE name = ?1 AND value = ?2 AND run = ?3")?,
            ],
        })
    }

    /// Writes a run's row, whether or not there is one.
    pub(crate) fn show(&mut self, row: &Row) -> Result<(), Error> {
        let run = &row.run_id.as_bytes()[..];
        let attributes = match row.search_attributes.is_empty() {
            true => None,
            false => Some(encode_attributes(&row.search_attributes).to_vec()),
        };
        let division = match row.search_attributes.get(DIVISION) {
            Some(Value::Keyword(division)) => Some(division.as_str()),
            _ => None,
        };
        let close_time = row.close_time.unwrap_or(OPEN).0;
        let status = row.status as i32;
        let namespace = &row.namespace.as_bytes()[..];
        let changing: [&dyn ToSql; 11] = [
            &run,
            &close_time,
            &row.execution_time.0,
            &status,
            &row.task_queue,
            &row.history_length,
            &row.history_size,
            &row.state_transitions,
            &division,
            &row.has_memo,
            &attributes,
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
            return write_entries(&mut self.index, run, &row.search_attributes);
        }
        let before: Option<Vec<u8>> = self.find.query_row([run], |found| found.get(0))?;
        self.update.execute(changing)?;
        if before != attributes {
            self.unindex(run, before)?;
            write_entries(&mut self.index, run, &row.search_attributes)?;
        }
        Ok(())
    }

    /// Removes a run's row, if there is one.
    pub(crate) fn hide(&mut self, run_id: RunId) -> Result<(), Error> {
        let run = &run_id.as_bytes()[..];
        let attributes: Option<Option<Vec<u8>>> = self.remove.query_row([run], |found| found.get(0)).optional()?;
        self.unindex(run, attributes.flatten())
    }

    /// Takes back what was written to the indexes for these stored attributes.
    fn unindex(&mut self, run: &[u8], stored: Option<Vec<u8>>) -> Result<(), Error> {
        let damaged = |error| Error::FromSqlConversionFailure(0, Type::Blob, Box::new(error));
        let attributes = stored.map(|bytes| decode_attributes(bytes.into())).transpose().map_err(damaged)?;
        write_entries(&mut self.unindex, run, &attributes.unwrap_or_default())
    }
}

/// Runs a table's statement for each entry of these attributes in it.
fn write_entries(
    [attribute, item]: &mut [CachedStatement<'_>; 2],
    run: &[u8],
    attributes: &BTreeMap<String, Value>,
) -> Result<(), Error> {
    each_entry(attributes, |table, name, value| {
        let statement = match table {
            Table::Attribute => &mut *attribute,
            Table::Item => &mut *item,
        };
        statement.execute(params![name, value, run]).map(drop)
    })
}

/// Where a value is found.
enum Table {
    Attribute,
    Item,
}

/// What the indexes hold of these attributes.
fn each_entry(
    attributes: &BTreeMap<String, Value>,
    mut entry: impl FnMut(Table, &str, Cell) -> Result<(), Error>,
) -> Result<(), Error> {
    for (name, value) in attributes {
        match value {
            Value::KeywordList(items) => {
                for text in items {
                    entry(Table::Item, name, Cell::Text(text.clone()))?;
                }
            }
            // What is not a number is null to SQLite, and equal to nothing.
            Value::Double(value) if value.is_nan() => {}
            value => entry(Table::Attribute, name, cell(value))?,
        }
    }
    Ok(())
}

/// A value as conditions see it; a keyword list is there, but only its items are compared.
pub(crate) fn cell(value: &Value) -> Cell {
    match value {
        Value::Text(text) | Value::Keyword(text) => Cell::Text(text.clone()),
        Value::Int(value) => Cell::Integer(*value),
        Value::Double(value) => Cell::Real(*value),
        Value::Bool(value) => Cell::Integer(i64::from(*value)),
        Value::Datetime(time) => Cell::Integer(time.0),
        Value::KeywordList(_) => Cell::Text(String::new()),
    }
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

fn damaged(what: &str) -> Failure {
    Failure::Record(StoreError::Unusable(format!("{what} in a stored visibility row is damaged: restore a copy")))
}
