//! The memos of a list. They do not stand in the rows of lists, which are searched, but with the state of their runs.

use model::WorkflowKey;
use prost::Message;
use proto::temporal::api::common::v1::Memo;
use store::{
    Key, Store, StoreError,
    visibility::{Cursor, Query, Row},
};

use crate::persist;

/// Bytes of memos in a page, beyond which it ends: what a client takes in one message is bounded.
const PAGE_BYTES: usize = 2 << 20;

/// A run of a list, with its memo.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    pub row: Row,
    pub memo: Option<Memo>,
}

/// A page of a list with memos; it may be shorter than was asked for where `next` says that there is more.
#[derive(Clone, Debug, PartialEq)]
pub struct ListPage {
    pub runs: Vec<Listed>,
    pub next: Option<Cursor>,
}

/// A page with memos, of a store of so many shards.
///
/// # Errors
/// When the storage fails.
pub(super) fn page(store: &dyn Store, query: &Query, shards: u32) -> Result<ListPage, StoreError> {
    let page = store.query(query)?;
    let mut runs = Vec::with_capacity(page.rows.len());
    let mut bytes = 0;
    for row in page.rows {
        if bytes > PAGE_BYTES {
            let next = runs.last().map(|Listed { row, .. }| Cursor::of(row));
            return Ok(ListPage { runs, next });
        }
        let memo = if row.has_memo { read(store, &row, shards)? } else { None };
        bytes += memo.as_ref().map_or(0, Memo::encoded_len);
        runs.push(Listed { row, memo });
    }
    Ok(ListPage { runs, next: page.next })
}

/// The memo of a run; `None` when the run was deleted meanwhile.
fn read(store: &dyn Store, row: &Row, shards: u32) -> Result<Option<Memo>, StoreError> {
    let shard = WorkflowKey::new(row.namespace, &row.workflow_id).shard(shards);
    let Some(attributes) = store.get(shard, &Key::Attributes(row.run_id).encode())? else { return Ok(None) };
    persist::memo(row.run_id, attributes, || store.get(shard, &Key::History(row.run_id, 1).encode()))
}
