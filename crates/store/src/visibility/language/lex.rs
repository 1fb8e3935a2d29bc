//! Tokens of a filter. They are cut as the reference's SQL parser cuts them, so that a syntax error names the same
//! position and the same word.

use super::keywords;

/// A token; `text` of it is what an error shows after "near".
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) text: String,
    /// A word as it was written; like `text` for other tokens.
    pub(super) written: String,
    /// One more than the number of bytes read when this token had been read: how the reference counts.
    pub(super) position: usize,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    End,
    /// A name, in backticks or not. A keyword that the grammar has no use for is one too, in lower case.
    Name,
    /// A keyword, in lower case.
    Keyword,
    Text,
    Number,
    /// Hexadecimal or bit literals and bind variables: they parse, but have no value here.
    Opaque,
    /// An operator or punctuation; its text is not shown in errors.
    Sign(&'static str),
    /// Not a token.
    Bad,
}

/// Cuts a filter into tokens.
pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Bytes of the statement that the reference puts before the filter.
    before: usize,
    variables: usize,
}

/// Signs, longer ones first.
const SIGNS: [&str; 25] = [
    "<=>", "->>", "&&", "||", "<>", "<<", "<=", ">=", ">>", "!=", "->", "=", ",", ";", "(", ")", "+", "*", "%", "^",
    "~", "&", "|", ".", "/",
];

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str, before: usize) -> Self {
        Self { bytes: text.as_bytes(), at: 0, before, variables: 0 }
    }

    pub(super) fn next(&mut self) -> Token {
        let mut start;
        let (kind, text) = loop {
            while self.peek(0).is_some_and(|byte| b" \n\r\t".contains(&byte)) {
                self.at += 1;
            }
            start = self.at;
            match self.comment() {
                Some(Ok(())) => {}
                Some(Err(text)) => break (TokenKind::Bad, text),
                None => break self.token(),
            }
        };
        let text = String::from_utf8_lossy(&text).into_owned();
        let written = &self.bytes[start..self.at];
        let written = match written.eq_ignore_ascii_case(text.as_bytes()) {
            true => String::from_utf8_lossy(written).into_owned(),
            false => text.clone(),
        };
        Token { kind, text, written, position: self.before + self.at + 1 }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn starts_with(&self, text: &str) -> bool {
        self.bytes[self.at..].starts_with(text.as_bytes())
    }

    fn token(&mut self) -> (TokenKind, Vec<u8>) {
        let Some(byte) = self.peek(0) else {
            return (TokenKind::End, Vec::new());
        };
        if is_letter(byte) {
            return self.word(byte);
        }
        if byte.is_ascii_digit() || (byte == b'.' && self.peek(1).is_some_and(|next| next.is_ascii_digit())) {
            return self.number();
        }
        match byte {
            b'\'' | b'"' => self.text(byte),
            b'`' => self.quoted_name(),
            b':' => self.variable(),
            b'?' => {
                self.at += 1;
                self.variables += 1;
                (TokenKind::Opaque, format!(":v{}", self.variables).into_bytes())
            }
            b'-' if !self.starts_with("->") => self.sign("-"),
            b'<' if !SIGNS.iter().any(|sign| sign.starts_with('<') && self.starts_with(sign)) => self.sign("<"),
            b'>' if !SIGNS.iter().any(|sign| sign.starts_with('>') && self.starts_with(sign)) => self.sign(">"),
            b'!' if !self.starts_with("!=") => self.sign("!"),
            _ => match SIGNS.iter().find(|sign| self.starts_with(sign)) {
                Some(sign) => self.sign(sign),
                None => {
                    self.at += 1;
                    (TokenKind::Bad, vec![byte])
                }
            },
        }
    }

    fn sign(&mut self, sign: &'static str) -> (TokenKind, Vec<u8>) {
        self.at += sign.len();
        (TokenKind::Sign(sign), Vec::new())
    }

    /// Skips a comment: `Err` with its text when it does not end.
    fn comment(&mut self) -> Option<Result<(), Vec<u8>>> {
        let rest = &self.bytes[self.at..];
        if self.starts_with("--") || self.starts_with("//") || self.starts_with("#") {
            let length = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
            self.at += length;
            return Some(Ok(()));
        }
        if !self.starts_with("/*") {
            return None;
        }
        match rest[2..].windows(2).position(|pair| pair == b"*/") {
            Some(end) => {
                self.at += end + 4;
                Some(Ok(()))
            }
            None => {
                let text = rest.to_vec();
                self.at = self.bytes.len();
                Some(Err(text))
            }
        }
    }

    fn word(&mut self, first: u8) -> (TokenKind, Vec<u8>) {
        if matches!(first, b'x' | b'X' | b'b' | b'B') && self.peek(1) == Some(b'\'') {
            return self.bits(first);
        }
        let start = self.at;
        while self.peek(0).is_some_and(|byte| is_letter(byte) || byte.is_ascii_digit()) {
            self.at += 1;
        }
        let word = &self.bytes[start..self.at];
        let lowered = String::from_utf8_lossy(word).to_ascii_lowercase();
        match keywords::find(&lowered) {
            Some(keywords::Use::Grammar) => (TokenKind::Keyword, lowered.into_bytes()),
            Some(keywords::Use::Name) => (TokenKind::Name, lowered.into_bytes()),
            None => (TokenKind::Name, word.to_vec()),
        }
    }

    /// `x'1f'` and `b'01'`.
    fn bits(&mut self, first: u8) -> (TokenKind, Vec<u8>) {
        let hexadecimal = first.eq_ignore_ascii_case(&b'x');
        self.at += 2;
        let start = self.at;
        while self.peek(0).is_some_and(|byte| match hexadecimal {
            true => byte.is_ascii_hexdigit(),
            false => matches!(byte, b'0' | b'1'),
        }) {
            self.at += 1;
        }
        let digits = self.bytes[start..self.at].to_vec();
        if self.peek(0) != Some(b'\'') {
            return (TokenKind::Bad, digits);
        }
        self.at += 1;
        let even = !hexadecimal || digits.len().is_multiple_of(2);
        (if even { TokenKind::Opaque } else { TokenKind::Bad }, digits)
    }

    fn number(&mut self) -> (TokenKind, Vec<u8>) {
        let start = self.at;
        let mut kind = TokenKind::Number;
        if self.starts_with("0x") || self.starts_with("0X") {
            kind = TokenKind::Opaque;
            self.at += 2;
            while self.peek(0).is_some_and(|byte| byte.is_ascii_hexdigit()) {
                self.at += 1;
            }
        } else {
            self.digits();
            if self.peek(0) == Some(b'.') {
                self.at += 1;
                self.digits();
            }
            if matches!(self.peek(0), Some(b'e' | b'E')) {
                self.at += 1;
                self.at += usize::from(matches!(self.peek(0), Some(b'+' | b'-')));
                self.digits();
            }
        }
        // A letter may not follow a number.
        if self.peek(0).is_some_and(is_letter) {
            kind = TokenKind::Bad;
        }
        (kind, self.bytes[start..self.at].to_vec())
    }

    fn digits(&mut self) {
        while self.peek(0).is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }

    fn variable(&mut self) -> (TokenKind, Vec<u8>) {
        let start = self.at;
        self.at += 1;
        let is_list = self.peek(0) == Some(b':');
        self.at += usize::from(is_list);
        if !self.peek(0).is_some_and(is_letter) {
            return (TokenKind::Bad, self.bytes[start..self.at].to_vec());
        }
        while self.peek(0).is_some_and(|byte| is_letter(byte) || byte.is_ascii_digit() || byte == b'.') {
            self.at += 1;
        }
        let kind = if is_list { TokenKind::Bad } else { TokenKind::Opaque };
        (kind, self.bytes[start..self.at].to_vec())
    }

    /// A name in backticks; two of them stand for one.
    fn quoted_name(&mut self) -> (TokenKind, Vec<u8>) {
        self.at += 1;
        let mut name = Vec::new();
        loop {
            match (self.peek(0), self.peek(1)) {
                (None, _) => return (TokenKind::Bad, name),
                (Some(b'`'), Some(b'`')) => {
                    name.push(b'`');
                    self.at += 2;
                }
                (Some(b'`'), _) => {
                    self.at += 1;
                    break;
                }
                (Some(byte), _) => {
                    name.push(byte);
                    self.at += 1;
                }
            }
        }
        (if name.is_empty() { TokenKind::Bad } else { TokenKind::Name }, name)
    }

    /// A text in quotes; two of them stand for one, and a backslash escapes.
    fn text(&mut self, quote: u8) -> (TokenKind, Vec<u8>) {
        self.at += 1;
        let mut text = Vec::new();
        loop {
            match (self.peek(0), self.peek(1)) {
                (None, _) => return (TokenKind::Bad, text),
                (Some(b'\\'), None) => {
                    self.at += 1;
                    return (TokenKind::Bad, text);
                }
                (Some(b'\\'), Some(escaped)) => {
                    text.push(unescape(escaped));
                    self.at += 2;
                }
                (Some(byte), next) if byte == quote => {
                    self.at += 1;
                    if next != Some(quote) {
                        return (TokenKind::Text, text);
                    }
                    text.push(quote);
                    self.at += 1;
                }
                (Some(byte), _) => {
                    text.push(byte);
                    self.at += 1;
                }
            }
        }
    }
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte == b'@'
}

/// The byte that a backslash and this one stand for, as in MySQL.
fn unescape(byte: u8) -> u8 {
    match byte {
        b'0' => 0,
        b'b' => 0x08,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'Z' => 0x1a,
        other => other,
    }
}
