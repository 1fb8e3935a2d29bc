//! The bytes of each key, as they stand in files. A test that fails here says that a file of today could not be read any
//! more: a key that has to change gets another tag, and the old one a place in `upgrade`.

use uuid::Uuid;

use super::*;

const NAMESPACE: NamespaceId = NamespaceId(Uuid::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10));
const RUN: RunId = RunId(Uuid::from_u128(0x1112_1314_1516_1718_191a_1b1c_1d1e_1f20));

fn queue(kind: QueueKind) -> QueueKey {
    QueueKey { namespace: NAMESPACE, kind, name: "q".into() }
}

/// Each key with its bytes; `N` stands for the namespace's, `R` for the run's.
fn keys() -> Vec<(OwnedKey, &'static str)> {
    let task = |kind| OwnedKey::Task {
        queue: queue(kind),
        priority: 3,
        pass: -4,
        since: Time(5),
        entity: RUN.into(),
        item: 6,
    };
    let text = || "ab".to_owned();
    let control = OwnedKey::Control;
    vec![
        (OwnedKey::Cluster, "01"),
        (OwnedKey::Namespace(NAMESPACE), "02 N"),
        (OwnedKey::Clock, "03"),
        (
            OwnedKey::Current { namespace: NAMESPACE, kind: EntityKind::Run, id: "order-1".to_owned() },
            "11 N 01 6f726465722d31 0001",
        ),
        (OwnedKey::Run(RUN), "20 R 01"),
        (OwnedKey::RunKey(RUN), "20 R 02"),
        (OwnedKey::Attributes(RUN), "20 R 03"),
        (OwnedKey::Activity(RUN, 5), "20 R 04 8000000000000005"),
        (OwnedKey::Timer(RUN, "t\0".to_owned()), "20 R 05 74 00ff 0001"),
        (OwnedKey::Child(RUN, -1), "20 R 06 7fffffffffffffff"),
        (OwnedKey::ExternalSignal(RUN, 256), "20 R 07 8000000000000100"),
        (OwnedKey::ExternalCancel(RUN, i64::MAX), "20 R 08 ffffffffffffffff"),
        (OwnedKey::Buffered(RUN, 0), "20 R 09 8000000000000000"),
        (OwnedKey::Request(RUN, text()), "20 R 0a 6162 0001"),
        (OwnedKey::Update(RUN, text()), "20 R 0b 6162 0001"),
        (OwnedKey::History(RUN, 1), "20 R 7f 8000000000000001"),
        (OwnedKey::Job(JobId(RUN.0)), "21 R"),
        (OwnedKey::Wake(Time(2), RUN.into()), "41 8000000000000002 01 R"),
        (OwnedKey::Wake(Time(2), JobId(RUN.0).into()), "41 8000000000000002 02 R"),
        (task(QueueKind::Workflow), "51 N 01 71 0001 80000003 7ffffffffffffffc 8000000000000005 01 R 8000000000000006"),
        (task(QueueKind::Activity), "51 N 02 71 0001 80000003 7ffffffffffffffc 8000000000000005 01 R 8000000000000006"),
        (OwnedKey::Outbox(RUN.into(), 2, 7), "61 01 R 02 8000000000000007"),
        (control(ControlKey::Account), "70 01"),
        (control(ControlKey::Namespace(text())), "70 02 6162 0001"),
        (control(ControlKey::User(text())), "70 03 6162 0001"),
        (control(ControlKey::ServiceAccount(text())), "70 04 6162 0001"),
        (control(ControlKey::ApiKey(text())), "70 05 6162 0001"),
        (control(ControlKey::Operation(text())), "70 06 6162 0001"),
        (control(ControlKey::SigningKey(text())), "70 07 6162 0001"),
        (control(ControlKey::Login(text())), "70 08 6162 0001"),
        (control(ControlKey::Session(text())), "70 09 6162 0001"),
        (control(ControlKey::AuditHead), "70 0e"),
        (control(ControlKey::Audit(9)), "70 0f 8000000000000009"),
    ]
}

fn bytes(golden: &str) -> Vec<u8> {
    let hex = golden.replace('N', "0102030405060708090a0b0c0d0e0f10").replace('R', "1112131415161718191a1b1c1d1e1f20");
    let digits: Vec<u8> = hex.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[test]
fn keys_stand_in_files_as_they_always_did() {
    for (key, golden) in keys() {
        assert_eq!(key.borrow().encode(), bytes(golden), "{key:?} is {golden}");
        assert_eq!(Key::decode(&bytes(golden)).unwrap(), key);
    }
}

/// The place of a key's kind among all of them. A new kind does not compile until it has one, and then needs its bytes.
fn place(key: &OwnedKey) -> usize {
    match key {
        OwnedKey::Cluster => 0,
        OwnedKey::Clock => 1,
        OwnedKey::Namespace(_) => 2,
        OwnedKey::Current { .. } => 3,
        OwnedKey::Run(_) => 4,
        OwnedKey::RunKey(_) => 5,
        OwnedKey::Attributes(_) => 6,
        OwnedKey::Activity(..) => 7,
        OwnedKey::Timer(..) => 8,
        OwnedKey::Child(..) => 9,
        OwnedKey::ExternalSignal(..) => 10,
        OwnedKey::ExternalCancel(..) => 11,
        OwnedKey::Buffered(..) => 12,
        OwnedKey::Request(..) => 13,
        OwnedKey::Update(..) => 14,
        OwnedKey::History(..) => 15,
        OwnedKey::Wake(..) => 16,
        OwnedKey::Task { .. } => 17,
        OwnedKey::Outbox(..) => 18,
        OwnedKey::Job(_) => 19,
        OwnedKey::Control(control) => 20 + control_place(control),
    }
}

fn control_place(key: &ControlKey) -> usize {
    match key {
        ControlKey::Account => 0,
        ControlKey::Namespace(_) => 1,
        ControlKey::User(_) => 2,
        ControlKey::ServiceAccount(_) => 3,
        ControlKey::ApiKey(_) => 4,
        ControlKey::Operation(_) => 5,
        ControlKey::SigningKey(_) => 6,
        ControlKey::Login(_) => 7,
        ControlKey::Session(_) => 8,
        ControlKey::AuditHead => 9,
        ControlKey::Audit(_) => 10,
    }
}

#[test]
fn each_kind_of_key_has_its_bytes() {
    let places: std::collections::BTreeSet<usize> = keys().iter().map(|(key, _)| place(key)).collect();
    assert!(places.iter().copied().eq(0..31), "{places:?}");
}

#[test]
fn what_other_formats_wrote_is_no_key() {
    // The tags of the first formats, one that was never used, and a kind of entity that is not known.
    for golden in ["10 N 61 0001", "30 R 8000000000000001", "40 8000000000000002 R", "60 R 02 8000000000000007", "80 R"]
    {
        assert!(Key::decode(&bytes(golden)).is_err(), "{golden}");
    }
    assert!(Key::decode(&bytes("41 8000000000000002 ff R")).is_err());
}
