//! The bytes of each record with all of its fields set, as they stand in files. A field has its own tag for a value, so that
//! a tag that changes is seen. A test that fails here says that a file of today would be read as something else: a field that
//! has to change gets another tag.

use prost::Message;

use super::*;

/// Compares a record with its bytes, both ways.
fn check<M: Message + Default + PartialEq + std::fmt::Debug>(record: &M, golden: &str) {
    let bytes = record.encode_to_vec();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, golden, "{record:?}");
    assert_eq!(M::decode(&bytes[..]).as_ref(), Ok(record));
}

#[test]
fn records_stand_in_files_as_they_always_did() {
    check(&RunKeyRecord { namespace_id: vec![1], workflow_id: "2".to_owned() }, "0a0101120132");
    check(&RequestRecord { place: 1, run_id: "2".to_owned() }, "0801120132");
    check(&TaskRecord { attempt: 1 }, "0801");
    check(&ClockRecord { committed: 1 }, "0801");
    check(&CurrentRecord { run_id: "1".to_owned() }, "0a0131");
    check(
        &attributes::AttributesRecord {
            memo: Some(Default::default()),
            search_attributes: Some(Default::default()),
            has_first_memo: true,
        },
        "0a0012001801",
    );
    check(
        &crate::NamespaceRecord {
            id: vec![1],
            name: "2".to_owned(),
            state: 3,
            description: "4".to_owned(),
            owner_email: "5".to_owned(),
            data: [("k".to_owned(), "v".to_owned())].into(),
            retention_ns: 7,
            search_attributes: [("k".to_owned(), 5)].into(),
            version: 9,
            create_time: 10,
            history_archival_state: 11,
            history_archival_uri: "12".to_owned(),
            visibility_archival_state: 13,
            visibility_archival_uri: "14".to_owned(),
            is_global: true,
            bad_binaries: [("k".to_owned(), Default::default())].into(),
            name_before_delete: "17".to_owned(),
        },
        "0a010112013218032201342a013532060a016b120176380742050a016b10054809500a580b62023132680d7202313478\
             018201030a016b8a01023137",
    );
}
