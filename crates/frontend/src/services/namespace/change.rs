//! Changing a namespace's record: read, change, write if no other change came between.

use std::sync::Arc;

use engine::{Call, NamespaceRecord, Request};
use model::{Kind, NamespaceId, Reject};

use crate::{context::ServerContext, gate};

/// How often a change is tried when others change the same record at the same time.
const ATTEMPTS: usize = 10;

/// Changes a namespace's record and returns it as it was written.
pub(crate) async fn change(
    context: &ServerContext,
    id: NamespaceId,
    edit: impl Fn(&mut NamespaceRecord) -> Result<(), Reject> + Send + Sync + 'static,
) -> Result<Arc<NamespaceRecord>, Reject> {
    let put = |record, expected_version| Call::PutNamespace { record: Box::new(record), expected_version };
    change_by(context, id, edit, put).await
}

/// The same by another call than the usual one.
pub(crate) async fn change_by(
    context: &ServerContext,
    id: NamespaceId,
    edit: impl Fn(&mut NamespaceRecord) -> Result<(), Reject> + Send + Sync + 'static,
    call: impl Fn(NamespaceRecord, i64) -> Call + Send + Sync + 'static,
) -> Result<Arc<NamespaceRecord>, Reject> {
    let mut attempts = 0;
    loop {
        let known = context.engine.namespaces();
        let (record, _) = known.by_id(id).ok_or_else(|| gate::not_found(&id.to_string()))?;
        let mut edited = NamespaceRecord::clone(record);
        edit(&mut edited)?;
        if edited == **record {
            return Ok(record.clone());
        }
        attempts += 1;
        let namespace = Arc::new(edited.snapshot());
        let request = Request { namespace, call: call(edited.clone(), record.version) };
        match context.engine.call(request).await.map(|_| ()) {
            Err(reject) if reject.kind == Kind::Aborted && attempts < ATTEMPTS => {}
            Err(reject) => return Err(reject),
            Ok(()) => return Ok(Arc::new(edited)),
        }
    }
}

/// Writes a record if its stored version is `expected_version`; zero: it must be new.
pub(crate) async fn write(
    context: &ServerContext,
    record: NamespaceRecord,
    expected_version: i64,
) -> Result<(), Reject> {
    let namespace = Arc::new(record.snapshot());
    let call = Call::PutNamespace { record: Box::new(record), expected_version };
    context.engine.call(Request { namespace, call }).await.map(|_| ())
}
