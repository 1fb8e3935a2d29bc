//! Callers on one connection that ask as often as they like, whatever becomes of what they asked before, and that give up
//! when their time is over.

use std::{
    collections::VecDeque,
    io::ErrorKind,
    time::{Duration, Instant},
};

use bytes::Buf;
use tokio::{
    net::TcpStream,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use super::{
    frames::{self, Head, Template},
    tally::Tally,
};
use crate::{
    Fault,
    server::{Share, own_cpu},
};

/// How often it is looked who asks, what has come, and who gives up.
const TICK: Duration = Duration::from_millis(1);
/// Bytes that wait for the network at most; calls beyond wait as calls.
const MOST_OUT: usize = 256 * 1024;

/// How callers come.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pace {
    /// So many in a second.
    PerSecond(f64),
    /// So many at a time, each of which asks again when it is answered.
    AtATime(usize),
}

/// What a flood is.
#[derive(Clone, Debug)]
pub(super) struct Flood {
    pub(super) port: u16,
    pub(super) template: Template,
    pub(super) pace: Pace,
    /// How long a caller waits.
    pub(super) patience: Duration,
    pub(super) lasts: Duration,
    /// The first number of its calls.
    pub(super) first: u64,
}

/// A call that was sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    /// When its caller began to wait.
    asked: Instant,
    /// When it was written, after it had stood in the generator's line.
    written: Instant,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Waits,
    /// The answer has begun with more than a refusal.
    Begun,
    Over,
}

/// A connection of the flood.
struct Connection {
    wire: TcpStream,
    input: Vec<u8>,
    out: Vec<u8>,
    /// Bytes of messages that the server takes now.
    window: i64,
    /// Calls that it takes at a time.
    most_streams: usize,
    open: usize,
    next_stream: u32,
    /// The stream of the first of `sent`.
    first_stream: u32,
    sent: VecDeque<Sent>,
    /// Streams come to their end, or the server has said so.
    is_spent: bool,
}

/// Runs floods on this thread alone, so that the worker beside them is not kept from its work, until all are over.
///
/// # Errors
/// When the server can't be reached.
pub(super) fn run_all(floods: Vec<Flood>) -> Result<Tally, Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let before = own_cpu(Share::Thread)?;
    runtime.block_on(async {
        let mut tally = Tally::new(Instant::now());
        let mut running: JoinSet<_> = floods.into_iter().map(Flood::run).collect();
        while let Some(ended) = running.join_next().await {
            tally.merge(&ended??);
        }
        tally.cpu = own_cpu(Share::Thread)? - before;
        Ok(tally)
    })
}

impl Flood {
    /// Floods until the time is over and all callers have been answered or have given up.
    ///
    /// # Errors
    /// When the server can't be reached.
    pub(super) async fn run(self) -> Result<Tally, Fault> {
        let began = Instant::now();
        let mut tally = Tally::new(began);
        let mut connection = Connection::open(self.port).await?;
        let mut waiting = VecDeque::new();
        let (mut asked, mut number) = (0, self.first);
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let now = Instant::now();
            let is_over = now - began >= self.lasts;
            if connection.is_spent {
                tally.closed(connection.open);
                connection = Connection::open(self.port).await?;
            }
            match self.pace {
                Pace::PerSecond(rate) => {
                    let elapsed = (now - began).min(self.lasts).as_secs_f64();
                    while (f64::from(asked) / rate) < elapsed {
                        waiting.push_back(began + Duration::from_secs_f64(f64::from(asked) / rate));
                        asked += 1;
                    }
                }
                Pace::AtATime(many) if !is_over => {
                    let missing = many.saturating_sub(connection.open + waiting.len());
                    waiting.extend(std::iter::repeat_n(now, missing));
                }
                Pace::AtATime(_) => {}
            }
            while waiting.front().is_some_and(|asked| now - *asked >= self.patience) {
                waiting.pop_front();
                tally.unsent += 1;
            }
            while connection.has_room(&self.template)
                && let Some(asked) = waiting.pop_front()
            {
                let written = Instant::now();
                let stood = written - asked;
                let left = self.patience.saturating_sub(stood);
                if left.is_zero() {
                    tally.unsent += 1;
                    continue;
                }
                self.template.write(&mut connection.out, connection.next_stream, number, left);
                connection.wrote(&self.template, Sent { asked, written, state: State::Waits });
                tally.sent(stood);
                number += 1;
            }
            connection.give_up(now, self.patience, &mut tally);
            connection.exchange(&mut tally)?;
            if is_over && waiting.is_empty() && connection.open == 0 {
                return Ok(tally);
            }
        }
    }
}

impl Connection {
    async fn open(port: u16) -> Result<Self, Fault> {
        let wire = TcpStream::connect(("127.0.0.1", port)).await?;
        wire.set_nodelay(true)?;
        Ok(Self {
            wire,
            input: Vec::new(),
            out: frames::greeting(),
            window: i64::from(frames::FIRST_WINDOW),
            most_streams: usize::MAX,
            open: 0,
            next_stream: 1,
            first_stream: 1,
            sent: VecDeque::new(),
            is_spent: false,
        })
    }

    fn has_room(&self, template: &Template) -> bool {
        !self.is_spent
            && self.open < self.most_streams
            && self.window >= template.length() as i64
            && self.out.len() < MOST_OUT
    }

    /// Counts a call that was written.
    fn wrote(&mut self, template: &Template, call: Sent) {
        self.window -= template.length() as i64;
        self.sent.push_back(call);
        self.open += 1;
        self.next_stream += 2;
        self.is_spent = self.next_stream > 1 << 30;
    }

    /// Those whose time is over give up. The first that asked are the first to do so.
    fn give_up(&mut self, now: Instant, patience: Duration, tally: &mut Tally) {
        while let Some(first) = self.sent.front() {
            if first.state != State::Over {
                if now - first.asked < patience {
                    return;
                }
                frames::reset(&mut self.out, self.first_stream);
                self.open -= 1;
                tally.given_up += 1;
            }
            self.sent.pop_front();
            self.first_stream += 2;
        }
    }

    /// Writes and reads what the network takes and gives.
    fn exchange(&mut self, tally: &mut Tally) -> Result<(), Fault> {
        let mut written = 0;
        while written < self.out.len() {
            match self.wire.try_write(&self.out[written..]) {
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.is_spent = true;
                    return Ok(());
                }
            }
        }
        self.out.drain(..written);
        let mut buffer = [0; 64 * 1024];
        loop {
            match self.wire.try_read(&mut buffer) {
                Ok(0) => self.is_spent = true,
                Ok(count) => {
                    self.input.extend_from_slice(&buffer[..count]);
                    self.take_frames(tally)?;
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => self.is_spent = true,
            }
            return Ok(());
        }
    }

    fn take_frames(&mut self, tally: &mut Tally) -> Result<(), Fault> {
        let input = std::mem::take(&mut self.input);
        let mut rest = &input[..];
        let now = Instant::now();
        while let Some(head) = Head::read(rest).filter(|head| rest.len() >= frames::HEAD + head.length) {
            let payload = &rest[frames::HEAD..frames::HEAD + head.length];
            rest = &rest[frames::HEAD + head.length..];
            self.take_frame(&head, payload, now, tally)?;
        }
        self.input = rest.to_vec();
        Ok(())
    }

    fn take_frame(&mut self, head: &Head, mut payload: &[u8], now: Instant, tally: &mut Tally) -> Result<(), Fault> {
        match head.kind {
            frames::HEADERS | frames::DATA | frames::RST_STREAM => self.take_answer(head, now, tally),
            frames::SETTINGS if head.flags & frames::ACK == 0 => {
                while payload.len() >= 6 {
                    let (name, value) = (payload.get_u16(), payload.get_u32());
                    if name == frames::MAX_CONCURRENT_STREAMS {
                        self.most_streams = value as usize;
                    }
                }
                frames::acknowledge(&mut self.out, frames::SETTINGS, &[]);
            }
            frames::PING if head.flags & frames::ACK == 0 => {
                frames::acknowledge(&mut self.out, frames::PING, payload);
            }
            frames::WINDOW_UPDATE if head.stream == 0 && payload.len() == 4 => {
                self.window += i64::from(payload.get_u32());
            }
            frames::GOAWAY => self.is_spent = true,
            _ => {}
        }
        Ok(())
    }

    /// A refusal is nothing but trailers; an answer has more before them.
    fn take_answer(&mut self, head: &Head, now: Instant, tally: &mut Tally) {
        let Some(behind) = head.stream.checked_sub(self.first_stream) else { return };
        let Some(sent) = self.sent.get_mut(behind as usize / 2) else { return };
        let ends = head.kind == frames::RST_STREAM || head.flags & frames::END_STREAM != 0;
        let took = now - sent.written;
        match (sent.state, ends) {
            (State::Over, _) | (State::Begun, false) => return,
            (State::Waits, false) => return sent.state = State::Begun,
            (State::Begun, true) => tally.answered(now, took),
            (State::Waits, true) => tally.refused(took),
        }
        sent.state = State::Over;
        self.open -= 1;
    }
}

#[cfg(test)]
mod tests {
    use h2::server::handshake;
    use tokio::net::TcpListener;
    use tonic::codegen::http::{Request, Response};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);
    /// How long the server takes nothing more.
    const SHUT: Duration = Duration::from_millis(50);
    /// What rounding and the time between the two calls may take away.
    const SLACK: Duration = Duration::from_millis(2);

    fn timeout(request: &Request<h2::RecvStream>) -> Duration {
        let text = request.headers()["grpc-timeout"].to_str().unwrap();
        Duration::from_millis(text.strip_suffix('m').unwrap().parse().unwrap())
    }

    /// Answers two calls, each after it was kept for a while without room for another; how long their callers wait.
    async fn answer(listener: TcpListener) -> Vec<Duration> {
        let mut connection = handshake(listener.accept().await.unwrap().0).await.unwrap();
        let (mut timeouts, mut answering) = (Vec::new(), JoinSet::new());
        while let Some(accepted) = connection.accept().await {
            let (request, mut respond) = accepted.unwrap();
            assert_eq!((request.method().as_str(), request.uri().path()), ("POST", "/a.B/C"));
            timeouts.push(timeout(&request));
            answering.spawn(async move {
                let mut body = request.into_body();
                let mut taken = 0;
                while let Some(data) = body.data().await {
                    taken += data.unwrap().len();
                }
                tokio::time::sleep(SHUT).await;
                body.flow_control().release_capacity(taken).unwrap();
                respond.send_response(Response::new(()), true).unwrap();
            });
        }
        timeouts
    }

    #[tokio::test]
    async fn a_call_is_sent_with_the_time_that_its_caller_has_left() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        // One fills the window of a connection that nothing was read of.
        let message = vec![b'x'; frames::FIRST_WINDOW as usize / 2 + 1];
        let flood = Flood {
            port,
            template: Template::new("/a.B/C", "localhost", &message),
            pace: Pace::PerSecond(1_000.0),
            patience: PATIENCE,
            lasts: Duration::from_millis(2),
            first: 1,
        };
        let (timeouts, tally) = tokio::join!(answer(listener), flood.run());
        let tally = tally.unwrap();
        let [first, second] = timeouts[..] else { panic!("two calls were to be sent: {timeouts:?}") };
        assert!(first <= PATIENCE && second + SHUT <= first + SLACK, "{timeouts:?}");
        assert_eq!((tally.sent, tally.refusals.total), (2, 2));
        assert!(tally.line.percentile(1.0) >= (SHUT - SLACK).as_secs_f64() * 1_000.0, "what is told apart");
    }
}
