//! Clients that no server wishes for: what they make it hold, and that it goes on for others.

mod deliveries;
mod world;

use std::time::Duration;

use model::Limits;
use tokio::io::AsyncReadExt;
use tonic::Code;

use self::world::{Client, ECHO, LARGE, REPLY, STRANGE, WAIT, World, until};
use super::{STREAM_WINDOW, Versions, WAITING};

const EXHAUSTED: i32 = Code::ResourceExhausted as i32;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// What a test does not wait for.
const FOREVER: Duration = Duration::from_secs(3_600);

/// The limits of a server that gives up nothing by itself.
fn patient() -> Limits {
    Limits {
        handshake_time: FOREVER,
        first_request_time: FOREVER,
        request_time: FOREVER,
        reply_time: FOREVER,
        ..Limits::default()
    }
}

/// The begin of a message of `length` bytes.
fn message(length: usize, sent: usize) -> Vec<u8> {
    let mut message = vec![0; 5 + sent];
    message[1..5].copy_from_slice(&u32::try_from(length).unwrap().to_be_bytes());
    message
}

#[tokio::test]
async fn heads_without_messages_are_few_until_a_caller_is_identified() {
    let limits = Limits { unfinished_calls: 500, ..patient() };
    let world = World::new(limits, Versions::Two).await;
    let mut client = world.client().await;
    let mut calls = Vec::new();
    for _ in 0..700 {
        calls.push(client.begin(STRANGE, b"").await);
    }
    let mut refused = 0;
    for call in calls.split_off(50) {
        assert_eq!(call.answer().await.0, EXHAUSTED);
        refused += 1;
    }
    assert_eq!(refused, 650, "a tenth may be open");
    assert!(world.held() < 50 * 8 * 1024 + 64 * 1024, "{}", world.held());
    // Calls that are whole are carried out beside them, and one of them identifies its caller.
    assert_eq!(client.call(STRANGE).await.answer().await.0, 0);
    assert_eq!(client.begin(STRANGE, b"").await.answer().await.0, EXHAUSTED);
    assert_eq!(client.call("/").await.answer().await.0, 0);
    for _ in 50..500 {
        calls.push(client.begin("/", b"").await);
    }
    assert_eq!(client.begin("/", b"").await.answer().await.0, EXHAUSTED);
    for call in &mut calls {
        call.end(b"\0\0\0\0\0");
    }
    for call in calls {
        assert_eq!(call.answer().await.0, 0);
    }
    drop(client);
    until(|| world.held() == 0).await;
}

/// A client that makes many calls at once sends all their heads before the first of their messages.
#[tokio::test]
async fn a_burst_of_calls_is_carried_out_also_on_a_new_connection() {
    let world = World::new(Limits::default(), Versions::Two).await;
    let mut client = world.client().await;
    let mut calls = Vec::new();
    for _ in 0..900 {
        calls.push(client.begin("/", b"").await);
    }
    for call in &mut calls {
        call.end(b"\0\0\0\0\0");
    }
    for call in calls {
        assert_eq!(call.answer().await.0, 0);
    }
}

#[tokio::test]
async fn messages_in_part_are_bounded_and_wait_for_each_other() {
    const LENGTH: usize = 100_000;
    let limits = Limits { unfinished_bytes: 30 * (LENGTH + 5), ..patient() };
    let world = World::new(limits, Versions::Two).await;
    let mut client = world.client().await;
    let mut calls = Vec::new();
    for _ in 0..3 + WAITING {
        calls.push(client.begin(STRANGE, &message(LENGTH, 1_000)).await);
    }
    assert_eq!(client.begin(STRANGE, &message(LENGTH, 1_000)).await.answer().await.0, EXHAUSTED);
    let most = 3 * (LENGTH + 5) + WAITING * STREAM_WINDOW as usize + calls.len() * 8 * 1024 + 64 * 1024;
    assert!(world.held() > WAITING * STREAM_WINDOW as usize && world.held() <= most, "{}", world.held());
    assert!(calls.iter_mut().all(|call| call.answered().is_none()));
    // The later ones, which wait, are sent to their end first.
    for call in calls.iter_mut().rev() {
        call.end(&vec![0; LENGTH - 1_000]);
    }
    for call in calls {
        assert_eq!(call.answer().await.0, 0);
    }
    drop(client);
    until(|| world.held() == 0).await;
}

#[tokio::test]
async fn what_anonymous_callers_hold_together_leaves_room_for_others() {
    let limits = Limits { memory: 4 * 1024 * 1024, message_size: 256 * 1024, ..patient() };
    let world = World::new(limits, Versions::Two).await;
    let mut others = Vec::new();
    let (mut open, mut refused) = (Vec::new(), 0);
    for _ in 0..4 {
        let mut client = world.client().await;
        let mut call = client.begin(STRANGE, &message(200_000, 1_000)).await;
        // It is read by now, or refused.
        let _ = client.call(STRANGE).await.answer().await;
        match call.answered() {
            Some(code) => {
                assert_eq!(code, EXHAUSTED);
                refused += 1;
            }
            None => open.push(call),
        }
        others.push(client);
    }
    assert_eq!((open.len(), refused), (2, 2), "an eighth of 4 MiB holds two");
    let mut known = world.client().await;
    assert_eq!(known.call("/").await.answer().await.0, 0);
    let mut call = known.begin("/", &message(200_000, 1_000)).await;
    call.end(&vec![0; 199_000]);
    assert_eq!(call.answer().await.0, 0);
}

#[tokio::test]
async fn a_message_that_comes_no_further_is_given_up() {
    let limits = Limits { request_time: Duration::from_millis(20), ..patient() };
    let world = World::new(limits, Versions::Two).await;
    let mut client = world.client().await;
    for begin in [&b""[..], &message(1_000, 10)] {
        let call = client.begin("/", begin).await;
        assert_eq!(call.answer().await.0, Code::DeadlineExceeded as i32);
    }
    assert_eq!(client.call("/").await.answer().await.0, 0, "the connection goes on");
}

#[tokio::test]
async fn a_stream_may_be_silent_and_as_long_as_it_likes() {
    const PIECES: usize = 50;
    let limits = Limits { request_time: Duration::from_millis(20), message_size: 1_000, ..patient() };
    let world = World::new(limits, Versions::Two).await;
    let mut client = world.client().await;
    let mut stream = client.begin(ECHO, b"first").await;
    let mut reply = stream.reply().await;
    assert_eq!(reply.data().await.unwrap().unwrap(), "first");
    // A message that is silent for as long is given up, and the stream is not.
    let call = client.begin("/", &message(100, 10)).await;
    assert_eq!(call.answer().await.0, Code::DeadlineExceeded as i32);
    for _ in 0..PIECES {
        stream.send(&[7; 500]);
    }
    stream.end(b"last");
    let mut come = 0;
    while let Some(data) = reply.data().await {
        let data = data.unwrap();
        come += data.len();
        reply.flow_control().release_capacity(data.len()).unwrap();
    }
    assert_eq!(come, PIECES * 500 + b"last".len());
    drop((client, stream, reply));
    until(|| world.held() == 0).await;
}

#[tokio::test]
async fn replies_that_are_not_taken_hold_up_the_calls_of_their_connection_only() {
    let limits = Limits { unread_bytes: 4 * REPLY + 64 * 1024, ..patient() };
    let world = World::new(limits, Versions::Two).await;
    let mut client = world.client().await;
    assert_eq!(client.call("/").await.answer().await.0, 0);
    let mut bodies = Vec::new();
    for _ in 0..4 {
        let (code, body) = client.call(LARGE).await.answer().await;
        assert_eq!(code, 0);
        bodies.push(body);
    }
    assert_eq!(client.call(LARGE).await.answer().await.0, EXHAUSTED, "there is no room for a fifth");
    assert!(world.held() < 5 * REPLY, "{}", world.held());
    let mut other = world.client().await;
    assert_eq!(other.call("/").await.answer().await.0, 0);
    for mut body in bodies {
        let mut length = 0;
        while let Some(data) = body.data().await {
            let data = data.unwrap();
            length += data.len();
            body.flow_control().release_capacity(data.len()).unwrap();
        }
        assert!(length > REPLY);
    }
    assert_eq!(client.call(LARGE).await.answer().await.0, 0);
    drop((client, other));
    until(|| world.held() == 0).await;
}

#[tokio::test]
async fn a_small_reply_is_given_whatever_the_memory_holds() {
    let world = World::new(patient(), Versions::Two).await;
    let mut client = world.client().await;
    let may_answer = world.may_answer.clone();
    let waiting = [client.call(WAIT).await, client.call(WAIT).await];
    assert_eq!(client.call("/").await.answer().await.0, 0);
    let all = world.memory.force(world.memory.most());
    assert_eq!(client.call("/").await.answer().await.0, EXHAUSTED, "what has not begun is refused");
    may_answer.add_permits(2);
    for call in waiting {
        assert_eq!(call.answer().await.0, 0, "what is done is told");
    }
    drop(all);
    assert_eq!(client.call("/").await.answer().await.0, 0);
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut_off() {
    let limits = Limits { reply_time: Duration::from_millis(50), ..patient() };
    let world = World::new(limits, Versions::Two).await;
    // Its window is open, and it does not read.
    let mut blocked = Client::connect(world.address, 1 << 30).await;
    let mut calls = Vec::new();
    for _ in 0..20 {
        calls.push(blocked.call(LARGE).await);
    }
    // The first answer tells that what was asked has gone out.
    let _ = calls.remove(0).answer().await;
    blocked.wire.abort_all();
    // Its window stays shut.
    let mut shut = world.client().await;
    let _body = shut.call(LARGE).await.answer().await;
    until(|| world.registry.count() == 0).await;
    until(|| world.held() == 0).await;
}

#[tokio::test]
async fn a_silent_connection_is_given_up() {
    let says: [&[u8]; 3] = [b"", b"PRI * HTTP/2.0", &[PREFACE, b"\0\0\0\x04\0\0\0\0\0"].concat()];
    for says in says {
        let limits = Limits {
            handshake_time: Duration::from_millis(20),
            first_request_time: Duration::from_millis(40),
            ..patient()
        };
        let world = World::new(limits, Versions::OneAndTwo).await;
        let mut client = world.client().await;
        assert_eq!(client.call("/").await.answer().await.0, 0);
        let mut silent = world.silent(says).await;
        let mut told = Vec::new();
        let _ = silent.read_to_end(&mut told).await;
        assert_eq!(client.call("/").await.answer().await.0, 0, "one that has asked for something is not silent");
    }
}

#[tokio::test]
async fn silent_connections_make_room_for_others() {
    for versions in [Versions::One, Versions::Two, Versions::OneAndTwo] {
        let world = World::new(Limits { unidentified_connections: 20, ..patient() }, versions).await;
        let mut known = None;
        if versions != Versions::One {
            let mut client = world.client().await;
            assert_eq!(client.call("/").await.answer().await.0, 0);
            known = Some(client);
        }
        let mut silent = Vec::new();
        for _ in 0..200 {
            silent.push(world.silent(b"").await);
        }
        let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        if versions == Versions::Two {
            assert_eq!(world.client().await.call("/").await.answer().await.0, 0);
        } else {
            let mut told = Vec::new();
            world.silent(request).await.read_to_end(&mut told).await.unwrap();
            assert!(told.starts_with(b"HTTP/1.1 200 OK"), "{}", String::from_utf8_lossy(&told));
        }
        if let Some(client) = &mut known {
            assert_eq!(client.call("/").await.answer().await.0, 0, "who has called before stays");
        }
        assert!(world.registry.count() <= 22, "{}", world.registry.count());
    }
}

#[tokio::test]
async fn a_server_ends_whatever_its_clients_hold_open() {
    // Room for one large reply to a caller that is identified; what is asked then waits.
    let limits = Limits { unread_bytes: REPLY, ..patient() };
    let world = World::new(limits, Versions::OneAndTwo).await;
    let mut silent = Vec::new();
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for says in [b"", &PREFACE[..5], PREFACE, &request[..20], request] {
        silent.push(world.silent(says).await);
    }
    let (mut idle, mut heads, mut parts, mut replies) =
        (world.client().await, world.client().await, world.client().await, world.client().await);
    let mut streams = world.client().await;
    assert_eq!(idle.call("/").await.answer().await.0, 0);
    let _head = heads.begin("/", b"").await;
    let _part = parts.begin("/", &message(1_000, 10)).await;
    let _body = replies.call(LARGE).await.answer().await;
    let mut waits = replies.call(LARGE).await;
    let mut stream = streams.begin(ECHO, b"first").await;
    let _reply = stream.reply().await;
    until(|| world.registry.count() == 10).await;
    assert_eq!(waits.answered(), None);
    world.stop().ended().await;
}

#[tokio::test]
async fn a_server_that_ends_waits_for_what_is_under_way() {
    let world = World::new(patient(), Versions::Two).await;
    let mut client = world.client().await;
    assert_eq!(client.call("/").await.answer().await.0, 0);
    let waiting = client.call(WAIT).await;
    // It has come when what was sent after it is answered.
    assert_eq!(client.call("/").await.answer().await.0, 0);
    let may_answer = world.may_answer.clone();
    let mut ending = world.stop();
    let _ = tokio::time::timeout(Duration::from_millis(700), ending.ended()).await;
    may_answer.add_permits(1);
    assert_eq!(waiting.answer().await.0, 0);
    ending.ended().await;
}
