//! In the machine each question about a value of several kinds is one `match` that lists them all. Clippy finds a `_` arm over
//! an enum; this rule finds the other ways in which a new kind would silently take a default: `matches!`, `if let` and
//! `let … else` on a kind, and a `_` or a name inside a pattern, at a place where another arm names a kind.
//!
//! A kind is what a path with a capital behind `::` names. `Some`, `Ok` and their like are no kinds: nothing joins them.

use std::collections::BTreeMap;

use super::{
    Finding, House,
    source::{Source, Token},
};

const RULE: &str = "arms";
const CRATE: &str = "machine";

pub(super) fn check(house: &House) -> Vec<Finding> {
    house.sources.iter().filter(|source| source.crate_name() == Some(CRATE)).flat_map(in_source).collect()
}

fn in_source(source: &Source) -> Vec<Finding> {
    let tokens = source.tokens();
    let mut findings = Vec::new();
    let mut find = |line: usize, message: &str| {
        findings.push(Finding::new(RULE, format!("{}:{line}", source.path), message));
    };
    for (index, token) in tokens.iter().enumerate().filter(|(_, token)| !source.is_test(token.line)) {
        match token.text {
            "matches" if tests_kind(&tokens[index..]) => find(token.line, "`matches!` on a kind: ask with a `match`"),
            "let" if is_refutable(&tokens, index) && names_kind(pattern_of_let(&tokens[index + 1..])) => {
                find(token.line, "`let` on a kind among others: ask with a `match` that lists them all");
            }
            "match" => {
                for line in defaults(&patterns(&tokens[index + 1..])) {
                    find(line, "this arm decides about kinds that it doesn't name: list them");
                }
            }
            _ => {}
        }
    }
    findings
}

/// Whether the tokens are a `matches!` whose pattern names a kind.
fn tests_kind(tokens: &[Token<'_>]) -> bool {
    if texts(tokens).take(3).ne(["matches", "!", "("]) {
        return false;
    }
    let inside = &tokens[3..end_of_group(tokens, 2)];
    split(inside, ",").get(1).is_some_and(|pattern| names_kind(pattern))
}

/// Whether the `let` at `index` has another way than its pattern: that of `if let`, a chain of them, or `let … else`.
fn is_refutable(tokens: &[Token<'_>], index: usize) -> bool {
    let before = index.checked_sub(1).map_or("", |before| tokens[before].text);
    if matches!(before, "if" | "while" | "&" | "|") {
        return true;
    }
    let rest = &tokens[index..];
    let end = outside_groups(rest).find(|at| rest[*at].text == ";").unwrap_or(rest.len());
    outside_groups(&rest[..end]).any(|at| rest[at].text == "else" && rest[at - 1].text != "}")
}

/// The tokens of a pattern, from behind `let` to the `=` or the type.
fn pattern_of_let<'t, 's>(tokens: &'t [Token<'s>]) -> &'t [Token<'s>] {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    let ends = |at: &usize| match text(*at) {
        "=" => at.checked_sub(1).is_none_or(|before| text(before) != "."),
        ":" => text(*at + 1) != ":" && at.checked_sub(1).is_none_or(|before| text(before) != ":"),
        _ => false,
    };
    &tokens[..outside_groups(tokens).find(ends).unwrap_or(0)]
}

/// The patterns of a `match`, without guards, from the tokens behind it.
fn patterns<'t, 's>(tokens: &'t [Token<'s>]) -> Vec<&'t [Token<'s>]> {
    let Some(open) = outside_groups(tokens).find(|at| tokens[*at].text == "{") else {
        return Vec::new();
    };
    let mut rest = &tokens[open + 1..end_of_group(tokens, open)];
    let mut patterns = Vec::new();
    while let Some(arrow) = outside_groups(rest).find(|at| texts(&rest[*at..]).take(2).eq(["=", ">"])) {
        let pattern = &rest[..arrow];
        let guard = outside_groups(pattern).find(|at| pattern[*at].text == "if").unwrap_or(arrow);
        patterns.push(&pattern[..guard]);
        let body = &rest[arrow + 2..];
        let block = (body.first().is_some_and(|token| token.text == "{")).then(|| end_of_group(body, 0) + 1);
        let end = block.filter(|end| body.get(*end).is_none_or(|token| token.text != "." && token.text != "?"));
        rest = &body[end.unwrap_or_else(|| end_of_expression(body))..];
        if rest.first().is_some_and(|token| token.text == ",") {
            rest = &rest[1..];
        }
    }
    patterns
}

/// The place of the comma behind an expression, or of its end. Commas between types stand in `::<…>`.
fn end_of_expression(tokens: &[Token<'_>]) -> usize {
    let mut types = 0_usize;
    let mut before = "";
    let comma = outside_groups(tokens).find(|at| {
        let text = tokens[*at].text;
        match text {
            "<" if types > 0 || before == ":" => types += 1,
            ">" if before != "-" => types = types.saturating_sub(1),
            _ => {}
        }
        before = text;
        text == "," && types == 0
    });
    comma.unwrap_or(tokens.len())
}

/// The lines of patterns that take any kind, among patterns for one place of which another names a kind.
fn defaults(patterns: &[&[Token<'_>]]) -> Vec<usize> {
    let alternatives: Vec<&[Token<'_>]> = patterns
        .iter()
        .flat_map(|pattern| split(pattern, "|"))
        .map(bare)
        .filter(|pattern| !pattern.is_empty())
        .collect();
    let mut lines = Vec::new();
    if alternatives.iter().any(|pattern| kind_length(pattern).is_some()) {
        lines.extend(alternatives.iter().filter(|pattern| takes_all(pattern)).map(|pattern| pattern[0].line));
    }
    // What stands at the same place: the same field of the same kind, tuple or wrapper.
    let mut places: BTreeMap<(String, String), Vec<&[Token<'_>]>> = BTreeMap::new();
    for pattern in &alternatives {
        let Some(open) = pattern.iter().position(|token| matches!(token.text, "(" | "{" | "[")) else { continue };
        let head: String = texts(&pattern[..open]).collect();
        let inside = &pattern[open + 1..end_of_group(pattern, open)];
        for (index, part) in split(inside, ",").into_iter().enumerate() {
            let (field, part) = match part {
                [name, colon, rest @ ..] if colon.text == ":" && rest.first().is_some_and(|next| next.text != ":") => {
                    (name.text.to_owned(), rest)
                }
                [name] if pattern[open].text == "{" => (name.text.to_owned(), part),
                part => (index.to_string(), part),
            };
            places.entry((head.clone(), field)).or_default().push(part);
        }
    }
    lines.extend(places.values().flat_map(|parts| defaults(parts)));
    lines
}

/// The pattern without what binds or borrows in front of it.
fn bare<'t, 's>(mut pattern: &'t [Token<'s>]) -> &'t [Token<'s>] {
    loop {
        pattern = match pattern {
            [first, rest @ ..] if matches!(first.text, "&" | "ref" | "mut") => rest,
            [_, at, rest @ ..] if at.text == "@" => rest,
            pattern => return pattern,
        };
    }
}

/// `_`, or a name that is bound to whatever there is.
fn takes_all(pattern: &[Token<'_>]) -> bool {
    let is_name =
        |text: &str| text.starts_with(|c: char| c == '_' || c.is_lowercase()) && !matches!(text, "true" | "false");
    matches!(pattern, [only] if is_name(only.text))
}

/// The tokens of the path that names a kind at the start of the pattern, if one does.
fn kind_length(pattern: &[Token<'_>]) -> Option<usize> {
    let mut end = 1;
    while texts(pattern.get(end..)?).take(2).eq([":", ":"]) {
        end += 3;
    }
    let last = pattern.get(end - 1)?.text;
    // What is all in capitals is a constant.
    let is_kind = end > 1 && last.starts_with(char::is_uppercase) && last.contains(char::is_lowercase);
    is_kind.then_some(end)
}

fn names_kind(pattern: &[Token<'_>]) -> bool {
    (0..pattern.len()).any(|at| kind_length(&pattern[at..]).is_some())
}

fn texts<'s>(tokens: &[Token<'s>]) -> impl Iterator<Item = &'s str> {
    tokens.iter().map(|token| token.text)
}

/// The parts between separators that stand in no group.
fn split<'t, 's>(tokens: &'t [Token<'s>], separator: &str) -> Vec<&'t [Token<'s>]> {
    let mut parts = Vec::new();
    let mut start = 0;
    for at in outside_groups(tokens).filter(|at| tokens[*at].text == separator) {
        parts.push(&tokens[start..at]);
        start = at + 1;
    }
    parts.push(&tokens[start..]);
    parts
}

/// The places of the tokens that stand in no group; a group's opening is one of them.
fn outside_groups(tokens: &[Token<'_>]) -> impl Iterator<Item = usize> {
    let mut depth = 0_usize;
    tokens.iter().enumerate().filter_map(move |(at, token)| {
        let outside = depth == 0;
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        outside.then_some(at)
    })
}

/// The place of what closes the group that is opened at `open`.
fn end_of_group(tokens: &[Token<'_>], open: usize) -> usize {
    let inside = outside_groups(&tokens[open..]).nth(1).unwrap_or(tokens.len() - open);
    open + inside - 1
}

#[cfg(test)]
pub(super) fn planted() -> Vec<super::Planted> {
    let machine = |code: &str| super::Planted::of(&[("crates/machine/src/planted.rs", code)]);
    vec![
        machine("fn f(a: &A) -> bool {\n matches!(a.b(c, d), Some(A::One(_))) }").found("`matches!` on a kind").at(2),
        machine("fn f(a: A) { if let A::One(x) = a { g(x) } }").found("`let` on a kind"),
        machine("fn f(a: A) { if g() && let Some(A::One(x)) = a { g(x) } }").found("`let` on a kind"),
        machine("fn f(a: A) { let A::One(x) = a else { return }; }").found("`let` on a kind"),
        machine("fn f(a: A) { while let Some(A::One { x, .. }) = a {} }").found("`let` on a kind"),
        machine("fn f(a: A) {\n match a {\n A::One(x) => g(x),\n _ => {}\n } }").found("doesn't name").at(4),
        machine("fn f(a: A) {\n match a {\n A::One => {}\n Some(_) | other => {}\n } }").found("doesn't name").at(4),
        machine("fn f(a: A) {\n match a {\n Some(A::One) => {}\n Some(_) | None => {}\n } }")
            .found("doesn't name")
            .at(4),
        machine("fn f(a: A) { match (a, 1) { (A::One, 1) => {} (_, _) => {} } }").found("doesn't name"),
        machine("fn f(a: A) { match a { A::One { b: B::One } => {} A::One { b } => {} } }").found("doesn't name"),
        machine("fn f(a: A) { match a { A::One => g::<B, C>(), x @ A::Two => {} _ if g() => {} } }")
            .found("doesn't name"),
    ]
}

#[cfg(test)]
mod tests {
    use super::{Source, in_source};

    #[test]
    fn what_lists_all_kinds_is_right() {
        let source = Source::scan(
            "crates/machine/src/right.rs",
            concat!(
                "fn f(a: &A, n: u32, o: Option<A>) -> Option<u32> {\n",
                "    let (A::One(x) | A::Two(x)) = a;\n",
                "    let b: model::Time = if n == 1 { A::ONE } else { a::two() };\n",
                "    let Some(c) = o.map(|o| A::One(o)) else { return None };\n",
                "    if let Some(d) = o && matches!(n, 1..=4) && let Ok(e) = A::of(d) {}\n",
                "    match n { 0 | u32::MAX => {} _ => {} }\n",
                "    match o { Some(A::One(_)) => 1, Some(A::Two(x)) if x.g::<B, C>() => x, Some(A::Two(_)) | None => { 3 } }\n",
                "    match (o, n) { (Some(A::One(_) | A::Two(_)), _) => {} (None, n) => match n { 1 => 2, n => 3 }, }\n",
                "}\n",
                "#[cfg(test)]\nmod tests { fn t() { if let A::One(x) = a {} } }\n",
            ),
        );
        let found: Vec<String> = in_source(&source).iter().map(|f| format!("{}: {}", f.place, f.message)).collect();
        assert!(found.is_empty(), "{found:?}");
    }
}
