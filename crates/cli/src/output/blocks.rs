//! Text output as data: cards (one `name  value` line per field) and tables (a header and rows).
//!
//! Both indent by two spaces per level, pad with blanks and draw no borders. Widths count terminal cells and ignore
//! colour, so that coloured cells line up.

use unicode_width::UnicodeWidthStr;

use super::colour::{self, Colour};

const INDENT: &str = "  ";

/// One object as lines of `name  value`.
#[derive(Debug, Default)]
pub(crate) struct Card {
    fields: Vec<(String, String)>,
}

impl Card {
    /// A field that is shown even when it is empty.
    pub(crate) fn field(mut self, name: &str, value: impl Into<String>) -> Self {
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    /// A field that is left out when it is empty.
    pub(crate) fn optional(self, name: &str, value: impl Into<String>) -> Self {
        let value = value.into();
        match value.is_empty() {
            true => self,
            false => self.field(name, value),
        }
    }

    /// The lines, each ended by a line feed.
    pub(crate) fn render(&self) -> String {
        let widest = self.fields.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
        let mut text = String::new();
        for (name, value) in &self.fields {
            // An empty value still takes one cell.
            let value = padded(value, 1, Align::Left);
            text.push_str(&format!("{INDENT}{}{INDENT}{value}\n", padded(name, widest, Align::Left)));
        }
        text
    }
}

/// Several cards, parted by blank lines.
pub(crate) fn render_cards(cards: &[Card]) -> String {
    cards.iter().map(Card::render).collect::<Vec<_>>().join("\n")
}

/// Where a cell sits in its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
    Centre,
}

/// A column of a table.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    title: &'static str,
    align: Align,
    /// Cells of the terminal; `None` takes the widest cell.
    width: Option<usize>,
}

impl Column {
    /// A column of text, as wide as its widest cell.
    pub(crate) fn text(title: &'static str) -> Self {
        Self { title, align: Align::Left, width: None }
    }

    /// A column of numbers, as wide as its widest cell.
    pub(crate) fn number(title: &'static str) -> Self {
        Self { title, align: Align::Right, width: None }
    }

    /// The same column with a fixed width, for tables whose rows arrive one by one.
    pub(crate) fn wide(self, width: usize) -> Self {
        Self { width: Some(width), ..self }
    }
}

/// A header and rows of text.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self { columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    /// Adds a row; cells beyond the last column are dropped.
    pub(crate) fn push(&mut self, row: impl IntoIterator<Item = String>) {
        self.rows.push(row.into_iter().take(self.columns.len()).collect());
    }

    /// Whether there is no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The header line, titles centred.
    pub(crate) fn render_header(&self, coloured: bool) -> String {
        let mut line = String::new();
        for (index, column) in self.columns.iter().enumerate() {
            let title = colour::paint(Colour::Magenta, column.title, coloured);
            line.push_str(INDENT);
            line.push_str(&padded(&title, self.width(index), Align::Centre));
        }
        line.push('\n');
        line
    }

    /// The lines of all rows.
    pub(crate) fn render_rows(&self) -> String {
        self.rows.iter().map(|row| self.render_row(row)).collect()
    }

    /// The line of one row, which need not belong to the table.
    pub(crate) fn render_row(&self, row: &[String]) -> String {
        let mut line = String::new();
        for (index, cell) in row.iter().enumerate() {
            let align = self.columns.get(index).map_or(Align::Left, |column| column.align);
            line.push_str(INDENT);
            line.push_str(&padded(cell, self.width(index), align));
        }
        line.push('\n');
        line
    }

    fn width(&self, index: usize) -> usize {
        let Some(column) = self.columns.get(index) else {
            return 0;
        };
        let cells = self.rows.iter().filter_map(|row| row.get(index)).map(|cell| width(cell));
        column.width.unwrap_or_else(|| cells.max().unwrap_or(0).max(width(column.title)))
    }
}

/// The terminal cells that a text takes, colour sequences not counted.
pub(crate) fn width(text: &str) -> usize {
    colour::stripped(text).width()
}

fn padded(text: &str, wanted: usize, align: Align) -> String {
    let gap = wanted.saturating_sub(width(text));
    let left = match align {
        Align::Left => 0,
        Align::Right => gap,
        Align::Centre => gap / 2,
    };
    format!("{}{text}{}", " ".repeat(left), " ".repeat(gap - left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_aligns_values_and_drops_empty_optional_fields() {
        let card = Card::default().field("WorkflowId", "a").field("Type", "").optional("CloseTime", "");
        assert_eq!(card.render(), "  WorkflowId  a\n  Type         \n");
    }

    #[test]
    fn cards_are_parted_by_a_blank_line() {
        let cards = [Card::default().field("A", "1"), Card::default().field("A", "2")];
        assert_eq!(render_cards(&cards), "  A  1\n\n  A  2\n");
    }

    #[test]
    fn a_table_centres_titles_and_pads_cells() {
        let mut table = Table::new([Column::text("Status"), Column::text("Type"), Column::number("Count")]);
        table.push(["Completed".to_owned(), "日本語".to_owned(), "7".to_owned()]);
        assert_eq!(table.render_header(false), "   Status     Type   Count\n");
        assert_eq!(table.render_rows(), "  Completed  日本語      7\n");
    }

    #[test]
    fn colour_takes_no_width() {
        let table = Table::new([Column::number("ID").wide(3)]);
        assert_eq!(table.render_header(true), "  \u{1b}[35mID\u{1b}[0m \n");
        assert_eq!(table.render_row(&["12".to_owned()]), "   12\n");
    }
}
