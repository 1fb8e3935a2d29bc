//! `GetAuditLogs`. The log is read where it stands; only the page is ever in memory.

use std::{collections::BTreeMap, time::Duration};

use model::{Reject, Time};
use prost::Message;
use prost_types::{Struct, Value, value::Kind};
use proto::temporal::api::cloud::{
    auditlog::v1::{LogRecord, Principal},
    cloudservice::v1::{GetAuditLogsRequest, GetAuditLogsResponse},
};
use store::{ControlKey, Key, Store, StoreError, key::prefix_end, record};

use crate::{
    SHARD,
    record::{AuditEntry, AuditRecord},
    request::{ApiRequest, Query},
    state::page::{self, PageRequest},
    turn::View,
};

/// How far back a list goes that does not say where to begin.
const LOOK_BACK: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// The version of the log's message, as the API counts it.
const VERSION: i32 = 2;

impl ApiRequest for GetAuditLogsRequest {
    type Answer = GetAuditLogsResponse;
}

impl Query for GetAuditLogsRequest {
    fn answer(&self, view: View<'_>) -> Result<GetAuditLogsResponse, Reject> {
        let ask = PageRequest { size: self.page_size, token: &self.page_token };
        let size = ask.size()?;
        let start = self.start_time_inclusive.as_ref().map_or(view.now - LOOK_BACK, Time::from_proto);
        let end = self.end_time_exclusive.as_ref().map_or(Time::MAX, Time::from_proto);
        let log = Log { store: view.store, count: view.state.audit.count };
        let first = match ask.after()? {
            Some(last) => last.parse::<i64>().map_err(|_| Reject::invalid("invalid page token"))?.saturating_add(1),
            None => log.first_at(start).map_err(failed)?,
        };
        let beyond = log.first_at(end).map_err(failed)?;
        let stop = first.saturating_add(i64::try_from(size).unwrap_or(i64::MAX)).min(beyond);
        let logs = log.read(first, stop).map_err(failed)?;
        let next_page_token =
            if stop < beyond && stop > first { page::token(&(stop - 1).to_string()) } else { String::new() };
        Ok(GetAuditLogsResponse { logs: logs.into_iter().map(shown).collect(), next_page_token })
    }
}

fn failed(error: StoreError) -> Reject {
    Reject::unavailable(format!("storage failed: {error}"))
}

/// The first `count` records of the log.
struct Log<'a> {
    store: &'a dyn Store,
    count: i64,
}

impl Log<'_> {
    /// The position of the first record of this time or later; one behind the last when there is none. Times never go
    /// back along the log, so halving finds it.
    fn first_at(&self, time: Time) -> Result<i64, StoreError> {
        let (mut low, mut high) = (1, self.count + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            let entry = self.read(middle, middle + 1)?;
            if entry.first().is_some_and(|entry| entry.time < time.0) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// The records with `first <= position < stop`.
    fn read(&self, first: i64, stop: i64) -> Result<Vec<AuditEntry>, StoreError> {
        if first >= stop {
            return Ok(Vec::new());
        }
        let key = |position| Key::Control(&ControlKey::Audit(position)).encode();
        let end = prefix_end(&ControlKey::audit_prefix());
        let limit = usize::try_from(stop - first).unwrap_or(1);
        let page = self.store.scan(SHARD, &key(first), &key(stop).min(end), limit)?;
        page.pairs.into_iter().map(|(_, value)| entry(value)).collect()
    }
}

fn entry(value: bytes::Bytes) -> Result<AuditEntry, StoreError> {
    let row: AuditRecord = record::decode(value)?;
    AuditEntry::decode(row.entry.as_slice())
        .map_err(|error| StoreError::Unusable(format!("a stored audit record is damaged: {error}")))
}

fn shown(entry: AuditEntry) -> LogRecord {
    let text = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
    let details = [("method", &entry.method), ("resource", &entry.subject), ("error", &entry.message)];
    let fields: BTreeMap<String, Value> = details
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), text(value)))
        .collect();
    LogRecord {
        emit_time: Some(Time(entry.time).to_proto()),
        operation: entry.operation,
        status: if entry.ok { "OK" } else { "ERROR" }.to_owned(),
        version: VERSION,
        log_id: entry.id,
        principal: Some(Principal {
            r#type: entry.principal.kind,
            id: entry.principal.id,
            name: entry.principal.name,
            api_key_id: entry.principal.api_key_id,
        }),
        raw_details: Some(Struct { fields }),
        x_forwarded_for: entry.address,
        async_operation_id: entry.operation_id,
    }
}
