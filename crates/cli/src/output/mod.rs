//! Where results go: a printer that knows the output format, and the renderings that it is fed with.
//!
//! Commands build cards, tables and JSON; only this module decides what reaches stdout. Text calls are silent in JSON
//! formats and the other way round, so that a command can describe both without asking.

pub(crate) mod blocks;
pub(crate) mod colour;
pub(crate) mod json;
pub(crate) mod names;
pub(crate) mod proto_json;
pub(crate) mod time;

use std::io::Write;

use jiff::{SignedDuration, Timestamp};
use prost::{Message, Name};

use self::{
    blocks::{Card, Table},
    colour::Colour,
    json::{Json, Layout},
    proto_json::Payloads,
    time::TimeFormat,
};
use crate::failure::Failure;

/// The format of results (`--output`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
    Jsonl,
    /// Nothing on stdout.
    None,
}

/// Whether a list is open, and whether it has items yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    Closed,
    Empty,
    Filled,
}

/// What `--output`, `--time-format`, `--color` and `--no-json-shorthand-payloads` amount to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) format: Format,
    pub(crate) time: TimeFormat,
    pub(crate) payloads: Payloads,
    /// Whether text is coloured.
    pub(crate) coloured: bool,
    /// The moment that relative times are seen from.
    pub(crate) now: Timestamp,
}

/// Writes results in one style.
pub(crate) struct Printer {
    out: Box<dyn Write + Send>,
    style: Style,
    list: List,
}

impl Printer {
    /// A printer onto `out`, which should be buffered: every call flushes.
    pub(crate) fn new(out: Box<dyn Write + Send>, style: Style) -> Self {
        Self { out, style, list: List::Closed }
    }

    /// Whether results are JSON.
    pub(crate) fn is_json(&self) -> bool {
        match self.style.format {
            Format::Json | Format::Jsonl => true,
            Format::Text | Format::None => false,
        }
    }

    /// How payloads are shown where the command does not decide.
    pub(crate) fn payloads(&self) -> Payloads {
        self.style.payloads
    }

    /// A point in time as text; empty if absent.
    pub(crate) fn time(&self, time: Option<&prost_types::Timestamp>) -> String {
        self.style.time.show(time, self.style.now)
    }

    /// A text in colour, where text output is coloured.
    pub(crate) fn paint(&self, colour: Colour, text: &str) -> String {
        colour::paint(colour, text, self.style.coloured && !self.is_json())
    }

    /// Text as it is; silent in JSON formats.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), Failure> {
        match self.style.format {
            Format::Text => self.write(text),
            Format::Json | Format::Jsonl | Format::None => Ok(()),
        }
    }

    /// A line of text.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.text(&format!("{text}\n"))
    }

    /// A heading on a line of its own.
    pub(crate) fn heading(&mut self, text: &str) -> Result<(), Failure> {
        self.line(&self.paint(Colour::Magenta, text))
    }

    /// The report of a success on a line of its own.
    pub(crate) fn success(&mut self, text: &str) -> Result<(), Failure> {
        self.line(&self.paint(Colour::Green, text))
    }

    /// A card as text.
    pub(crate) fn card(&mut self, card: &Card) -> Result<(), Failure> {
        self.text(&card.render())
    }

    /// Several cards as text.
    pub(crate) fn cards(&mut self, cards: &[Card]) -> Result<(), Failure> {
        self.text(&blocks::render_cards(cards))
    }

    /// A table as text, with its header.
    pub(crate) fn table(&mut self, table: &Table) -> Result<(), Failure> {
        self.table_header(table)?;
        self.text(&table.render_rows())
    }

    /// The header of a table whose rows follow.
    pub(crate) fn table_header(&mut self, table: &Table) -> Result<(), Failure> {
        self.text(&table.render_header(self.style.coloured))
    }

    /// A JSON value; silent in text.
    pub(crate) fn json(&mut self, value: &Json) -> Result<(), Failure> {
        let text = match self.style.format {
            Format::Json => value.render(Layout::Indented),
            Format::Jsonl => value.render(Layout::Compact),
            Format::Text | Format::None => return Ok(()),
        };
        let text = match (self.style.format, self.list) {
            (Format::Json, List::Empty) => format!("\n{text}"),
            (Format::Json, List::Filled) => format!(",\n{text}"),
            _ => format!("{text}\n"),
        };
        if self.list == List::Empty {
            self.list = List::Filled;
        }
        self.write(&text)
    }

    /// An API message as JSON; silent in text.
    pub(crate) fn message<M: Message + Name>(&mut self, message: &M) -> Result<(), Failure> {
        match self.is_json() {
            true => self.json(&proto_json::to_json(message, self.style.payloads)),
            false => Ok(()),
        }
    }

    /// Opens a list: JSON values that follow are its items. Closed by [`Self::end_list`], also after a failure.
    pub(crate) fn start_list(&mut self) -> Result<(), Failure> {
        self.list = List::Empty;
        match self.style.format {
            Format::Json => self.write("["),
            Format::Text | Format::Jsonl | Format::None => Ok(()),
        }
    }

    /// Closes a list.
    pub(crate) fn end_list(&mut self) -> Result<(), Failure> {
        self.list = List::Closed;
        match self.style.format {
            Format::Json => self.write("\n]\n"),
            Format::Text | Format::Jsonl | Format::None => Ok(()),
        }
    }

    fn write(&mut self, text: &str) -> Result<(), Failure> {
        self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()).map_err(Failure::from_write)
    }
}

/// A proto duration in Go's syntax; absent is `0s`.
pub(crate) fn go_duration(duration: Option<&prost_types::Duration>) -> String {
    time::go_duration(time::duration_from_proto(duration))
}

/// The time from `start` to `end`, zero unless both are given.
pub(crate) fn elapsed(start: Option<&prost_types::Timestamp>, end: Option<&prost_types::Timestamp>) -> SignedDuration {
    match (start.and_then(time::from_proto), end.and_then(time::from_proto)) {
        (Some(start), Some(end)) => end.duration_since(start),
        _ => SignedDuration::ZERO,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What a printer wrote.
    #[derive(Clone, Default)]
    pub(crate) struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Sink {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// A printer in this format, seen at the Unix epoch, and what it writes.
    pub(crate) fn printer(format: Format) -> (Printer, Sink) {
        let style = Style {
            format,
            time: TimeFormat::Iso,
            payloads: Payloads::Shorthand,
            coloured: false,
            now: Timestamp::UNIX_EPOCH,
        };
        let sink = Sink::default();
        (Printer::new(Box::new(sink.clone()), style), sink)
    }

    #[test]
    fn each_format_shows_its_own() {
        let item = Json::object([("a", Json::Number("1".to_owned()))]);
        for (format, items, wanted) in [
            (Format::Text, 2, "line\n"),
            (Format::Json, 2, "[\n{\n  \"a\": 1\n},\n{\n  \"a\": 1\n}\n]\n"),
            (Format::Json, 0, "[\n]\n"),
            (Format::Jsonl, 2, "{\"a\":1}\n{\"a\":1}\n"),
            (Format::None, 2, ""),
        ] {
            let (mut printer, sink) = printer(format);
            printer.start_list().unwrap();
            printer.line("line").unwrap();
            for _ in 0..items {
                printer.json(&item).unwrap();
            }
            printer.end_list().unwrap();
            assert_eq!(sink.text(), wanted, "{format:?}");
        }
    }

    #[test]
    fn outside_of_a_list_json_ends_its_line() {
        let (mut printer, sink) = printer(Format::Json);
        printer.json(&Json::Null).unwrap();
        assert_eq!(sink.text(), "null\n");
    }
}
