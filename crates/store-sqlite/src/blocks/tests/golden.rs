//! The bytes of columns, as they stand in files.

use std::sync::Arc;

use super::super::{
    column::{Column, encode},
    values::{Kind, Values},
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(text: &str) -> Option<Arc<str>> {
    Some(text.into())
}

/// A column of each way of writing values, and its bytes: first which slots have a value.
#[test]
fn columns_stand_in_files_as_they_always_did() {
    let columns = [
        // The least number, and then the width, the count and the distances from it.
        (Values::Ints(vec![Some(5), Some(7)]), "00 0500000000000000 01 02000000 00 02"),
        (Values::Ints(vec![Some(-1), None]), "01 01 ffffffffffffffff 00 02000000"),
        (Values::Ints(vec![Some(0), Some(300)]), "00 0000000000000000 02 02000000 0000 2c01"),
        (Values::Doubles(vec![Some(1.5)]), "00 08 01000000 000000000000f83f"),
        // The dictionary, as the ends of its texts and the texts, and then the number of each slot's text in it.
        (Values::Texts(vec![text("b"), text("ab"), text("b")]), "00 01 02000000 02 03 6162 62 01 03000000 01 00 01"),
        (
            Values::Lists(vec![Some(vec!["b".into(), "a".into()]), None]),
            "01 01 01 02000000 01 02 61 62 01 02000000 02 02 01 02000000 01 00",
        ),
        (Values::Runs(vec![Some([0x11; 16])]), "00 11111111111111111111111111111111"),
    ];
    for (values, golden) in columns {
        assert_eq!(hex(&encode(&values)), golden.replace(' ', ""), "{values:?}");
    }
}

#[test]
fn kinds_of_columns_have_their_numbers() {
    let numbers = Kind::ALL.map(|kind| (kind as i32, format!("{kind:?}")));
    let names = ["Int", "Double", "Bool", "Datetime", "Keyword", "Text", "List", "Run", "Far"];
    assert!(numbers.iter().map(|(number, name)| (*number, name.as_str())).eq((1..).zip(names)));
    for kind in Kind::ALL {
        let one = match Values::empty(kind, 1) {
            Values::Ints(_) => Values::Ints(vec![Some(1)]),
            Values::Doubles(_) => Values::Doubles(vec![Some(1.0)]),
            Values::Texts(_) => Values::Texts(vec![text("1")]),
            Values::Lists(_) => Values::Lists(vec![Some(vec!["1".into()])]),
            Values::Runs(_) => Values::Runs(vec![Some([1; 16])]),
        };
        assert!(Column::read(kind, 1, &encode(&one)).is_some(), "{kind:?}");
    }
}
