//! The one thing that the machine reads in a payload: whether it stands for nothing; and the one that it writes, a text.

use std::collections::BTreeMap;

use proto::temporal::api::common::v1::{Memo, Payload, Payloads, SearchAttributes};

/// A text as a client's default converter would encode it, in JSON. `text` needs no escapes.
pub(crate) fn text(text: &str) -> Payloads {
    let metadata = BTreeMap::from([("encoding".to_owned(), b"json/plain".as_slice().into())]);
    let data = format!("\"{text}\"").into_bytes().into();
    Payloads { payloads: vec![Payload { metadata, data, ..Default::default() }] }
}

/// Puts `changed` over `fields`; what stands for nothing takes a field away.
pub(crate) fn merge(fields: &mut BTreeMap<String, Payload>, changed: &BTreeMap<String, Payload>) {
    for (name, value) in changed {
        if is_nil(value) {
            fields.remove(name);
        } else {
            fields.insert(name.clone(), value.clone());
        }
    }
}

/// Whether a memo field or search attribute with this value is to be removed: no data, or JSON's `null` or `[]`.
pub(crate) fn is_nil(payload: &Payload) -> bool {
    payload.data.is_empty() || payload.data == b"null"[..] || payload.data == b"[]"[..]
}

/// Without the fields that stand for nothing; `None` where none is left.
pub(crate) fn filter_memo(memo: Option<Memo>) -> Option<Memo> {
    let mut memo = memo?;
    memo.fields.retain(|_, value| !is_nil(value));
    (!memo.fields.is_empty()).then_some(memo)
}

/// Without the attributes that stand for nothing; `None` where none is left.
pub(crate) fn filter_search_attributes(attributes: Option<SearchAttributes>) -> Option<SearchAttributes> {
    let mut attributes = attributes?;
    attributes.indexed_fields.retain(|_, value| !is_nil(value));
    (!attributes.indexed_fields.is_empty()).then_some(attributes)
}
