//! A scan of the tables with the layers above them.

use bytes::Bytes;
use store::{Page, StoreError};

use crate::layer::View;

/// The pairs with `start <= key < end`, at most `limit` of them, where `below` scans the tables from a key on.
///
/// # Errors
/// When `below` fails.
pub(crate) fn merged(
    view: &View,
    start: &[u8],
    end: &[u8],
    limit: usize,
    below: impl Fn(&[u8], usize) -> Result<Page, StoreError>,
) -> Result<Page, StoreError> {
    let range = Bytes::copy_from_slice(start)..Bytes::copy_from_slice(end);
    let mut above = view.range(&range).peekable();
    // One more than asked for tells whether there are more.
    let wanted = limit.saturating_add(1);
    let mut pairs: Vec<(Vec<u8>, Bytes)> = Vec::new();
    let mut from = start.to_vec();
    loop {
        let page = below(&from, wanted - pairs.len())?;
        if let Some((last, _)) = page.pairs.last() {
            from.clone_from(last);
            // The first key behind it.
            from.push(0);
        }
        for (key, value) in page.pairs {
            while let Some((next, known)) = above.next_if(|(next, _)| next[..] < key[..]) {
                pairs.extend(known.map(|value| (next.to_vec(), value.clone())));
            }
            match above.next_if(|(next, _)| next[..] == key[..]) {
                Some((_, known)) => pairs.extend(known.map(|value| (key, value.clone()))),
                None if view.hides(&key) => {}
                None => pairs.push((key, value)),
            }
            if pairs.len() >= wanted {
                break;
            }
        }
        if !page.more {
            let rest = above.by_ref().filter_map(|(key, known)| Some((key.to_vec(), known?.clone())));
            pairs.extend(rest.take(wanted.saturating_sub(pairs.len())));
        }
        if !page.more || pairs.len() >= wanted {
            let more = pairs.len() > limit;
            pairs.truncate(limit);
            return Ok(Page { pairs, more });
        }
    }
}
