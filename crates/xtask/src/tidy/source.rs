//! One Rust file as the rules see it: code with comments and literals blanked out, the extent of each function, and
//! which lines are tests. A scanner, not a parser: it has to be right about quotes, comments and braces, and nothing
//! else, and it costs no dependency.

use std::ops::RangeInclusive;

/// A scanned file. Lines count from 1.
pub(super) struct Source {
    pub(super) path: String,
    /// The text without comments and without what is inside literals; same lines, same columns (in characters).
    pub(super) code: Vec<String>,
    pub(super) text: Vec<String>,
    pub(super) functions: Vec<Function>,
    test_regions: Vec<RangeInclusive<usize>>,
}

/// A function with a body.
pub(super) struct Function {
    pub(super) name: String,
    /// From the line with `fn` to the line of the closing brace.
    pub(super) lines: RangeInclusive<usize>,
}

impl Function {
    pub(super) fn length(&self) -> usize {
        self.lines.end() - self.lines.start() + 1
    }
}

/// An identifier or a single punctuation character, with its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    pub(super) line: usize,
}

impl Source {
    pub(super) fn scan(path: &str, text: &str) -> Self {
        let blanked = blank(text);
        let code: Vec<String> = blanked.lines().map(str::to_owned).collect();
        let tokens = tokens(&code);
        let functions = functions(&tokens);
        let mut test_regions = test_modules(&tokens);
        let whole_file_is_test = path.contains("/tests/") || path.ends_with("/tests.rs") || path.contains("/benches/");
        if whole_file_is_test {
            test_regions.push(1..=code.len().max(1));
        }
        let text = text.lines().map(str::to_owned).collect();
        Self { path: path.to_owned(), code, text, functions, test_regions }
    }

    pub(super) fn tokens(&self) -> Vec<Token<'_>> {
        tokens(&self.code)
    }

    pub(super) fn is_test(&self, line: usize) -> bool {
        self.test_regions.iter().any(|region| region.contains(&line))
    }

    /// Lines that have code on them, tests included.
    pub(super) fn code_lines(&self) -> usize {
        self.code.iter().filter(|line| !line.trim().is_empty()).count()
    }

    /// Lines that have nothing but a comment on them.
    pub(super) fn comment_lines(&self) -> usize {
        self.code
            .iter()
            .zip(&self.text)
            .filter(|(code, text)| code.trim().is_empty() && !text.trim().is_empty())
            .count()
    }

    /// The crate's folder name, for a file under `crates/`.
    pub(super) fn crate_name(&self) -> Option<&str> {
        self.path.strip_prefix("crates/").and_then(|rest| rest.split('/').next())
    }
}

/// Replaces comments by spaces and literals by zeros.
fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = match chars[at] {
            '/' if chars.get(at + 1) == Some(&'/') => until_newline(&chars, at),
            '/' if chars.get(at + 1) == Some(&'*') => block_comment(&chars, at),
            '"' => string(&chars, at + 1),
            'r' if starts_word(&chars, at) => raw_string(&chars, at).unwrap_or(at),
            'b' | 'c' if starts_word(&chars, at) && chars.get(at + 1) == Some(&'r') => {
                raw_string(&chars, at + 1).unwrap_or(at)
            }
            '\'' => character(&chars, at).unwrap_or(at),
            _ => at,
        };
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            // A literal stays code, so it leaves digits behind; a comment leaves nothing.
            let filler = if chars[at] == '/' { ' ' } else { '0' };
            out.extend(chars[at..end].iter().map(|&c| if c.is_whitespace() { c } else { filler }));
            at = end;
        }
    }
    out
}

fn starts_word(chars: &[char], at: usize) -> bool {
    at == 0 || !(chars[at - 1].is_alphanumeric() || chars[at - 1] == '_')
}

fn until_newline(chars: &[char], at: usize) -> usize {
    chars[at..].iter().position(|&c| c == '\n').map_or(chars.len(), |length| at + length)
}

fn block_comment(chars: &[char], mut at: usize) -> usize {
    let mut depth = 0;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at.min(chars.len())
}

/// The end of a string whose opening quote is before `at`.
fn string(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// The end of `r"…"` or `r#"…"#`, where `at` is the `r`; nothing if this is another word or a raw identifier.
fn raw_string(chars: &[char], at: usize) -> Option<usize> {
    let hashes = chars[at + 1..].iter().take_while(|&&c| c == '#').count();
    let mut here = at + 1 + hashes;
    if chars.get(here) != Some(&'"') {
        return None;
    }
    here += 1;
    while here < chars.len() {
        if chars[here] == '"' && chars[here + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes {
            return Some(here + 1 + hashes);
        }
        here += 1;
    }
    Some(chars.len())
}

/// The end of a character literal; nothing for a lifetime.
fn character(chars: &[char], at: usize) -> Option<usize> {
    if chars.get(at + 1) == Some(&'\\') {
        let length = chars[at + 3..].iter().take(12).position(|&c| c == '\'')?;
        return Some(at + 3 + length + 1);
    }
    (chars.get(at + 2) == Some(&'\'')).then_some(at + 3)
}

fn tokens(code: &[String]) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for (index, line) in code.iter().enumerate() {
        let mut rest = line.as_str();
        while let Some(c) = rest.chars().next() {
            let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            let length = if word > 0 { word } else { c.len_utf8() };
            if !c.is_whitespace() {
                tokens.push(Token { text: &rest[..length], line: index + 1 });
            }
            rest = &rest[length..];
        }
    }
    tokens
}

/// The index of the brace that closes the one at `open`.
fn closing(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return index;
        }
    }
    tokens.len() - 1
}

fn functions(tokens: &[Token<'_>]) -> Vec<Function> {
    let mut functions = Vec::new();
    for (index, pair) in tokens.windows(2).enumerate() {
        // `fn(` is a type, and `fn` without a body is a declaration.
        if pair[0].text != "fn" || !pair[1].text.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            continue;
        }
        let mut nested = 0_i32;
        let body = tokens.iter().enumerate().skip(index).find_map(|(index, token)| {
            match token.text {
                "(" | "[" => nested += 1,
                ")" | "]" => nested -= 1,
                "{" if nested == 0 => return Some(Some(index)),
                ";" if nested == 0 => return Some(None),
                _ => {}
            }
            None
        });
        if let Some(Some(open)) = body {
            let end = tokens[closing(tokens, open)].line;
            functions.push(Function { name: pair[1].text.to_owned(), lines: pair[0].line..=end });
        }
    }
    functions
}

/// The extents of `#[cfg(test)] mod … { … }` and of functions marked `#[test]` or `#[…::test]`.
fn test_modules(tokens: &[Token<'_>]) -> Vec<RangeInclusive<usize>> {
    let mut regions = Vec::new();
    for index in 0..tokens.len() {
        if tokens[index].text != "#" {
            continue;
        }
        let Some(close) = tokens[index..].iter().position(|token| token.text == "]") else {
            continue;
        };
        let attribute: Vec<&str> = tokens[index..index + close].iter().map(|token| token.text).collect();
        if !attribute.contains(&"test") || attribute.contains(&"not") {
            continue;
        }
        let after = &tokens[index + close..];
        let ends = after.iter().position(|token| token.text == "{" || token.text == ";");
        if let Some(length) = ends.filter(|&length| after[length].text == "{") {
            let last = closing(tokens, index + close + length);
            regions.push(tokens[index].line..=tokens[last].line);
        }
    }
    regions
}

#[cfg(test)]
mod tests {
    use super::Source;

    #[test]
    fn quotes_comments_and_braces_do_not_confuse() {
        let source = Source::scan(
            "crates/x/src/lib.rs",
            concat!(
                "fn a<'a>(x: &'a str) -> char {\n    let _ = (\"}\\\"{\", r#\"}\"#, b'{', '\\'', '\\u{7d}');\n",
                "    /* } /* } */ */ // }\n    '}'\n}\n",
                "trait T { fn declared(&self); }\n#[cfg(test)]\nmod tests {\n    fn b() { x.unwrap() }\n}\n"
            ),
        );
        let found: Vec<_> = source.functions.iter().map(|f| (f.name.as_str(), f.length())).collect();
        assert_eq!(found, [("a", 5), ("b", 1)]);
        assert!(!source.is_test(5));
        assert!(source.is_test(9));
        assert_eq!(source.comment_lines(), 1);
    }
}
