//! Write coalescing: a connection holds back what is written until it is told that nothing more comes for now, so that many
//! small frames go out together. The HTTP/2 library flushes after each data frame of some size, whatever follows.
//!
//! It also reads no more than it is told to, since that library takes in all that has come before it hands on a request.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that are held back at most; more in one piece are not copied.
const MOST: usize = 16 * 1024;
/// Bytes that are read before what they ask for has its turn.
const READ_AT_ONCE: usize = 64 * 1024;
/// The same while the client takes nothing, each time that it has taken something.
const READ_FOR_SOME_TAKEN: usize = 16 * 1024;

/// A connection whose writes are coalesced. One clone is the library's, and one belongs to the task that knows when nothing
/// more comes.
pub(crate) struct Coalesced<W>(Arc<Mutex<Coalescer<W>>>);

struct Coalescer<W> {
    wire: W,
    held: Vec<u8>,
    /// How many of the held bytes are gone.
    gone: usize,
    /// Why bytes that the library holds for written were lost.
    failure: Option<io::Error>,
    /// The same once the library has heard of it.
    has_failed: bool,
    /// Bytes that may be read for now.
    allowance: usize,
    /// Whether the wire had no room when it was last written to.
    is_blocked: bool,
    has_read: u64,
    has_written: u64,
    /// What had been written when something was last allowed to be read.
    written_before: u64,
}

impl<W> Clone for Coalesced<W> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<W> Coalesced<W> {
    pub(crate) fn new(wire: W) -> Self {
        Self(Arc::new(Mutex::new(Coalescer {
            wire,
            held: Vec::new(),
            gone: 0,
            failure: None,
            has_failed: false,
            allowance: READ_AT_ONCE,
            is_blocked: false,
            has_read: 0,
            has_written: 0,
            written_before: 0,
        })))
    }

    /// Lets some more be read; of a client that takes nothing, nothing.
    pub(crate) fn allow(&self) {
        let mut coalescer = self.lock();
        coalescer.allowance = match (coalescer.is_blocked, coalescer.has_written > coalescer.written_before) {
            (false, _) => READ_AT_ONCE,
            (true, true) => READ_FOR_SOME_TAKEN,
            (true, false) => 0,
        };
        coalescer.written_before = coalescer.has_written;
    }

    /// Bytes that have come, and bytes that went.
    pub(crate) fn traffic(&self) -> (u64, u64) {
        let coalescer = self.lock();
        (coalescer.has_read, coalescer.has_written)
    }

    /// Whether the client takes nothing more for now.
    pub(crate) fn is_blocked(&self) -> bool {
        self.lock().is_blocked
    }

    fn lock(&self) -> MutexGuard<'_, Coalescer<W>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: AsyncWrite + Unpin> Coalesced<W> {
    /// Lets go what is held back; says whether all that was ever written went. Where the wire has no room, the task is woken
    /// when there is some; of a failure the library hears when it writes or flushes next.
    pub(crate) fn release(&self, context: &mut Context<'_>) -> bool {
        let mut coalescer = self.lock();
        match coalescer.release(context) {
            Poll::Ready(Ok(())) => !coalescer.is_blocked && !coalescer.has_failed,
            Poll::Ready(Err(error)) => {
                coalescer.empty();
                (coalescer.failure, coalescer.has_failed) = (Some(error), true);
                context.waker().wake_by_ref();
                false
            }
            Poll::Pending => false,
        }
    }
}

impl<W: AsyncWrite + Unpin> Coalescer<W> {
    fn release(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.gone < self.held.len() {
            let written = Pin::new(&mut self.wire).poll_write(context, &self.held[self.gone..]);
            match ready!(self.note(written))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.gone += written,
            }
        }
        self.empty();
        Pin::new(&mut self.wire).poll_flush(context)
    }

    /// Keeps in mind what became of a write.
    fn note(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.is_blocked = written.is_pending();
        if let Poll::Ready(Ok(written)) = &written {
            self.has_written += *written as u64;
        }
        written
    }

    fn empty(&mut self) {
        self.held.clear();
        self.gone = 0;
    }

    /// Where the next `length` bytes are held back; `None` when nothing is, and they are too many to be copied.
    fn room(&mut self, length: usize, context: &mut Context<'_>) -> Poll<io::Result<Option<&mut Vec<u8>>>> {
        if let Some(error) = self.failure.take() {
            return Poll::Ready(Err(error));
        }
        if self.held.len() + length > MOST {
            ready!(self.release(context))?;
        }
        Poll::Ready(Ok((length <= MOST).then_some(&mut self.held)))
    }
}

impl<W: AsyncRead + Unpin> AsyncRead for Coalesced<W> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut coalescer = self.lock();
        if coalescer.allowance == 0 {
            // Where the wire is blocked, its room wakes the task.
            if !coalescer.is_blocked {
                context.waker().wake_by_ref();
            }
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut coalescer.wire).poll_read(context, buffer))?;
        let read = buffer.filled().len() - before;
        coalescer.allowance = coalescer.allowance.saturating_sub(read);
        coalescer.has_read += read as u64;
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Coalesced<W> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut coalescer = self.lock();
        match ready!(coalescer.room(bytes.len(), context))? {
            Some(held) => {
                held.extend_from_slice(bytes);
                Poll::Ready(Ok(bytes.len()))
            }
            None => {
                let written = Pin::new(&mut coalescer.wire).poll_write(context, bytes);
                coalescer.note(written)
            }
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = slices.iter().map(|slice| slice.len()).sum();
        let mut coalescer = self.lock();
        match ready!(coalescer.room(length, context))? {
            Some(held) => {
                slices.iter().for_each(|slice| held.extend_from_slice(slice));
                Poll::Ready(Ok(length))
            }
            None => {
                let written = Pin::new(&mut coalescer.wire).poll_write_vectored(context, slices);
                coalescer.note(written)
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.lock().wire.is_write_vectored()
    }

    /// Flushing is for `release`.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.lock().failure.take().map_or(Ok(()), Err))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut coalescer = self.lock();
        ready!(coalescer.release(context))?;
        Pin::new(&mut coalescer.wire).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::io::{DuplexStream, duplex};

    use super::*;

    fn context() -> Context<'static> {
        Context::from_waker(Waker::noop())
    }

    fn write(coalesced: &mut Coalesced<DuplexStream>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(coalesced).poll_write(&mut context(), bytes)
    }

    fn flush(coalesced: &mut Coalesced<DuplexStream>) -> Poll<io::Result<()>> {
        Pin::new(coalesced).poll_flush(&mut context())
    }

    /// What has come out at the other end.
    fn read(end: &mut DuplexStream) -> Vec<u8> {
        let mut come = Vec::new();
        loop {
            let mut bytes = [0; 4096];
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(&mut *end).poll_read(&mut context(), &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => come.extend_from_slice(buffer.filled()),
                _ => return come,
            }
        }
    }

    #[test]
    fn what_is_written_goes_out_in_order_when_it_is_released() {
        let (wire, mut end) = duplex(4 * MOST);
        let mut coalesced = Coalesced::new(wire);
        assert!(matches!(write(&mut coalesced, b"ab"), Poll::Ready(Ok(2))));
        let slices = [io::IoSlice::new(b"c"), io::IoSlice::new(b"de")];
        let written = Pin::new(&mut coalesced).poll_write_vectored(&mut context(), &slices);
        assert!(matches!(written, Poll::Ready(Ok(3))));
        assert!(matches!(flush(&mut coalesced), Poll::Ready(Ok(()))));
        assert_eq!(read(&mut end), b"");
        coalesced.release(&mut context());
        assert_eq!(read(&mut end), b"abcde");
        let large = vec![b'f'; MOST + 1];
        assert!(matches!(write(&mut coalesced, b"before"), Poll::Ready(Ok(6))));
        assert!(matches!(write(&mut coalesced, &large), Poll::Ready(Ok(written)) if written == large.len()));
        assert_eq!(read(&mut end), [b"before", &large[..]].concat(), "what is large is not held back");
        coalesced.release(&mut context());
        assert_eq!(read(&mut end), b"");
    }

    #[test]
    fn a_wire_without_room_holds_up_who_writes_too_much() {
        let (wire, mut end) = duplex(MOST);
        let mut coalesced = Coalesced::new(wire);
        let piece: Vec<u8> = (0..MOST).map(|at| at.to_le_bytes()[0]).collect();
        assert!(write(&mut coalesced, &piece).is_ready(), "held back");
        coalesced.release(&mut context());
        assert!(write(&mut coalesced, &piece).is_ready(), "held back again, since the first is on the wire");
        assert!(write(&mut coalesced, b"x").is_pending());
        assert_eq!(read(&mut end), piece);
        coalesced.release(&mut context());
        assert_eq!(read(&mut end), piece);
        assert!(matches!(write(&mut coalesced, b"x"), Poll::Ready(Ok(1))));
        assert!(Pin::new(&mut coalesced).poll_shutdown(&mut context()).is_ready());
        assert_eq!(read(&mut end), b"x", "closing lets go what is held back");
    }

    /// How many bytes can be read now.
    fn readable(coalesced: &mut Coalesced<DuplexStream>) -> usize {
        let mut read = 0;
        loop {
            let mut bytes = [0; 4096];
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(&mut *coalesced).poll_read(&mut context(), &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => read += buffer.filled().len(),
                _ => return read,
            }
        }
    }

    #[test]
    fn no_more_is_read_than_was_allowed() {
        let (wire, mut end) = duplex(4 * READ_AT_ONCE);
        let mut coalesced = Coalesced::new(wire);
        assert!(Pin::new(&mut end).poll_write(&mut context(), &vec![0; 2 * READ_AT_ONCE + 1]).is_ready());
        assert_eq!([readable(&mut coalesced), readable(&mut coalesced)], [READ_AT_ONCE, 0]);
        coalesced.allow();
        assert_eq!(readable(&mut coalesced), READ_AT_ONCE);
        coalesced.allow();
        assert_eq!(readable(&mut coalesced), 1);
        assert_eq!(coalesced.traffic(), (2 * READ_AT_ONCE as u64 + 1, 0));
    }

    #[test]
    fn of_a_client_that_takes_nothing_nothing_is_read() {
        let (wire, mut end) = duplex(MOST);
        let mut coalesced = Coalesced::new(wire);
        assert!(Pin::new(&mut end).poll_write(&mut context(), &[0; MOST]).is_ready());
        for _ in 0..2 {
            assert!(write(&mut coalesced, &[0; MOST]).is_ready());
            coalesced.release(&mut context());
        }
        coalesced.allow();
        assert_eq!(readable(&mut coalesced), MOST, "it has taken something since it was last read from");
        assert!(Pin::new(&mut end).poll_write(&mut context(), &[0; MOST]).is_ready());
        coalesced.allow();
        assert_eq!((readable(&mut coalesced), coalesced.is_blocked()), (0, true));
        assert_eq!(read(&mut end).len(), MOST);
        coalesced.release(&mut context());
        coalesced.allow();
        assert_eq!((readable(&mut coalesced), coalesced.is_blocked()), (MOST, false));
    }

    #[test]
    fn after_a_loss_in_the_middle_everything_is_lost() {
        let (wire, end) = duplex(4);
        let mut coalesced = Coalesced::new(wire);
        assert!(write(&mut coalesced, b"gonelost").is_ready());
        coalesced.release(&mut context());
        drop(end);
        for _ in 0..2 {
            coalesced.release(&mut context());
            assert!(matches!(flush(&mut coalesced), Poll::Ready(Err(_))));
            assert!(write(&mut coalesced, b"more").is_ready());
        }
    }

    #[test]
    fn the_library_hears_that_what_was_held_back_is_lost() {
        let (wire, end) = duplex(MOST);
        let mut coalesced = Coalesced::new(wire);
        drop(end);
        for told in [flush, |coalesced: &mut Coalesced<_>| write(coalesced, b"more").map_ok(drop)] {
            assert!(matches!(write(&mut coalesced, b"lost"), Poll::Ready(Ok(4))));
            coalesced.release(&mut context());
            assert!(
                matches!(told(&mut coalesced), Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe)
            );
            assert!(matches!(flush(&mut coalesced), Poll::Ready(Ok(()))), "once");
        }
    }
}
