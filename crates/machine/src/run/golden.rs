//! The bytes of each record with all of its fields set, as they stand in files. A field has its own tag for a value, so that
//! a tag that changes is seen. A test that fails here says that a file of today would be read as something else: a field that
//! has to change gets another tag.

use prost::Message;

use super::records::*;

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
        &Core {
            status: 1,
            next_event_id: 2,
            start_time: 3,
            execution_time: 4,
            close_time: 5,
            run_expiration: 6,
            execution_expiration: 7,
            previous_started_event_id: 8,
            workflow_task: Some(Default::default()),
            sticky: Some(Default::default()),
            cancel_requested: true,
            cancel_request_id: "12".to_owned(),
            history_size: 13,
            state_transitions: 14,
            signal_count: 15,
            first_task_due: 16,
            delete_time: 17,
            close_event_id: 18,
            new_execution_run_id: "19".to_owned(),
            parent_notice_pending: true,
            sdk_name: "21".to_owned(),
            sdk_version: "22".to_owned(),
            close_batch_event_id: 23,
            task_queue: "24".to_owned(),
            activity_count: 25,
            timer_count: 26,
            child_count: 27,
            worker_version: Some(Default::default()),
            reported_problem: "29".to_owned(),
            closing_event: Some(Box::default()),
            start_request_ids: vec!["31".to_owned()],
            failed_workflow_tasks: 32,
            close_attempted: true,
            last_problem: "34".to_owned(),
            reset_points: Some(Default::default()),
            start_request_events: vec![36],
            completed_updates: 37,
            earlier_starts: vec![Default::default()],
        },
        "080110021803200428053006380740084a005200580162023132680d700e780f8001108801119001129a01023139a001\
             01aa01023231b201023232b80117c201023234c80119d0011ad8011be20100ea01023239f20100fa0102333180022088\
             020192020233349a0200a2020124a80225b20200",
    );
    check(&EarlierRequest { request_id: "1".to_owned(), run_id: "2".to_owned() }, "0a0131120132");
    check(
        &WorkflowTask {
            scheduled_event_id: 1,
            scheduled_time: 2,
            original_scheduled_time: 3,
            attempt: 4,
            sticky: true,
            start_to_close_timeout: 6,
            schedule_to_start_deadline: 7,
            visible_time: 8,
            speculative: true,
        },
        "080110021803200428013006380740084801",
    );
    check(&Sticky { task_queue: "1".to_owned(), schedule_to_start_timeout: 2, updated_time: 3 }, "0a013110021803");
    check(&Attributes { memo: Some(Default::default()), search_attributes: Some(Default::default()) }, "0a001200");
}

#[test]
fn the_record_of_an_activity_stands_in_files_as_it_always_did() {
    check(
        &Activity {
            scheduled_event_id: 1,
            activity_id: "2".to_owned(),
            activity_type: "3".to_owned(),
            task_queue: "4".to_owned(),
            header: Some(Default::default()),
            input: Some(Default::default()),
            schedule_to_close_timeout: 7,
            schedule_to_start_timeout: 8,
            start_to_close_timeout: 9,
            heartbeat_timeout: 10,
            retry_policy: Some(Default::default()),
            priority: Some(Default::default()),
            first_scheduled_time: 13,
            scheduled_time: 14,
            attempt: 15,
            started_time: 16,
            started_identity: "17".to_owned(),
            started_request_id: "18".to_owned(),
            last_heartbeat_time: 19,
            heartbeat_details: Some(Default::default()),
            cancel_requested: true,
            cancel_requested_event_id: 22,
            last_failure: Some(Default::default()),
            last_worker_identity: "24".to_owned(),
            last_attempt_complete_time: 25,
            schedule_to_close_deadline: 27,
            user_metadata: Some(Default::default()),
            worker_version: Some(Default::default()),
            workflow_task_completed_event_id: 30,
            eager: true,
            visible_time: 32,
        },
        "08011201321a01332201342a003200380740084809500a5a006200680d700e780f8001108a0102313792010231389801\
             13a20100a80101b00116ba0100c201023234c80119d8011be20100ea0100f0011ef80101800220",
    );
}

#[test]
fn records_of_what_is_pending_stand_in_files_as_they_always_did() {
    check(&Timer { timer_id: "1".to_owned(), started_event_id: 2, fire_time: 3 }, "0a013110021803");
    check(
        &Child {
            initiated_event_id: 1,
            started_event_id: 2,
            namespace: "3".to_owned(),
            namespace_id: "4".to_owned(),
            workflow_id: "5".to_owned(),
            run_id: "6".to_owned(),
            workflow_type: Some(Default::default()),
            parent_close_policy: 8,
            create_request_id: "9".to_owned(),
            close_policy_pending: true,
            initiated_batch_event_id: 11,
            initiated: Some(Default::default()),
            user_metadata: Some(Default::default()),
            settled: true,
        },
        "080110021a01332201342a01353201363a0040084a01395001580b62006a007001",
    );
    check(&Update { accepted_event_id: 1, completed_event_id: 2 }, "08011002");
    check(
        &ExternalSignal {
            initiated_event_id: 1,
            namespace: "2".to_owned(),
            namespace_id: "3".to_owned(),
            execution: Some(Default::default()),
            child_workflow_only: true,
            request_id: "6".to_owned(),
            signal_name: "7".to_owned(),
            input: Some(Default::default()),
            header: Some(Default::default()),
            control: "10".to_owned(),
        },
        "08011201321a0133220028013201363a013742004a0052023130",
    );
    check(
        &ExternalCancel {
            initiated_event_id: 1,
            namespace: "2".to_owned(),
            namespace_id: "3".to_owned(),
            execution: Some(Default::default()),
            child_workflow_only: true,
            request_id: "6".to_owned(),
            reason: "7".to_owned(),
            control: "8".to_owned(),
        },
        "08011201321a0133220028013201363a0137420138",
    );
}

#[test]
fn the_record_of_a_job_stands_in_files_as_it_always_did() {
    check(
        &crate::JobRecord {
            job_type: 1,
            namespace_id: vec![2],
            stage: 3,
            created_time: 4,
            delay: 5,
            visible_time: 6,
            failures: 7,
            items_done: 8,
            last_failure: "9".to_owned(),
            worked_time: 10,
        },
        "08011201021803200428053006380740084a0139500a",
    );
}
