//! Words of SQL that are not plain names: as in MySQL's dialect, which the reference reads filters with.

/// What a keyword is good for in a filter.
pub(super) enum Use {
    /// It has a place in the grammar, so an attribute of this name has to stand in backticks.
    Grammar,
    /// It can name an attribute. The reference takes it for lower case then.
    Name,
}

/// The use of a word in lower case; `None` when it is no keyword.
pub(super) fn find(word: &str) -> Option<Use> {
    if GRAMMAR.binary_search(&word).is_ok() {
        Some(Use::Grammar)
    } else if NAMES.binary_search(&word).is_ok() {
        Some(Use::Name)
    } else {
        None
    }
}

#[rustfmt::skip]
const GRAMMAR: [&str; 109] = [
    "_binary", "add", "all", "alter", "analyze", "and", "as", "asc", "auto_increment", "between", "binary", "boolean",
    "by", "case", "cast", "collate", "column", "constraint", "convert", "create", "cross", "current_date",
    "current_time", "current_timestamp", "database", "databases", "default", "delete", "desc", "describe", "distinct",
    "div", "drop", "else", "end", "escape", "exists", "explain", "extended", "false", "for", "force", "from", "full",
    "group", "group_concat", "having", "if", "ignore", "in", "index", "inner", "insert", "interval", "into", "is",
    "join", "key", "left", "like", "limit", "localtime", "localtimestamp", "lock", "match", "maxvalue", "mod",
    "natural", "next", "not", "null", "on", "or", "order", "outer", "processlist", "regexp", "rename", "replace",
    "right", "rlike", "schema", "select", "separator", "set", "show", "sql_cache", "sql_no_cache", "starts_with",
    "straight_join", "stream", "substr", "substring", "table", "tables", "then", "to", "true", "union", "unique",
    "update", "use", "using", "utc_date", "utc_time", "utc_timestamp", "values", "when", "where",
];

#[rustfmt::skip]
const NAMES: [&str; 141] = [
    "accessible", "against", "asensitive", "before", "begin", "bigint", "bit", "blob", "bool", "both", "call",
    "cascade", "change", "char", "character", "charset", "check", "comment", "commit", "committed", "condition",
    "continue", "cursor", "date", "datetime", "dec", "decimal", "declare", "delayed", "deterministic", "distinctrow",
    "double", "duplicate", "each", "elseif", "enclosed", "enum", "escaped", "exit", "expansion", "fetch", "float",
    "foreign", "fulltext", "generated", "get", "global", "grant", "infile", "inout", "insensitive", "int", "integer",
    "isolation", "iterate", "json", "keys", "kill", "language", "leading", "leave", "less", "level", "linear",
    "lines", "load", "loop", "mode", "modifies", "names", "numeric", "offset", "only", "optimize", "option",
    "optionally", "out", "outfile", "partition", "point", "precision", "primary", "procedure", "query", "range",
    "read", "reads", "real", "references", "release", "reorganize", "repair", "repeat", "repeatable", "require",
    "resignal", "restrict", "return", "revoke", "rollback", "schemas", "sensitive", "serializable", "session",
    "share", "signal", "signed", "smallint", "spatial", "specific", "ssl", "start", "starting", "status", "stored",
    "terminated", "text", "than", "time", "timestamp", "trailing", "transaction", "trigger", "truncate",
    "uncommitted", "undo", "unlock", "unsigned", "usage", "varbinary", "varchar", "varcharacter", "variables",
    "varying", "view", "virtual", "while", "with", "write", "xor", "year",
];

#[cfg(test)]
mod tests {
    #[test]
    fn words_are_sorted() {
        assert!(super::GRAMMAR.is_sorted() && super::NAMES.is_sorted());
    }
}
