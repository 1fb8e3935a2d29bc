//! The page of limits: `perdure config limits`, which is `docs/limits.md`.

use model::{
    Limits,
    limits::{Entry, TABLE},
};

use super::keys::LIMITS;

const HEAD: &str = "\
# Limits

Every limit of a server, with what changes it. The page is made from the table of limits by `perdure config limits`, and
a test fails when the two differ; after a change of the table:

```console
$ cargo run -p perdure -- config limits > docs/limits.md
```

- A limit is set by its key in `perdure.toml` (`perdure server start --config`), or by
  `--dynamic-config-value KEY=VALUE` under the name that the reference's dynamic configuration has for it
  (`perdure server start-dev`). A key that starts with `server.` is one that the reference does not have.
- A limit whose scope is the Namespace can be set for one Namespace by itself in `perdure.toml`:

  ```toml
  [namespaces.payments.limits]
  requests_per_second = 500
  ```

- The scope is what the limit counts over.
- Texts are as the caller sees them; `…` stands for what varies. What comes with RESOURCE_EXHAUSTED and a cause carries
  both cause and scope in its details, and goes by with time: SDKs try again by themselves. Where a rate is exceeded, two
  more details (`google.rpc.ErrorInfo`, `google.rpc.RetryInfo`) name the limit, its setting and its value, and the wait.

| limit | default | unit | scope | keys | when it is exceeded |
|---|---|---|---|---|---|
";

/// The page, in Markdown.
pub(super) fn page() -> String {
    let defaults = Limits::default();
    let rows = TABLE.iter().map(|entry| {
        let meaning = entry.meaning.trim();
        let Entry { name, setting, unit, scope, seen, .. } = entry;
        let value = defaults.formatted(name).unwrap_or_default();
        format!("| {meaning} | {value} | {unit} | {scope} | `{LIMITS}{name}`, `{setting}` | {seen} |\n")
    });
    HEAD.to_owned() + &rows.collect::<String>()
}

/// The limits for programs.
pub(super) fn as_json() -> serde_json::Value {
    let defaults = Limits::default();
    TABLE
        .iter()
        .map(|entry| {
            serde_json::json!({
                "key": format!("{LIMITS}{}", entry.name),
                "setting": entry.setting,
                "meaning": entry.meaning.trim(),
                "default": defaults.formatted(entry.name),
                "unit": entry.unit,
                "scope": entry.scope.to_string(),
                "seen": entry.seen.to_string(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_what_the_table_says() {
        let document = include_str!("../../../../docs/limits.md");
        let page = page();
        for (number, (written, made)) in document.lines().zip(page.lines()).enumerate() {
            assert_eq!(written, made, "docs/limits.md:{}: make it anew with `perdure config limits`", number + 1);
        }
        assert_eq!(document, page, "docs/limits.md: make it anew with `perdure config limits`");
    }

    #[test]
    fn no_cell_breaks_its_row() {
        for row in page().lines().filter(|line| line.starts_with("| ")) {
            assert_eq!(row.matches(" | ").count(), 5, "{row}");
        }
    }

    #[test]
    fn programs_get_the_same() {
        let limits = as_json();
        assert_eq!(limits.as_array().map(Vec::len), Some(TABLE.len()));
        assert_eq!((&limits[0]["key"], &limits[0]["unit"]), (&"limits.memory".into(), &"bytes".into()));
    }
}
