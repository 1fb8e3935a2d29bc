//! HTTP/2 by hand, as little of it as a flood of equal calls needs: what a client library spends on a call is more than what
//! the server spends on refusing it, and the two share a machine.

use std::time::Duration;

use bytes::BufMut;

/// What a client says first, with windows so large that no answer waits for more: `SETTINGS` and a `WINDOW_UPDATE` of the
/// connection.
pub(super) fn greeting() -> Vec<u8> {
    let mut out = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    let window = (1_u32 << 31) - 1;
    head(&mut out, 6, SETTINGS, 0, 0);
    out.put_u16(INITIAL_WINDOW_SIZE);
    out.put_u32(window);
    head(&mut out, 4, WINDOW_UPDATE, 0, 0);
    out.put_u32(window - FIRST_WINDOW);
    out
}

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;

pub(super) const END_STREAM: u8 = 1;
pub(super) const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

pub(super) const MAX_CONCURRENT_STREAMS: u16 = 3;
const INITIAL_WINDOW_SIZE: u16 = 4;
/// Of a connection, in either direction, until it is enlarged.
pub(super) const FIRST_WINDOW: u32 = 65_535;
/// Bytes before the payload of a frame.
pub(super) const HEAD: usize = 9;
/// Largest payload of a frame that is sent.
const LARGEST: usize = 16 * 1024;
/// The error code of a stream that its client gives up.
const CANCEL: u32 = 8;

/// The head of a frame.
pub(super) struct Head {
    pub(super) length: usize,
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
}

impl Head {
    /// `None`: it has not come whole.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, kind, flags, stream @ ..] = bytes.first_chunk::<HEAD>()?;
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        Some(Self { length, kind: *kind, flags: *flags, stream: u32::from_be_bytes(*stream) & (u32::MAX >> 1) })
    }
}

fn head(out: &mut Vec<u8>, length: usize, kind: u8, flags: u8, stream: u32) {
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    out.extend_from_slice(&length[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.put_u32(stream);
}

/// The answer to a frame that wants one.
pub(super) fn acknowledge(out: &mut Vec<u8>, kind: u8, payload: &[u8]) {
    head(out, payload.len(), kind, ACK, 0);
    out.extend_from_slice(payload);
}

/// Gives up a stream.
pub(super) fn reset(out: &mut Vec<u8>, stream: u32) {
    head(out, 4, RST_STREAM, 0, stream);
    out.put_u32(CANCEL);
}

/// A unary call that is made again and again with another number and another timeout in it.
#[derive(Clone, Debug)]
pub(super) struct Template {
    /// The block of headers as a connection hears it first, with what it shall remember. It ends with the timeout.
    first: Vec<u8>,
    /// The same by what is remembered, and with the timeout in full.
    later: Vec<u8>,
    /// The framed message.
    message: Vec<u8>,
    /// Where the number stands in it.
    places: Vec<usize>,
}

/// Stands in a message where the number of the call shall be.
pub(super) const NUMBER: &str = "N-U-M-B-E-R-O-F-CALL";
/// Digits of a timeout: the most that gRPC allows (its specification, "Requests").
const DIGITS: usize = 8;
const LONGEST_TIMEOUT: u128 = 99_999_999;

impl Template {
    pub(super) fn new(path: &str, authority: &str, message: &[u8]) -> Self {
        // Static entries: the method POST, the scheme http, and the names :path, :authority and content-type.
        let mut first = vec![0x83, 0x86];
        let named = [(0x44, path), (0x41, authority), (0x5f, "application/grpc")];
        for (name, value) in named {
            first.push(name);
            text(&mut first, value);
        }
        let timeout = format!("{:0DIGITS$}m", 0);
        for (name, value) in [("te", "trailers"), ("grpc-timeout", &timeout)] {
            first.push(0x40);
            text(&mut first, name);
            text(&mut first, value);
        }
        // The five that were told are the entries 66, the oldest, to 62, of which only the name is used again: a literal
        // that is not to be remembered (RFC 7541, section 6.2.2), with the index less the 15 of its prefix.
        let mut later: Vec<_> = [0x83, 0x86].into_iter().chain((63..=66).rev().map(|entry| 0x80 | entry)).collect();
        later.extend([0x0f, 62 - 15]);
        text(&mut later, &timeout);
        let mut framed = vec![0];
        framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
        framed.extend_from_slice(message);
        let number = NUMBER.as_bytes();
        let places = (0..framed.len()).filter(|at| framed[*at..].starts_with(number)).collect();
        Self { first, later, message: framed, places }
    }

    /// Bytes of the message in its frame, which count against the windows.
    pub(super) fn length(&self) -> usize {
        self.message.len()
    }

    /// Makes the call, whose caller waits for `left`: whole milliseconds, rounded up as client libraries do.
    pub(super) fn write(&self, out: &mut Vec<u8>, stream: u32, number: u64, left: Duration) {
        let block = if stream == 1 { &self.first } else { &self.later };
        head(out, block.len(), HEADERS, END_HEADERS, stream);
        out.extend_from_slice(block);
        let timeout = left.as_micros().div_ceil(1_000).min(LONGEST_TIMEOUT);
        let timeout = format!("{timeout:0DIGITS$}m");
        let at = out.len() - timeout.len();
        out[at..].copy_from_slice(timeout.as_bytes());
        let number = format!("{number:0width$}", width = NUMBER.len());
        let mut sent = 0;
        for piece in self.message.chunks(LARGEST) {
            let is_last = sent + piece.len() == self.message.len();
            head(out, piece.len(), DATA, if is_last { END_STREAM } else { 0 }, stream);
            let begin = out.len();
            out.extend_from_slice(piece);
            for place in &self.places {
                // A number that lies across two pieces stays as it is: ids stand before what is large.
                if let Some(at) = place.checked_sub(sent)
                    && at + number.len() <= piece.len()
                {
                    out[begin + at..begin + at + number.len()].copy_from_slice(number.as_bytes());
                }
            }
            sent += piece.len();
        }
    }
}

/// A text of a block of headers, as it is.
fn text(out: &mut Vec<u8>, text: &str) {
    assert!(text.len() < 127, "a longer text has a longer length");
    out.push(text.len() as u8);
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_its_headers_and_its_message_with_its_number() {
        let message = format!("id {NUMBER} again {NUMBER}");
        let template = Template::new("/a.B/C", "localhost", message.as_bytes());
        for (stream, number) in [(1, 7_u64), (3, 8)] {
            let mut out = Vec::new();
            template.write(&mut out, stream, number, Duration::from_secs(5));
            let headers = Head::read(&out).unwrap();
            assert_eq!((headers.kind, headers.flags, headers.stream), (HEADERS, END_HEADERS, stream));
            assert!(out[..HEAD + headers.length].ends_with(b"\x0900005000m"), "{out:?}");
            let rest = &out[HEAD + headers.length..];
            let data = Head::read(rest).unwrap();
            assert_eq!((data.kind, data.flags, data.length), (DATA, END_STREAM, template.length()));
            let sent = String::from_utf8(rest[HEAD + 5..].to_vec()).unwrap();
            assert_eq!(sent, format!("id {number:020} again {number:020}"));
        }
    }

    #[test]
    fn a_large_message_goes_in_pieces() {
        let message = format!("{NUMBER}{}", "x".repeat(2 * LARGEST));
        let template = Template::new("/a.B/C", "localhost", message.as_bytes());
        let mut out = Vec::new();
        template.write(&mut out, 3, 1, Duration::from_secs(5));
        let mut rest = &out[..];
        let mut lengths = Vec::new();
        while let Some(head) = Head::read(rest) {
            rest = &rest[HEAD + head.length..];
            lengths.push((head.kind, head.length, head.flags & END_STREAM));
        }
        assert_eq!(lengths[1..], [(DATA, LARGEST, 0), (DATA, LARGEST, 0), (DATA, 25, END_STREAM)]);
    }
}
