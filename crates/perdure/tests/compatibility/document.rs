//! The tables of `docs/compatibility.md`.

/// A row of a table.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) state: String,
}

const TEXT: &str = include_str!("../../../../docs/compatibility.md");

/// The headings of the tables whose first column is a name.
pub(crate) fn headings() -> Vec<String> {
    let names = TEXT.lines().filter_map(|line| line.strip_prefix("## "));
    names.map(str::to_owned).filter(|heading| !rows(heading).is_empty()).collect()
}

/// The rows below a heading.
pub(crate) fn rows(heading: &str) -> Vec<Row> {
    TEXT.lines()
        .skip_while(|line| line.strip_prefix("## ") != Some(heading))
        .skip(1)
        .take_while(|line| !line.starts_with("## "))
        .filter_map(|line| {
            let (name, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
            Some(Row { name: name.to_owned(), state: rest.strip_suffix(" |")?.to_owned() })
        })
        .collect()
}
