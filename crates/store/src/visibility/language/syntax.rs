//! From tokens to a tree, by recursive descent.
//!
//! The grammar is the part of SQL's expressions that a filter can be made of, and a little more, so that what has no
//! meaning in a filter (arithmetic, functions, names on the right) is named in the error as the reference names it.

use super::{
    keywords,
    lex::{Lexer, Token, TokenKind},
};

/// What stands in a filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expr {
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    Paren(Box<Expr>),
    Compare(Box<Expr>, &'static str, Box<Expr>),
    Between {
        left: Box<Expr>,
        low: Box<Expr>,
        high: Box<Expr>,
        negated: bool,
    },
    Is(Box<Expr>, Is),
    Name(Name),
    Text(String),
    /// A number, or a hexadecimal or bit literal or a bind variable, which are none.
    Number(String),
    Bool(bool),
    Null,
    Tuple(Vec<Expr>),
    Function,
    Binary,
    Unary(&'static str, Box<Expr>),
}

/// A name.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Name {
    /// Without backticks.
    pub(super) written: String,
    /// As the reference reads it: a keyword in lower case.
    pub(super) shown: String,
    /// The same in backticks where it needs them.
    pub(super) quoted: String,
}

/// What follows `IS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Is {
    Null,
    NotNull,
    /// `TRUE` or `FALSE`, negated or not.
    Bool,
}

/// A filter and the clauses behind it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Statement {
    pub(super) filter: Option<Expr>,
    pub(super) group_by: Vec<Expr>,
    pub(super) order_by: Vec<Expr>,
    pub(super) has_limit: bool,
}

/// The text of a syntax error.
type Parsed<T> = Result<T, String>;

/// As many parentheses, and as many signs or `NOT`s, can be nested as in the reference.
const MOST_NESTING: usize = 200;

/// Parses a filter that is not empty and has no blanks around it.
pub(super) fn parse(text: &str) -> Parsed<Statement> {
    const SELECT: usize = "select * from table1 ".len();
    const WHERE: usize = "where ".len();
    let lowered: String = text.chars().take("order by".len()).collect::<String>().to_lowercase();
    let has_filter = lowered != "order by" && lowered != "group by";
    let before = SELECT + if has_filter { WHERE } else { 0 };
    let mut parser = Parser::new(Lexer::new(text, before));
    let filter = match has_filter {
        true => Some(parser.expression()?),
        false => None,
    };
    parser.clauses(filter)
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    token: Token,
    nesting: usize,
}

impl<'a> Parser<'a> {
    fn new(mut lexer: Lexer<'a>) -> Self {
        let token = lexer.next();
        Self { lexer, token, nesting: 0 }
    }

    fn advance(&mut self) -> Token {
        let next = self.lexer.next();
        std::mem::replace(&mut self.token, next)
    }

    fn unexpected(&self) -> String {
        self.error("syntax error")
    }

    fn error(&self, what: &str) -> String {
        let position = self.token.position;
        match self.token.text.as_str() {
            "" => format!("{what} at position {position}"),
            text => format!("{what} at position {position} near '{text}'"),
        }
    }

    fn nest(&mut self) -> Parsed<()> {
        self.nesting += 1;
        match self.nesting == MOST_NESTING {
            true => Err(self.error("max nesting level reached")),
            false => Ok(()),
        }
    }

    fn is_sign(&self, sign: &str) -> bool {
        self.token.kind
            == TokenKind::Sign(match self.token.kind {
                TokenKind::Sign(found) if found == sign => found,
                _ => return false,
            })
    }

    fn is_keyword(&self, word: &str) -> bool {
        self.token.kind == TokenKind::Keyword && self.token.text == word
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        if found {
            self.advance();
        }
        found
    }

    fn take_keyword(&mut self, word: &str) -> bool {
        let found = self.is_keyword(word);
        if found {
            self.advance();
        }
        found
    }

    fn expect_sign(&mut self, sign: &str) -> Parsed<()> {
        if self.take_sign(sign) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn expect_keyword(&mut self, word: &str) -> Parsed<()> {
        if self.take_keyword(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn clauses(&mut self, filter: Option<Expr>) -> Parsed<Statement> {
        let mut statement = Statement { filter, ..Statement::default() };
        if self.take_keyword("group") {
            self.expect_keyword("by")?;
            statement.group_by = self.expressions()?;
        }
        if self.take_keyword("order") {
            self.expect_keyword("by")?;
            loop {
                statement.order_by.push(self.expression()?);
                if !self.take_keyword("asc") {
                    self.take_keyword("desc");
                }
                if !self.take_sign(",") {
                    break;
                }
            }
        }
        if self.take_keyword("limit") {
            statement.has_limit = true;
            self.expression()?;
            let more = self.take_sign(",") || (self.token.text == "offset" && self.advance().text == "offset");
            if more {
                self.expression()?;
            }
        }
        self.take_sign(";");
        match self.token.kind {
            TokenKind::End => Ok(statement),
            _ => Err(self.unexpected()),
        }
    }

    fn expressions(&mut self) -> Parsed<Vec<Expr>> {
        let mut list = vec![self.expression()?];
        while self.take_sign(",") {
            list.push(self.expression()?);
        }
        Ok(list)
    }

    fn expression(&mut self) -> Parsed<Expr> {
        let mut all = vec![self.conjunction()?];
        while self.take_keyword("or") || self.take_sign("||") {
            all.push(self.conjunction()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Expr::Or(all) })
    }

    fn conjunction(&mut self) -> Parsed<Expr> {
        let mut all = vec![self.negation()?];
        while self.take_keyword("and") || self.take_sign("&&") {
            all.push(self.negation()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Expr::And(all) })
    }

    fn negation(&mut self) -> Parsed<Expr> {
        if !self.is_keyword("not") {
            return self.condition();
        }
        self.nest()?;
        self.advance();
        let inner = self.negation()?;
        self.nesting -= 1;
        Ok(Expr::Not(Box::new(inner)))
    }

    fn condition(&mut self) -> Parsed<Expr> {
        let left = self.value()?;
        let mut condition = self.comparison(left)?;
        while self.take_keyword("is") {
            let negated = self.take_keyword("not");
            let suffix = match self.token.text.as_str() {
                "null" if self.token.kind == TokenKind::Keyword && negated => Is::NotNull,
                "null" if self.token.kind == TokenKind::Keyword => Is::Null,
                "true" | "false" if self.token.kind == TokenKind::Keyword => Is::Bool,
                _ => return Err(self.unexpected()),
            };
            self.advance();
            condition = Expr::Is(Box::new(condition), suffix);
        }
        Ok(condition)
    }

    fn comparison(&mut self, left: Expr) -> Parsed<Expr> {
        const SIGNS: [(&str, &str); 8] = [
            ("=", "="),
            ("<", "<"),
            (">", ">"),
            ("<=", "<="),
            (">=", ">="),
            ("<>", "!="),
            ("!=", "!="),
            ("<=>", "<=>"),
        ];
        for (sign, operator) in SIGNS {
            if self.take_sign(sign) {
                return Ok(Expr::Compare(Box::new(left), operator, Box::new(self.value()?)));
            }
        }
        let negated = self.take_keyword("not");
        let operator = |plain, not| if negated { not } else { plain };
        if self.take_keyword("in") {
            let list = Box::new(Expr::Tuple(self.list()?));
            return Ok(Expr::Compare(Box::new(left), operator("in", "not in"), list));
        }
        if self.take_keyword("between") {
            let low = Box::new(self.value()?);
            self.expect_keyword("and")?;
            let high = Box::new(self.value()?);
            let left = Box::new(left);
            return Ok(Expr::Between { left, low, high, negated });
        }
        for (word, operator) in [
            ("like", operator("like", "not like")),
            ("regexp", operator("regexp", "not regexp")),
            ("rlike", operator("regexp", "not regexp")),
            ("starts_with", operator("starts_with", "not starts_with")),
        ] {
            if self.take_keyword(word) {
                let right = Box::new(self.value()?);
                if word == "like" && self.take_keyword("escape") {
                    self.value()?;
                }
                return Ok(Expr::Compare(Box::new(left), operator, right));
            }
        }
        if negated { Err(self.unexpected()) } else { Ok(left) }
    }

    /// A value. Arithmetic has no meaning in a filter, so its precedence does not matter.
    fn value(&mut self) -> Parsed<Expr> {
        const SIGNS: [&str; 10] = ["|", "&", "<<", ">>", "+", "-", "*", "/", "%", "^"];
        let mut left = self.unary()?;
        while SIGNS.iter().any(|sign| self.is_sign(sign)) || self.is_keyword("div") || self.is_keyword("mod") {
            self.advance();
            self.unary()?;
            left = Expr::Binary;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Parsed<Expr> {
        for sign in ["-", "+", "~", "!"] {
            if !self.is_sign(sign) {
                continue;
            }
            self.nest()?;
            self.advance();
            let inner = self.unary()?;
            self.nesting -= 1;
            return Ok(match (sign, inner) {
                ("-", Expr::Number(text)) if is_number(&text) => Expr::Number(match text.strip_prefix('-') {
                    Some(positive) => positive.to_owned(),
                    None => format!("-{text}"),
                }),
                ("+", Expr::Number(text)) if is_number(&text) => Expr::Number(text),
                (sign, inner) => Expr::Unary(sign, Box::new(inner)),
            });
        }
        self.primary()
    }

    fn primary(&mut self) -> Parsed<Expr> {
        match self.token.kind {
            TokenKind::Name => self.name(),
            TokenKind::Text => Ok(Expr::Text(self.advance().text)),
            TokenKind::Number | TokenKind::Opaque => Ok(Expr::Number(self.advance().text)),
            TokenKind::Sign("(") => {
                let mut list = self.list()?;
                Ok(match list.len() {
                    1 => Expr::Paren(Box::new(list.remove(0))),
                    _ => Expr::Tuple(list),
                })
            }
            TokenKind::Keyword if matches!(self.token.text.as_str(), "true" | "false") => {
                Ok(Expr::Bool(self.advance().text == "true"))
            }
            TokenKind::Keyword if self.token.text == "null" => {
                self.advance();
                Ok(Expr::Null)
            }
            TokenKind::Keyword | TokenKind::Sign(_) | TokenKind::End | TokenKind::Bad => Err(self.unexpected()),
        }
    }

    /// Expressions in parentheses, one at least.
    fn list(&mut self) -> Parsed<Vec<Expr>> {
        if !self.is_sign("(") {
            return Err(self.unexpected());
        }
        self.nest()?;
        self.advance();
        let list = self.expressions()?;
        self.expect_sign(")")?;
        self.nesting -= 1;
        Ok(list)
    }

    /// A name of up to three parts, or the call of a function.
    fn name(&mut self) -> Parsed<Expr> {
        let first = self.advance();
        let mut name = Name { quoted: quoted(&first.text), written: first.written, shown: first.text };
        if self.take_sign("(") {
            while !self.is_sign(")") {
                if !self.take_sign("*") {
                    self.expression()?;
                }
                if !self.take_sign(",") {
                    break;
                }
            }
            self.expect_sign(")")?;
            return Ok(Expr::Function);
        }
        for _ in 0..2 {
            if !self.take_sign(".") {
                break;
            }
            if !matches!(self.token.kind, TokenKind::Name | TokenKind::Keyword) {
                return Err(self.unexpected());
            }
            let part = self.advance();
            name.written = format!("{}.{}", name.written, part.written);
            name.quoted = format!("{}.{}", name.quoted, quoted(&part.text));
            name.shown = format!("{}.{}", name.shown, part.text);
        }
        Ok(Expr::Name(name))
    }
}

fn quoted(name: &str) -> String {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'@');
    match plain && keywords::find(&name.to_ascii_lowercase()).is_none() {
        true => name.to_owned(),
        false => format!("`{name}`"),
    }
}

/// Whether it can have a sign.
fn is_number(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit() || ".-".contains(first)) && !text.starts_with("0x")
}
