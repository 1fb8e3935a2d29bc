//! The bytes of each record with all of its fields set, as they stand in files. A field has its own tag for a value, so that
//! a tag that changes is seen. A test that fails here says that a file of today would be read as something else: a field that
//! has to change gets another tag.

use prost::Message;

use super::record::*;

/// Compares a record with its bytes, both ways.
fn check<M: Message + Default + PartialEq + std::fmt::Debug>(record: &M, golden: &str) {
    let bytes = record.encode_to_vec();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, golden, "{record:?}");
    assert_eq!(M::decode(&bytes[..]).as_ref(), Ok(record));
}

#[test]
fn records_stand_in_files_as_they_always_did() {
    check(
        &Meta { version: "1".to_owned(), state: 2, operation_id: "3".to_owned(), created_time: 4, modified_time: 5 },
        "0a013110021a013320042805",
    );
    check(&AccountRecord { id: "1".to_owned(), meta: Default::default(), spec: Default::default() }, "0a013112001a00");
    check(
        &NamespaceRecord {
            id: "1".to_owned(),
            meta: Default::default(),
            spec: Default::default(),
            tags: [("k".to_owned(), "v".to_owned())].into(),
        },
        "0a013112001a0022060a016b120176",
    );
    check(
        &UserRecord {
            id: "1".to_owned(),
            meta: Default::default(),
            spec: Default::default(),
            invited_time: 4,
            invitation_expires: 5,
        },
        "0a013112001a0020042805",
    );
    check(
        &ServiceAccountRecord { id: "1".to_owned(), meta: Default::default(), spec: Default::default() },
        "0a013112001a00",
    );
    check(
        &ApiKeyRecord { id: "1".to_owned(), meta: Default::default(), spec: Default::default(), token_hash: vec![4] },
        "0a013112001a00220104",
    );
    check(&SigningKeyRecord { kid: "1".to_owned(), point: vec![2], added_time: 3 }, "0a01311201021803");
    check(&LoginRecord { hash: "1".to_owned(), user_id: "2".to_owned(), expires_time: 3 }, "0a01311201321803");
    check(&SessionRecord { hash: "1".to_owned(), user_id: "2".to_owned(), expires_time: 3 }, "0a01311201321803");
}

#[test]
fn records_of_what_is_done_stand_in_files_as_they_always_did() {
    check(
        &OperationRecord {
            id: "1".to_owned(),
            method: "2".to_owned(),
            input: vec![3],
            state: 4,
            failure_reason: "5".to_owned(),
            started_time: 6,
            finished_time: 7,
            principal: Default::default(),
            subject: "9".to_owned(),
            work: Some(Default::default()),
        },
        "0a01311201321a010320042a01353006380742004a01395200",
    );
    check(&WorkRecord { kind: 1 }, "0801");
    check(
        &PrincipalRecord { kind: "1".to_owned(), id: "2".to_owned(), name: "3".to_owned(), api_key_id: "4".to_owned() },
        "0a01311201321a0133220134",
    );
    check(&AuditHeadRecord { count: 1, hash: vec![2], time: 3 }, "08011201021803");
    check(&AuditRecord { entry: vec![1], previous: vec![2], hash: vec![3] }, "0a01011201021a0103");
    check(
        &AuditEntry {
            time: 1,
            operation: "2".to_owned(),
            method: "3".to_owned(),
            ok: true,
            id: "5".to_owned(),
            principal: Default::default(),
            address: "7".to_owned(),
            operation_id: "8".to_owned(),
            subject: "9".to_owned(),
            message: "10".to_owned(),
        },
        "08011201321a013320012a013532003a01374201384a013952023130",
    );
}
