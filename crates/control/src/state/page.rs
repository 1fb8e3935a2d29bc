//! Lists in pages. A page token is the id of the last item that was shown, in hexadecimal.

use std::sync::Arc;

use model::Reject;

use super::{Row, State};

const DEFAULT: usize = 100;
const MOST: usize = 1_000;

/// A page as a client asks for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageRequest<'a> {
    pub(crate) size: i32,
    pub(crate) token: &'a str,
}

impl PageRequest<'_> {
    /// How many items are asked for.
    ///
    /// # Errors
    /// `InvalidArgument` beyond the bounds.
    pub(crate) fn size(&self) -> Result<usize, Reject> {
        match usize::try_from(self.size) {
            Ok(0) => Ok(DEFAULT),
            Ok(size) if size <= MOST => Ok(size),
            Ok(_) | Err(_) => Err(Reject::invalid(format!("page size must be between 0 and {MOST}"))),
        }
    }

    /// What the page comes after; `None`: it is the first.
    ///
    /// # Errors
    /// `InvalidArgument` for a token that was not given out.
    pub(crate) fn after(&self) -> Result<Option<String>, Reject> {
        if self.token.is_empty() {
            return Ok(None);
        }
        let invalid = || Reject::invalid("invalid page token");
        if !self.token.len().is_multiple_of(2) || !self.token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(invalid());
        }
        let pairs = (0..self.token.len()).step_by(2).map(|at| u8::from_str_radix(&self.token[at..at + 2], 16));
        let bytes: Result<Vec<u8>, _> = pairs.collect();
        String::from_utf8(bytes.map_err(|_| invalid())?).map(Some).map_err(|_| invalid())
    }
}

/// The token of the page after the item with this id.
pub(crate) fn token(last: &str) -> String {
    last.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// The rows of a page in the order of their ids, of those that `shown` lets through, and the token of the next page.
///
/// # Errors
/// `InvalidArgument` for a page that can't be asked for.
pub(crate) fn of<'a, R: Row>(
    state: &'a State,
    request: PageRequest<'_>,
    shown: impl Fn(&R) -> bool,
) -> Result<(Vec<&'a Arc<R>>, String), Reject> {
    use std::ops::Bound;
    let size = request.size()?;
    let start = request.after()?.map_or(Bound::Unbounded, Bound::Excluded);
    let mut rows = R::rows(state).range((start, Bound::<String>::Unbounded)).filter(|(_, row)| shown(row));
    let page: Vec<_> = rows.by_ref().take(size).map(|(_, row)| row).collect();
    let next = match page.last() {
        Some(last) if rows.next().is_some() => token(last.id()),
        Some(_) | None => String::new(),
    };
    Ok((page, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_bounds_and_a_default() {
        let rows = [(0, Some(100)), (1, Some(1)), (1_000, Some(1_000)), (1_001, None), (-1, None)];
        for (size, expected) in rows {
            assert_eq!(PageRequest { size, token: "" }.size().ok(), expected, "{size}");
        }
    }

    #[test]
    fn tokens_survive_the_round_trip_and_others_are_refused() {
        let given = token("orders.a2dd6");
        assert_eq!(PageRequest { size: 0, token: &given }.after().unwrap().as_deref(), Some("orders.a2dd6"));
        assert_eq!(PageRequest { size: 0, token: "" }.after().unwrap(), None);
        for wrong in ["x", "zz", "ff", "+1", "é"] {
            assert!(PageRequest { size: 0, token: wrong }.after().is_err(), "{wrong}");
        }
    }
}
