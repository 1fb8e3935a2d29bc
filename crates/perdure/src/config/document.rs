//! A TOML document as a flat map from dotted keys to values that know their lines.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::Complaint;

/// One value of the file, as far as the table of keys needs to know it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Text(String),
    Integer(i64),
    Boolean(bool),
    /// A number with a fraction.
    Fraction(f64),
    /// Anything that no key takes, by what it is called.
    Other(&'static str),
}

impl Scalar {
    /// How the value is named in a complaint.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Text(text) => format!("{text:?}"),
            Self::Integer(number) => number.to_string(),
            Self::Boolean(truth) => truth.to_string(),
            Self::Fraction(number) => format!("{number:?}"),
            Self::Other(name) => (*name).to_owned(),
        }
    }
}

/// A value and the line it stands on, counted from 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) value: Scalar,
    pub(super) line: usize,
}

/// The entries of a file by dotted key.
pub(super) fn entries(text: &str) -> Result<BTreeMap<String, Entry>, Complaint> {
    let table = DeTable::parse(text).map_err(|error| {
        let span = error.span();
        // What the library points at, where that is one word or so and not the rest of the file.
        let place = span.clone().and_then(|span| text.get(span)).filter(|place| !place.trim().is_empty());
        let place = place.filter(|place| !place.contains('\n')).map(|place| format!(": {place}")).unwrap_or_default();
        let text_of = format!("this is not TOML: {}{place}", error.message());
        Complaint { line: span.map(|span| line_of(text, span.start)), text: text_of }
    })?;
    let mut entries = BTreeMap::new();
    flatten(text, "", table.get_ref(), &mut entries);
    Ok(entries)
}

fn flatten(text: &str, prefix: &str, table: &DeTable<'_>, entries: &mut BTreeMap<String, Entry>) {
    for (key, value) in table {
        let name = match prefix {
            "" => key.get_ref().to_string(),
            prefix => format!("{prefix}.{}", key.get_ref()),
        };
        let value = match value.get_ref() {
            DeValue::Table(inner) => {
                flatten(text, &name, inner, entries);
                continue;
            }
            DeValue::String(text) => Scalar::Text(text.to_string()),
            DeValue::Boolean(truth) => Scalar::Boolean(*truth),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Scalar::Integer(number),
                Err(_) => Scalar::Other("a number beyond 64 bits"),
            },
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(number) => Scalar::Fraction(number),
                Err(_) => Scalar::Other("a number with a fraction"),
            },
            DeValue::Datetime(_) => Scalar::Other("a date or time"),
            DeValue::Array(_) => Scalar::Other("a list"),
        };
        entries.insert(name, Entry { value, line: line_of(text, key.span().start) });
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_under_their_dotted_keys_with_their_lines() {
        let entries = entries("[a]\nb = \"x\"\n\nc.d = 0x10\n[e]\nf = true\ng = [1]\n").unwrap();
        let wanted = [
            ("a.b", Scalar::Text("x".to_owned()), 2),
            ("a.c.d", Scalar::Integer(16), 4),
            ("e.f", Scalar::Boolean(true), 6),
            ("e.g", Scalar::Other("a list"), 7),
        ];
        let wanted = wanted.map(|(key, value, line)| (key.to_owned(), Entry { value, line }));
        assert_eq!(entries, BTreeMap::from(wanted));
    }

    #[test]
    fn what_is_no_toml_is_told_with_its_line() {
        let complaint = entries("[a]\nb = \n").unwrap_err();
        assert_eq!(complaint.line, Some(2));
        assert!(complaint.text.starts_with("this is not TOML: "), "{}", complaint.text);
        let twice = entries("[a]\nb = 1\n[a]\nc = 1\n").unwrap_err();
        assert_eq!((twice.line, twice.text.as_str()), (Some(3), "this is not TOML: duplicate key: a"));
    }
}
