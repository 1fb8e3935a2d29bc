//! The bytes of the log's head, of a frame with each kind of change, and of a row in it, as they stand in files.

use model::{NamespaceId, RunId, ShardId, Time};
use proto::temporal::api::enums::v1::WorkflowExecutionStatus;
use store::{
    Batch, Change,
    visibility::{Row, Value},
};
use uuid::Uuid;

use super::*;

const RUN: RunId = RunId(Uuid::from_u128(0x1112_1314_1516_1718_191a_1b1c_1d1e_1f20));

fn row() -> Row {
    Row {
        namespace: NamespaceId(Uuid::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10)),
        run_id: RUN,
        workflow_id: "2".to_owned(),
        workflow_type: "3".to_owned(),
        task_queue: "4".to_owned(),
        status: WorkflowExecutionStatus::Terminated,
        start_time: Time(6),
        execution_time: Time(7),
        close_time: Some(Time(-8)),
        history_length: 9,
        history_size: 10,
        state_transitions: 11,
        parent_workflow_id: Some("12".to_owned()),
        parent_run_id: Some("13".to_owned()),
        root_workflow_id: "14".to_owned(),
        root_run_id: "15".to_owned(),
        has_memo: true,
        search_attributes: [("A".to_owned(), Value::Int(1))].into(),
    }
}

/// The record of that row: its format, and then its fields, each with its tag for a value as far as may be.
const ROW: &str = "01 0a10 0102030405060708090a0b0c0d0e0f10 120132 1a0133 220134 2805 300c 380e 400f 4812 5014 5816 \
    62023132 6a023133 72023134 7a023135 8a010a 01 0a070a01411202 1802 900101";

fn bytes(golden: &str) -> Vec<u8> {
    let digits: Vec<u8> = golden.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[test]
fn frames_stand_in_files_as_they_always_did() {
    let changes = vec![
        Change::Put { key: b"ab".to_vec(), value: (&b"x"[..]).into() },
        Change::Delete { key: b"c".to_vec() },
        Change::DeletePrefix { prefix: b"d".to_vec() },
        Change::Show(Box::new(row())),
        Change::Hide { run_id: RUN },
    ];
    let mut frame = encode(&[(ShardId(7), &Batch { changes }), (ShardId(1), &Batch::default())]);
    let run = "10000000 1112131415161718191a1b1c1d1e1f20";
    let payload = format!(
        "00 07000000  01 02000000 6162 01000000 78  02 01000000 63  03 01000000 64  04 {run} 4a000000 {ROW}  05 {run}  \
         00 01000000"
    );
    assert_eq!(frame[record::HEAD..], bytes(&payload));
    assert_eq!(record::seal(&mut frame, 0x0102, 0x0304_0506), 0x3778_fd8c);
    assert_eq!(frame[..record::HEAD], bytes("9a000000 8cfd7837 06050403 0201000000000000"));
}

#[test]
fn the_head_of_the_log_stands_in_files_as_it_always_did() {
    let (id, session) = (Uuid::from_u128(0x0102), Uuid::from_u128(0x0304));
    let head = read::Head { id, session, base: 5, segment_bytes: 0x0607 }.encode();
    let golden = "504552444c4f4702 00000000000000000000000000000102 0706000000000000 00000000000000000000000000000304 \
        0500000000000000";
    assert_eq!(head[..CHECKED], bytes(golden));
    assert_eq!(head[CHECKED..CHECKED + 4], crc32fast::hash(&head[..CHECKED]).to_le_bytes());
    assert!(head.len() == HEAD_BYTES as usize && head[CHECKED + 4..].iter().all(|byte| *byte == 0));
}

#[test]
fn a_row_of_the_fourth_format_is_read_with_its_memo() {
    let old = ROW.replace("8a010a", "82010100 8a010a").replace("900101", "");
    assert_eq!(decode_row(RUN, bytes(&old).into()).unwrap(), row());
}
