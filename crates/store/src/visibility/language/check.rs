//! From a tree to a typed filter: names, types, operators and values.

use model::{Time, search_attribute::Datetime};
use proto::temporal::api::enums::v1::{IndexedValueType, WorkflowExecutionStatus};

use super::{
    Parsed,
    literals::{self, Literal, quote},
    syntax::{Expr, Is, Name, Statement},
};
use crate::visibility::{
    Attribute, Comparison, Filter, Operand, Phrases,
    attributes::{DIVISION, Schema},
    status_name,
};

/// The text of an error, without "invalid query: ".
type Checked<T> = Result<T, String>;

/// Values in one query. The reference has no such limit; SQL engines do.
const MOST_VALUES: usize = 5_000;

pub(super) fn statement(statement: &Statement, schema: &Schema<'_>) -> Checked<Parsed> {
    if statement.has_limit {
        return Err("operation is not supported: 'LIMIT' clause".into());
    }
    let mut checker = Checker { schema, values: 0, seen_division: false };
    let filter = match &statement.filter {
        Some(filter) => Some(checker.condition(filter)?),
        None => None,
    };
    let group_by = checker.group_by(&statement.group_by)?;
    for name in &statement.order_by {
        if checker.attribute(name)?.kind == IndexedValueType::Text {
            return Err("operation is not supported: unable to sort by search attribute type Text".into());
        }
    }
    if !statement.order_by.is_empty() {
        return Err("operation is not supported: 'ORDER BY' clause".into());
    }
    let filter = match checker.seen_division {
        true => filter,
        false => {
            let outside = Filter::IsNull {
                attribute: Attribute { name: DIVISION.to_owned(), kind: IndexedValueType::Keyword },
                negated: false,
            };
            Some(match filter {
                Some(filter) => outside.and(filter),
                None => outside,
            })
        }
    };
    Ok(Parsed { filter, group_by })
}

struct Checker<'a> {
    schema: &'a Schema<'a>,
    values: usize,
    seen_division: bool,
}

/// The right side of a comparison.
enum Right {
    One(Operand),
    Many(Vec<Operand>),
}

impl Checker<'_> {
    fn group_by(&mut self, names: &[Expr]) -> Checked<Vec<String>> {
        if names.len() > 1 {
            return Err("operation is not supported: 'GROUP BY' clause supports only a single field".into());
        }
        names
            .iter()
            .map(|name| {
                let attribute = self.attribute(name)?;
                match attribute.name.as_str() {
                    "ExecutionStatus" | DIVISION => Ok(attribute.name),
                    _ => Err(format!(
                        "operation is not supported: 'GROUP BY' clause is not supported for search attribute {}",
                        shown(name)
                    )),
                }
            })
            .collect()
    }

    fn condition(&mut self, expr: &Expr) -> Checked<Filter> {
        match expr {
            Expr::And(all) => Ok(Filter::And(self.conditions(all)?)),
            Expr::Or(all) => Ok(Filter::Or(self.conditions(all)?)),
            Expr::Not(inner) => Ok(Filter::Not(Box::new(self.condition(inner)?))),
            Expr::Paren(inner) => self.condition(inner),
            Expr::Compare(left, operator, right) => self.comparison(left, operator, right),
            Expr::Between { left, low, high, negated } => self.between(left, low, high, *negated),
            Expr::Is(left, suffix) => {
                let attribute = self.attribute(left)?;
                match suffix {
                    Is::Null | Is::NotNull => Ok(Filter::IsNull { attribute, negated: *suffix == Is::NotNull }),
                    Is::Bool => {
                        Err("invalid expression: 'IS' operator can only be used as 'IS NULL' or 'IS NOT NULL'".into())
                    }
                }
            }
            Expr::Function => Err("operation is not supported: function expression".into()),
            Expr::Name(_) => Err("invalid expression: incomplete expression".into()),
            Expr::Text(_)
            | Expr::Number(_)
            | Expr::Bool(_)
            | Expr::Null
            | Expr::Tuple(_)
            | Expr::Binary
            | Expr::Unary(..) => Err(format!("operation is not supported: expression of type {}", type_name(expr))),
        }
    }

    fn conditions(&mut self, all: &[Expr]) -> Checked<Vec<Filter>> {
        all.iter().map(|part| self.condition(part)).collect()
    }

    fn attribute(&mut self, expr: &Expr) -> Checked<Attribute> {
        let Expr::Name(Name { written, shown, .. }) = expr else {
            return Err(format!("invalid expression: must be a column name but was {}", type_name(expr)));
        };
        let Some(attribute) = self.schema.resolve(written) else {
            return Err(format!("invalid search attribute: {shown}"));
        };
        self.seen_division |= attribute.name == DIVISION;
        Ok(attribute)
    }

    fn comparison(&mut self, left: &Expr, operator: &str, right: &Expr) -> Checked<Filter> {
        let attribute = self.attribute(left)?;
        let value = self.right(right, left, &attribute)?;
        if !supported(attribute.kind).contains(&operator) {
            return Err(format!(
                "operation is not supported: operator '{}' not supported for {} type search attribute '{}'",
                operator.to_uppercase(),
                attribute.kind_name(),
                shown(left)
            ));
        }
        let negated = operator.starts_with("not ") || operator == "!=";
        match (operator.trim_start_matches("not "), attribute.kind, value) {
            ("starts_with", _, value) => self.starts_with(attribute, operator, value, right),
            (_, IndexedValueType::Text, Right::One(Operand::Text(text))) => match Phrases::parse(&text) {
                Some(phrases) => Ok(Filter::Mentions { attribute, phrases, negated }),
                None => Err(format!(
                    "invalid expression: no tokens found filtering on Text type search attribute {}",
                    shown(left)
                )),
            },
            ("in", IndexedValueType::KeywordList, Right::Many(values)) => {
                Ok(Filter::Contains { attribute, any_of: values.into_iter().filter_map(text).collect(), negated })
            }
            (_, IndexedValueType::KeywordList, Right::One(value)) => {
                Ok(Filter::Contains { attribute, any_of: text(value).into_iter().collect(), negated })
            }
            ("in", _, Right::Many(values)) => Ok(Filter::In { attribute, values, negated }),
            (_, _, Right::Many(_) | Right::One(_)) if matches!(right, Expr::Tuple(_)) => {
                Err(format!("invalid expression: unexpected value type (expected string, got {})", render(right)))
            }
            (sign, _, Right::One(value)) => Ok(Filter::Compare { attribute, comparison: comparison(sign), value }),
            (_, _, Right::Many(_)) => Err(format!("invalid expression: unexpected value type {}", type_name(right))),
        }
    }

    fn starts_with(&self, attribute: Attribute, operator: &str, value: Right, right: &Expr) -> Checked<Filter> {
        let got = match (value, right) {
            (Right::One(Operand::Text(prefix)), _) => {
                return Ok(Filter::StartsWith { attribute, prefix, negated: operator != "starts_with" });
            }
            (Right::One(_), Expr::Text(status)) => status.clone(),
            (Right::One(Operand::Int(status)), _) => {
                status_by_number(status).map_or_else(|| status.to_string(), |status| status_name(status).to_owned())
            }
            (Right::One(_), other) => render(other),
            (Right::Many(values), _) => {
                let values: Vec<_> = values.into_iter().filter_map(text).collect();
                format!("[{}]", values.join(" "))
            }
        };
        Err(format!(
            "invalid expression: right-hand side of \"{operator}\" operator must be a literal string (got: {got})"
        ))
    }

    fn between(&mut self, left: &Expr, low: &Expr, high: &Expr, negated: bool) -> Checked<Filter> {
        let attribute = self.attribute(left)?;
        match attribute.kind {
            IndexedValueType::Datetime
            | IndexedValueType::Double
            | IndexedValueType::Int
            | IndexedValueType::Keyword => {}
            IndexedValueType::Bool
            | IndexedValueType::KeywordList
            | IndexedValueType::Text
            | IndexedValueType::Unspecified => {
                return Err(format!(
                    "invalid expression: cannot do range condition on search attribute '{}' of type {}",
                    shown(left),
                    attribute.kind_name()
                ));
            }
        }
        match (self.right(low, left, &attribute)?, self.right(high, left, &attribute)?) {
            (Right::One(low), Right::One(high)) => Ok(Filter::Between { attribute, low, high, negated }),
            (Right::Many(_), _) => Err(format!("invalid expression: unexpected value type {}", type_name(low))),
            (_, Right::Many(_)) => Err(format!("invalid expression: unexpected value type {}", type_name(high))),
        }
    }

    fn right(&mut self, expr: &Expr, left: &Expr, attribute: &Attribute) -> Checked<Right> {
        let Expr::Tuple(items) = expr else {
            return Ok(Right::One(self.operand(expr, left, attribute)?));
        };
        let items: Checked<Vec<_>> = items.iter().map(|item| self.operand(item, left, attribute)).collect();
        Ok(Right::Many(items?))
    }

    fn operand(&mut self, expr: &Expr, left: &Expr, attribute: &Attribute) -> Checked<Operand> {
        self.values += 1;
        if self.values > MOST_VALUES {
            return Err(format!("operation is not supported: more than {MOST_VALUES} values"));
        }
        let literal = match expr {
            Expr::Text(text) => Literal::Text(text.clone()),
            Expr::Number(text) => Literal::number(text)
                .ok_or_else(|| format!("invalid expression: unable to parse value {}", quote(text)))?,
            Expr::Bool(value) => return bool_operand(*value, left, attribute),
            Expr::Function => return Err("operation is not supported: nested func".into()),
            Expr::Name(name) => {
                return Err(format!(
                    "operation is not supported: column name on the right side of comparison expression (did you forget to \
                     quote {}?)",
                    quote(&name.quoted)
                ));
            }
            Expr::Unary("-" | "+", _) => {
                let text = quote(&render(expr));
                return Err(format!("invalid expression: unary operator not supported in {text}"));
            }
            Expr::Unary(sign, _) => return Err(format!("operation is not supported: unary operator \"{sign}\"")),
            Expr::And(_)
            | Expr::Or(_)
            | Expr::Not(_)
            | Expr::Paren(_)
            | Expr::Compare(..)
            | Expr::Between { .. }
            | Expr::Is(..)
            | Expr::Null
            | Expr::Tuple(_)
            | Expr::Binary => return Err(format!("invalid expression: unexpected value type {}", type_name(expr))),
        };
        match attribute.name.as_str() {
            "ExecutionStatus" => status(&literal),
            "ExecutionDuration" => duration(&literal),
            _ => typed(literal, left, attribute),
        }
    }
}

/// The operators that attributes of a type can be compared by.
fn supported(kind: IndexedValueType) -> &'static [&'static str] {
    match kind {
        IndexedValueType::Text => &["=", "!="],
        IndexedValueType::KeywordList => &["=", "!=", "in", "not in"],
        IndexedValueType::Keyword => {
            &["=", "!=", "<", ">", "<=", ">=", "in", "not in", "starts_with", "not starts_with"]
        }
        IndexedValueType::Int
        | IndexedValueType::Double
        | IndexedValueType::Bool
        | IndexedValueType::Datetime
        | IndexedValueType::Unspecified => &["=", "!=", "<", ">", "<=", ">=", "in", "not in"],
    }
}

fn comparison(sign: &str) -> Comparison {
    match sign {
        "!=" => Comparison::NotEqual,
        "<" => Comparison::Less,
        "<=" => Comparison::LessOrEqual,
        ">" => Comparison::Greater,
        ">=" => Comparison::GreaterOrEqual,
        _ => Comparison::Equal,
    }
}

fn text(operand: Operand) -> Option<String> {
    match operand {
        Operand::Text(text) => Some(text),
        Operand::Int(_) | Operand::Double(_) | Operand::Bool(_) | Operand::Datetime(_) => None,
    }
}

fn typed(literal: Literal, left: &Expr, attribute: &Attribute) -> Checked<Operand> {
    match (attribute.kind, literal) {
        (IndexedValueType::Int | IndexedValueType::Double, Literal::Int(value)) => Ok(Operand::Int(value)),
        (IndexedValueType::Int | IndexedValueType::Double, Literal::Double(value)) => Ok(Operand::Double(value)),
        (IndexedValueType::Datetime, Literal::Int(nanos)) => Ok(Operand::Datetime(Time(nanos).into())),
        (IndexedValueType::Datetime, Literal::Text(text)) => Datetime::parse(&text)
            .map(Operand::Datetime)
            .ok_or_else(|| format!("invalid expression: unable to parse datetime '{text}'")),
        (IndexedValueType::Keyword | IndexedValueType::KeywordList | IndexedValueType::Text, Literal::Text(text)) => {
            Ok(Operand::Text(text))
        }
        (_, literal) => Err(type_error(&literal, left, attribute)),
    }
}

fn bool_operand(value: bool, left: &Expr, attribute: &Attribute) -> Checked<Operand> {
    match attribute.kind {
        IndexedValueType::Bool => Ok(Operand::Bool(value)),
        _ => Err(type_error(&Literal::Bool(value), left, attribute)),
    }
}

fn type_error(literal: &Literal, left: &Expr, attribute: &Attribute) -> String {
    format!(
        "invalid expression: invalid value type for search attribute {} of type {}: {} (type: {})",
        shown(left),
        attribute.kind_name(),
        literal.syntax(),
        literal.type_name()
    )
}

/// A status by its number, its name, or its name in the API.
fn status(literal: &Literal) -> Checked<Operand> {
    let found = match literal {
        Literal::Int(number) => status_by_number(*number)
            .ok_or_else(|| format!("invalid expression: invalid ExecutionStatus value {number}"))?,
        Literal::Text(name) => (0..)
            .map_while(|number| WorkflowExecutionStatus::try_from(number).ok())
            .find(|status| status_name(*status) == name || status.as_str_name() == name)
            .ok_or_else(|| format!("invalid expression: invalid ExecutionStatus value '{name}'"))?,
        Literal::Double(_) | Literal::Bool(_) => return Err(unexpected_type(literal, "ExecutionStatus")),
    };
    Ok(Operand::Int(i64::from(found as i32)))
}

fn status_by_number(number: i64) -> Option<WorkflowExecutionStatus> {
    WorkflowExecutionStatus::try_from(i32::try_from(number).ok()?).ok()
}

fn duration(literal: &Literal) -> Checked<Operand> {
    match literal {
        Literal::Int(nanos) => Ok(Operand::Int(*nanos)),
        Literal::Text(text) => literals::duration(text).map(Operand::Int).ok_or_else(|| {
            format!("invalid expression: invalid duration value for search attribute ExecutionDuration: {text}")
        }),
        Literal::Double(_) | Literal::Bool(_) => Err(unexpected_type(literal, "ExecutionDuration")),
    }
}

fn unexpected_type(literal: &Literal, name: &str) -> String {
    let found = literal.type_name();
    format!("invalid expression: unexpected value type {found} for search attribute {name}")
}

/// How an error names an attribute: as the query does.
fn shown(left: &Expr) -> &str {
    match left {
        Expr::Name(name) => &name.shown,
        _ => "",
    }
}

/// What the reference calls a node.
fn type_name(expr: &Expr) -> &'static str {
    match expr {
        Expr::And(_) => "*sqlparser.AndExpr",
        Expr::Or(_) => "*sqlparser.OrExpr",
        Expr::Not(_) => "*sqlparser.NotExpr",
        Expr::Paren(_) => "*sqlparser.ParenExpr",
        Expr::Compare(..) => "*sqlparser.ComparisonExpr",
        Expr::Between { .. } => "*sqlparser.RangeCond",
        Expr::Is(..) => "*sqlparser.IsExpr",
        Expr::Name(_) => "*sqlparser.ColName",
        Expr::Text(_) | Expr::Number(_) => "*sqlparser.SQLVal",
        Expr::Bool(_) => "sqlparser.BoolVal",
        Expr::Null => "*sqlparser.NullVal",
        Expr::Tuple(_) => "sqlparser.ValTuple",
        Expr::Function => "*sqlparser.FuncExpr",
        Expr::Binary => "*sqlparser.BinaryExpr",
        Expr::Unary(..) => "*sqlparser.UnaryExpr",
    }
}

/// A value as an error repeats it; what can't be a value is left out.
fn render(expr: &Expr) -> String {
    match expr {
        Expr::Name(name) => name.quoted.clone(),
        Expr::Text(text) => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
        Expr::Number(text) => text.clone(),
        Expr::Bool(value) => value.to_string(),
        Expr::Null => "null".into(),
        Expr::Paren(inner) => format!("({})", render(inner)),
        Expr::Unary(sign, inner) if matches!(**inner, Expr::Unary(..)) => format!("{sign} {}", render(inner)),
        Expr::Unary(sign, inner) => format!("{sign}{}", render(inner)),
        Expr::Tuple(items) => {
            let items: Vec<_> = items.iter().map(render).collect();
            format!("({})", items.join(", "))
        }
        Expr::And(_)
        | Expr::Or(_)
        | Expr::Not(_)
        | Expr::Compare(..)
        | Expr::Between { .. }
        | Expr::Is(..)
        | Expr::Function
        | Expr::Binary => "…".into(),
    }
}
