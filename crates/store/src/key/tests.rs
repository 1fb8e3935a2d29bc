//! Round trips and order, over keys drawn from fixed seeds.

use std::cmp::Ordering;

use model::Entropy;
use uuid::Uuid;

use super::*;

/// Few values, many of them at edges, so that equal leading fields are common.
struct Draw(Entropy);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        (self.0.fraction() * bound as f64) as usize
    }

    fn pick<T: Clone>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())].clone()
    }

    fn i64(&mut self) -> i64 {
        self.pick(&[i64::MIN, -256, -1, 0, 1, 255, 256, 1 << 40, i64::MAX])
    }

    fn i32(&mut self) -> i32 {
        self.pick(&[i32::MIN, -1, 0, 1, 5, i32::MAX])
    }

    fn text(&mut self) -> String {
        let parts = ["", "a", "ab", "b", "\0", "\u{1}", "é", "\u{10ffff}", "order-1"];
        (0..self.below(4)).map(|_| self.pick(&parts)).collect()
    }

    fn uuid(&mut self) -> Uuid {
        let high = self.pick(&[0_u64, 1, u64::MAX]);
        Uuid::from_u64_pair(high, self.pick(&[0, 7, u64::MAX]))
    }

    fn run(&mut self) -> RunId {
        RunId(self.uuid())
    }

    fn queue(&mut self) -> QueueKey {
        QueueKey {
            namespace: NamespaceId(self.uuid()),
            kind: self.pick(&[QueueKind::Workflow, QueueKind::Activity]),
            name: self.text().into(),
        }
    }

    fn key(&mut self) -> OwnedKey {
        match self.below(21) {
            0 => OwnedKey::Cluster,
            1 => OwnedKey::Namespace(NamespaceId(self.uuid())),
            2 => OwnedKey::Current { namespace: NamespaceId(self.uuid()), kind: EntityKind::Run, id: self.text() },
            3 => OwnedKey::Run(self.run()),
            4 => OwnedKey::RunKey(self.run()),
            5 => OwnedKey::Attributes(self.run()),
            6 => OwnedKey::Activity(self.run(), self.i64()),
            7 => OwnedKey::Timer(self.run(), self.text()),
            8 => OwnedKey::Child(self.run(), self.i64()),
            9 => OwnedKey::ExternalSignal(self.run(), self.i64()),
            10 => OwnedKey::ExternalCancel(self.run(), self.i64()),
            11 => OwnedKey::Buffered(self.run(), self.i64()),
            12 => OwnedKey::Request(self.run(), self.text()),
            13 => OwnedKey::History(self.run(), self.i64()),
            14 => OwnedKey::Wake(Time(self.i64()), self.run().into()),
            15 => OwnedKey::Task {
                queue: self.queue(),
                priority: self.i32(),
                pass: self.i64(),
                since: Time(self.i64()),
                entity: self.run().into(),
                item: self.i64(),
            },
            16 => OwnedKey::Outbox(self.run().into(), self.pick(&[0, 1, 255]), self.i64()),
            17 => OwnedKey::Update(self.run(), self.text()),
            18 => OwnedKey::Clock,
            19 => OwnedKey::Job(JobId(self.uuid())),
            _ => OwnedKey::Control(self.control()),
        }
    }

    fn control(&mut self) -> ControlKey {
        let id = self.text();
        match self.below(11) {
            0 => ControlKey::Account,
            1 => ControlKey::Namespace(id),
            2 => ControlKey::User(id),
            3 => ControlKey::ServiceAccount(id),
            4 => ControlKey::ApiKey(id),
            5 => ControlKey::Operation(id),
            6 => ControlKey::SigningKey(id),
            7 => ControlKey::Login(id),
            8 => ControlKey::Session(id),
            9 => ControlKey::AuditHead,
            _ => ControlKey::Audit(self.i64()),
        }
    }
}

fn draw(seed: u128) -> Draw {
    Draw(Entropy::new(seed))
}

#[test]
fn keys_survive_the_round_trip() {
    let mut draw = draw(1);
    for _ in 0..20_000 {
        let key = draw.key();
        assert_eq!(Key::decode(&key.borrow().encode()).unwrap(), key);
    }
}

#[test]
fn encodings_sort_as_the_fields_do() {
    let mut draw = draw(2);
    for _ in 0..20_000 {
        let (a, b) = (draw.run(), draw.run());
        let (m, n) = (draw.i64(), draw.i64());
        let (s, t) = (draw.text(), draw.text());
        check(&Key::Activity(a, m), &Key::Activity(b, n), (a, m).cmp(&(b, n)));
        check(&Key::Timer(a, &s), &Key::Timer(b, &t), (a, &s).cmp(&(b, &t)));
        check(&Key::Wake(Time(m), a.into()), &Key::Wake(Time(n), b.into()), (m, a).cmp(&(n, b)));
        let (p, q) = (draw.queue(), draw.queue());
        let (i, j) = (draw.i32(), draw.i32());
        let task = |queue, priority, pass, run_id: RunId| Key::Task {
            queue,
            priority,
            pass,
            since: Time(pass),
            entity: run_id.into(),
            item: pass,
        };
        // Two tasks of one queue share its name; the order of names among queues is the texts' own.
        check(&task(&p, i, m, a), &task(&q, j, n, b), (&p, i, m, a).cmp(&(&q, j, n, b)));
        check(&task(&p, i, m, a), &task(&p, j, n, b), (i, m, a).cmp(&(j, n, b)));
    }
}

fn check(left: &Key<'_>, right: &Key<'_>, expected: Ordering) {
    assert_eq!(left.encode().cmp(&right.encode()), expected, "{left:?} against {right:?}");
}

#[test]
fn prefixes_hold_exactly_their_keys() {
    let mut draw = draw(3);
    let keys: Vec<_> = (0..3_000).map(|_| draw.key()).collect();
    let run = draw.run();
    let queue = draw.queue();
    for key in &keys {
        let bytes = key.borrow().encode();
        let of_run = |id: &RunId| *id == run;
        let state = match key {
            OwnedKey::Run(id) | OwnedKey::RunKey(id) | OwnedKey::Attributes(id) => of_run(id),
            OwnedKey::Activity(id, _) | OwnedKey::Child(id, _) | OwnedKey::Buffered(id, _) => of_run(id),
            OwnedKey::ExternalSignal(id, _) | OwnedKey::ExternalCancel(id, _) => of_run(id),
            OwnedKey::Timer(id, _) | OwnedKey::Request(id, _) | OwnedKey::Update(id, _) => of_run(id),
            _ => false,
        };
        let history = matches!(key, OwnedKey::History(id, _) if of_run(id));
        assert_eq!(Key::run_state(run).contains(&bytes), state, "{key:?}");
        assert_eq!(within(&Key::history_prefix(run)).contains(&bytes), history, "{key:?}");
        assert_eq!(within(&Key::run_prefix(run)).contains(&bytes), state || history, "{key:?}");
        assert_eq!(bytes.starts_with(&Key::run_prefix(run)), state || history, "{key:?}");
        let of_queue = matches!(key, OwnedKey::Task { queue: other, .. } if *other == queue);
        assert_eq!(within(&Key::task_queue_prefix(&queue)).contains(&bytes), of_queue, "{key:?}");
    }
}

#[test]
fn foreign_bytes_are_refused() {
    let whole = Key::Timer(RunId::default(), "t").encode();
    for length in 0..whole.len() {
        assert!(Key::decode(&whole[..length]).is_err(), "{length}");
    }
    assert!(Key::decode(&[whole.as_slice(), b"x"].concat()).is_err());
    assert!(Key::decode(&[0xfe; 20]).is_err());
    let mut text = Key::Timer(RunId::default(), "\0").encode();
    let escaped = text.len() - 3;
    text[escaped] = 0x02;
    assert!(Key::decode(&text).is_err());
}

/// Bytes from outside, most of them keys with something changed.
#[test]
fn no_bytes_panic() {
    let mut draw = draw(4);
    let mut decoded = 0;
    for _ in 0..20_000 {
        let mut bytes = draw.key().borrow().encode();
        let at = draw.below(bytes.len());
        bytes[at] = draw.pick(&[0, 1, 2, 0x20, 0x80, 0xff]);
        bytes.truncate(bytes.len() - draw.below(2));
        if let Ok(key) = Key::decode(&bytes) {
            assert_eq!(key.borrow().encode(), bytes);
            decoded += 1;
        }
    }
    assert!(decoded > 1_000, "only {decoded}");
}
