//! The watch over a connection: when a silent one is given up, when a client that takes nothing is, and how a connection
//! ends when the server does.

use std::{future::Future, pin::Pin, sync::Arc, task::Context, time::Duration};

use model::Limits;

use super::{
    request::{self, Timer, timer},
    usage::Usage,
};

/// How long a connection that shall end, and on which nothing is under way, may take to say goodbye.
const GOODBYE: Duration = Duration::from_millis(500);
/// How long a connection that keeps more than it needs may have nothing to do.
const BLOATED: Duration = Duration::from_secs(10);
/// Bytes by which a client has said which version of HTTP it speaks: the preface of HTTP/2 (RFC 9113, section 3.4).
const PREFACE: u64 = 24;

/// What is to be done with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Serve,
    /// It takes no new calls.
    Shut,
    /// It ends now.
    Cut,
}

/// The watch over one connection.
pub(super) struct Watch {
    usage: Arc<Usage>,
    limits: Times,
    stop: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// What is awaited of a client that has asked for nothing.
    silent: Silent,
    /// Replies wait: until when, and what had been taken of them.
    stalled: Option<(Timer, u64)>,
    idle: Option<Timer>,
    /// The connection shall end: when to look again, and what had been taken of the replies that wait.
    goodbye: Option<(Timer, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct Times {
    handshake: Duration,
    first_request: Duration,
    reply: Duration,
}

enum Silent {
    Preface(Timer),
    FirstRequest(Timer),
    No,
}

impl Watch {
    pub(super) fn usage(&self) -> &Arc<Usage> {
        &self.usage
    }

    /// `stop` is done when the server ends.
    pub(super) fn new(usage: Arc<Usage>, limits: &Limits, stop: impl Future<Output = ()> + Send + 'static) -> Self {
        let limits = Times {
            handshake: limits.handshake_time,
            first_request: limits.first_request_time,
            reply: limits.reply_time,
        };
        let silent = Silent::Preface(timer(limits.handshake));
        Self { usage, limits, stop: Some(Box::pin(stop)), silent, stalled: None, idle: None, goodbye: None }
    }

    /// What is to be done with a connection of whose bytes so many were read and written.
    pub(super) fn poll(&mut self, traffic: (u64, u64), is_blocked: bool, context: &mut Context<'_>) -> Verdict {
        let (read, written) = traffic;
        if let Some(stop) = &mut self.stop
            && stop.as_mut().poll(context).is_ready()
        {
            self.stop = None;
            return self.shut();
        }
        if self.is_over(context) || self.takes_nothing(written, is_blocked, context) {
            return Verdict::Cut;
        }
        match self.is_silent(read, context) {
            Verdict::Serve if self.is_bloated(context) => self.shut(),
            verdict => verdict,
        }
    }

    /// The task looks again at once, and arms the timer.
    fn shut(&mut self) -> Verdict {
        self.goodbye = Some((timer(GOODBYE), self.usage.replies().1));
        Verdict::Shut
    }

    /// Whether a connection that shall end can: nothing is under way, and its client takes nothing more.
    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        while let Some((goodbye, before)) = &mut self.goodbye {
            if goodbye.as_mut().poll(context).is_pending() {
                return false;
            }
            let (unread, taken) = self.usage.replies();
            if !self.usage.is_busy() && (unread == 0 || *before == taken) {
                return true;
            }
            self.goodbye = Some((timer(GOODBYE), taken));
        }
        false
    }

    /// Whether replies wait for a client that has taken nothing of them for too long.
    fn takes_nothing(&mut self, written: u64, is_blocked: bool, context: &mut Context<'_>) -> bool {
        let (unread, taken) = self.usage.replies();
        // What the client does not take for itself is known by its bytes, and what blocks the wire by those of the wire.
        let progress = if unread > 0 { taken } else { written };
        if unread == 0 && !is_blocked {
            self.stalled = None;
            return false;
        }
        loop {
            let (stalled, before) = self.stalled.get_or_insert_with(|| (timer(self.limits.reply), progress));
            if stalled.as_mut().poll(context).is_pending() {
                return false;
            }
            if *before == progress {
                tracing::info!("a connection is closed: its client does not take the replies");
                return true;
            }
            self.stalled = None;
        }
    }

    /// What is to be done with a client that has asked for nothing.
    fn is_silent(&mut self, read: u64, context: &mut Context<'_>) -> Verdict {
        loop {
            let (Silent::Preface(timer) | Silent::FirstRequest(timer)) = &mut self.silent else {
                return Verdict::Serve;
            };
            if timer.as_mut().poll(context).is_pending() {
                return Verdict::Serve;
            }
            match self.silent {
                Silent::Preface(_) if read < PREFACE && !self.usage.has_answered() => return Verdict::Cut,
                Silent::Preface(_) => {
                    let left = self.limits.first_request.saturating_sub(self.limits.handshake);
                    self.silent = Silent::FirstRequest(request::timer(left));
                }
                Silent::FirstRequest(_) | Silent::No => {
                    self.silent = Silent::No;
                    let has_asked = self.usage.has_answered() || self.usage.is_busy();
                    return if has_asked { Verdict::Serve } else { self.shut() };
                }
            }
        }
    }

    /// Whether the connection keeps more than it needs, and has had nothing to do for a while.
    fn is_bloated(&mut self, context: &mut Context<'_>) -> bool {
        if !self.usage.is_bloated() {
            self.idle = None;
            return false;
        }
        let is_due = self.idle.get_or_insert_with(|| timer(BLOATED)).as_mut().poll(context).is_ready();
        if is_due {
            self.usage.forgive();
            self.idle = None;
        }
        is_due
    }
}
