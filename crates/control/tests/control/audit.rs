//! The audit log: complete, in order, and no record of it can be changed without that being found.

use std::sync::Arc;

use bytes::Bytes;
use control::{AuditFault, SHARD, verify_audit};
use model::{Kind, Time};
use proto::temporal::api::cloud::{
    auditlog::v1::LogRecord,
    cloudservice::v1::{
        GetAccountRequest, GetApiKeyRequest, GetAuditLogsRequest, GetNamespaceRequest, GetUsersRequest,
    },
    identity::v1::account_access::Role,
};
use store::{Batch, Change, ControlKey, Key, MemoryStore, Shards as _};

use crate::desk::{DAY, Desk, assert_refused, create_namespace, principal, start};

fn logs(desk: &Desk) -> Vec<LogRecord> {
    desk.own(&GetAuditLogsRequest::default()).logs
}

fn detail(record: &LogRecord, name: &str) -> String {
    let value = record.raw_details.as_ref().unwrap().fields.get(name).and_then(|value| value.kind.clone());
    match value {
        Some(prost_types::value::Kind::StringValue(text)) => text,
        other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn changes_and_refusals_are_written_and_reading_is_not() {
    let desk = Desk::new();
    let reader = desk.person("read@example.test", Role::Read);
    let before = logs(&desk).len();
    desk.own(&GetAccountRequest {});
    desk.own(&GetUsersRequest::default());
    assert_eq!(logs(&desk).len(), before);

    let operation = desk.own(&create_namespace("orders")).async_operation.unwrap();
    let made = logs(&desk).pop().unwrap();
    assert_eq!((made.operation.as_str(), made.status.as_str(), made.version), ("CreateNamespaceAPI", "OK", 2));
    assert_eq!(made.async_operation_id, operation.id);
    assert_eq!(made.x_forwarded_for, "192.0.2.7");
    assert_eq!(detail(&made, "resource"), "orders.a2dd6");
    let who = made.principal.unwrap();
    assert_eq!((who.r#type.as_str(), who.name.as_str()), ("user", "owner@example.test"));
    assert_eq!(who.api_key_id, desk.created.api_key_id);

    desk.refused(&create_namespace("orders"));
    let failed = logs(&desk).pop().unwrap();
    assert_eq!((failed.operation.as_str(), failed.status.as_str()), ("CreateNamespaceAPI", "ERROR"));
    assert!(detail(&failed, "error").contains("already exists"));

    let secret = GetNamespaceRequest { namespace: "orders.a2dd6".to_owned() };
    assert_refused(desk.ask(&reader, &secret), &Kind::PermissionDenied, "Request unauthorized.");
    let denied = logs(&desk).pop().unwrap();
    assert_eq!((denied.operation.as_str(), denied.status.as_str()), ("GetNamespace", "ERROR"));
    assert_eq!(denied.principal.clone().unwrap().id, principal(&reader).id);
    assert_eq!(detail(&denied, "resource"), "orders.a2dd6");
    let foreign = GetApiKeyRequest { key_id: desk.created.api_key_id.clone() };
    assert_refused(desk.ask(&reader, &foreign), &Kind::PermissionDenied, "Request unauthorized.");
    assert_eq!(detail(&logs(&desk).pop().unwrap(), "resource"), desk.created.api_key_id);
    assert_refused(desk.ask(&reader, &GetAuditLogsRequest::default()), &Kind::PermissionDenied, "unauthorized");

    let job = desk.control.next_job().unwrap();
    desk.control.finish(&desk.now_and_seed(), &job.operation_id, Err("no space".to_owned())).unwrap();
    let broken = logs(&desk).pop().unwrap();
    assert_eq!((broken.status.as_str(), broken.async_operation_id.as_str()), ("ERROR", operation.id.as_str()));
    assert_eq!(detail(&broken, "error"), "no space");
    let ids: std::collections::BTreeSet<_> = logs(&desk).into_iter().map(|record| record.log_id).collect();
    assert_eq!(ids.len(), logs(&desk).len());
}

#[test]
fn a_caller_cannot_fill_the_log_with_its_words() {
    let desk = Desk::new();
    desk.refused(&create_namespace(&"A".repeat(100_000)));
    assert_eq!(detail(&logs(&desk).pop().unwrap(), "error").len(), 1_000);
    let large = desk.refused(&create_namespace(&"A".repeat(300_000)));
    assert!(large.message.contains("are allowed"), "{large}");
    let written = logs(&desk).pop().unwrap();
    assert!(detail(&written, "error").contains("are allowed"), "{written:?}");
    assert!(!written.raw_details.unwrap().fields.contains_key("resource"));
}

#[test]
fn a_change_that_cannot_be_read_is_written_down_and_a_question_is_not() {
    let desk = Desk::new();
    let before = logs(&desk).len();
    let malformed = |method| desk.control.call(&desk.owner, &desk.request_context(), method, b"\xff").unwrap_err();
    assert_eq!(malformed("GetNamespaces").kind, Kind::InvalidArgument);
    assert_eq!(logs(&desk).len(), before);
    assert_eq!(malformed("CreateUser").kind, Kind::InvalidArgument);
    let written = logs(&desk).pop().unwrap();
    assert_eq!((written.operation.as_str(), written.status.as_str()), ("CreateUserAPI", "ERROR"));
    assert_eq!(detail(&written, "method"), "CreateUser");
    assert_eq!(written.principal.unwrap().name, "owner@example.test");
    assert_eq!(logs(&desk).len(), before + 1);
}

#[test]
fn lists_have_bounds_in_time_and_pages() {
    let desk = Desk::new();
    desk.pass(DAY * 40);
    for at in 0..25 {
        desk.user(&format!("user{at}@example.test"), Role::Read);
        desk.pass(DAY / 24);
    }
    assert_eq!(logs(&desk).len(), 25, "the last thirty days");
    let ask = |from: Time, to: Option<Time>, page_size: i32, page_token: String| {
        desk.own(&GetAuditLogsRequest {
            page_size,
            page_token,
            start_time_inclusive: Some(from.to_proto()),
            end_time_exclusive: to.map(Time::to_proto),
        })
    };
    assert_eq!(ask(start(), None, 0, String::new()).logs.len(), 26);
    let all = ask(start(), None, 0, String::new()).logs;
    let time = |at: usize| Time::from_proto(all[at].emit_time.as_ref().unwrap());
    assert_eq!(ask(time(5), Some(time(9)), 0, String::new()).logs, all[5..9]);
    assert_eq!(ask(time(9), Some(time(5)), 0, String::new()).logs, []);
    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let page = ask(start(), Some(time(24)), 10, token);
        seen.extend(page.logs);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, all[..24]);
}

/// Does to the stored rows what nobody should.
fn tamper(store: &MemoryStore, change: Change) -> MemoryStore {
    let copy = store.clone();
    let epoch = copy.acquire(SHARD).unwrap();
    let batch = Arc::new(Batch { changes: vec![change] });
    copy.commit(&[(SHARD, epoch, batch)]).pop().unwrap().unwrap();
    copy
}

fn key(position: i64) -> Vec<u8> {
    Key::Control(&ControlKey::Audit(position)).encode()
}

#[test]
fn every_change_to_a_stored_record_is_found() {
    let desk = Desk::new();
    for at in 0..6 {
        desk.user(&format!("user{at}@example.test"), Role::Read);
    }
    let whole = verify_audit(&*desk.store).unwrap();
    assert_eq!((whole.records, whole.head.len()), (7, 64));

    for position in 1..=7 {
        let value = desk.store.get(SHARD, &key(position)).unwrap().unwrap();
        for at in 0..value.len() {
            let mut bytes = value.to_vec();
            bytes[at] ^= 1;
            let put = Change::Put { key: key(position), value: Bytes::from(bytes) };
            assert!(verify_audit(&tamper(&desk.store, put)).is_err(), "byte {at} of record {position}");
        }
        let cut = verify_audit(&tamper(&desk.store, Change::Delete { key: key(position) })).unwrap_err();
        match position {
            7 => assert_eq!(cut, AuditFault::WrongEnd { records: 6, head: 7 }),
            _ => assert_eq!(cut, AuditFault::Missing { position }),
        }
    }
    let swapped = desk.store.get(SHARD, &key(3)).unwrap().unwrap();
    let twice = tamper(&desk.store, Change::Put { key: key(4), value: swapped.clone() });
    assert_eq!(verify_audit(&twice).unwrap_err(), AuditFault::Altered { position: 4 });
    let longer = tamper(&desk.store, Change::Put { key: key(8), value: swapped });
    assert!(verify_audit(&longer).is_err());
    let head = Key::Control(&ControlKey::AuditHead).encode();
    assert!(verify_audit(&tamper(&desk.store, Change::Delete { key: head })).is_err());
    assert_eq!(verify_audit(&*desk.store).unwrap(), whole);
    assert_eq!(verify_audit(&MemoryStore::new()).unwrap().records, 0);
}

#[test]
fn the_chain_goes_on_after_a_restart_and_a_clock_that_goes_back() {
    let mut desk = Desk::new();
    desk.user("ada@example.test", Role::Read);
    desk.reopen();
    desk.user("bob@example.test", Role::Read);
    let early =
        control::RequestContext { at: control::NowAndSeed { now: start() - DAY, seed: 999 }, address: String::new() };
    assert!(desk.control.ask(&desk.owner, &early, &create_namespace("early")).is_ok());
    assert_eq!(verify_audit(&*desk.store).unwrap().records, 4);
    let times: Vec<_> = logs(&desk).into_iter().map(|record| record.emit_time.unwrap().seconds).collect();
    assert!(times.is_sorted(), "{times:?}");
}
