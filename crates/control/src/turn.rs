//! One change of the account on its way: the state after it, and the rows that have to be written for it.

use auth::Principal;
use bytes::Bytes;
use model::{Entropy, Reject, Time};
use proto::temporal::api::cloud::resource::v1::ResourceState;
use store::{Change, ControlKey, Key, record};

use crate::{
    NowAndSeed, Settings,
    record::{AccountRecord, Meta, NamespaceRecord},
    state::{Row, State},
};

/// A change that nobody sees until it is committed. Dropping it takes it back.
pub(crate) struct Turn<'a> {
    pub(crate) state: State,
    pub(crate) changes: Vec<Change>,
    pub(crate) now: Time,
    pub(crate) entropy: Entropy,
    pub(crate) settings: &'a Settings,
}

/// What a question is answered from.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) state: &'a State,
    pub(crate) caller: &'a Principal,
    pub(crate) now: Time,
    pub(crate) settings: &'a Settings,
    pub(crate) store: &'a dyn store::Store,
}

impl<'a> Turn<'a> {
    pub(crate) fn new(state: State, at: &NowAndSeed, settings: &'a Settings) -> Self {
        Self { state, changes: Vec::new(), now: at.now, entropy: Entropy::new(at.seed), settings }
    }

    pub(crate) fn put<R: Row>(&mut self, row: R) {
        self.write(R::key(row.id()), record::encode(&row));
        self.state.insert(row);
    }

    /// Puts a namespace and derives what the policy has to know of it.
    pub(crate) fn put_namespace(&mut self, row: NamespaceRecord) {
        self.state.secure(&row);
        self.put(row);
    }

    pub(crate) fn put_account(&mut self, row: AccountRecord) {
        self.write(ControlKey::Account, record::encode(&row));
        self.state.account = Some(std::sync::Arc::new(row));
    }

    pub(crate) fn remove<R: Row>(&mut self, id: &str) {
        self.changes.push(Change::Delete { key: Key::Control(&R::key(id)).encode() });
        R::rows_mut(&mut self.state).remove(id);
    }

    pub(crate) fn write(&mut self, key: ControlKey, value: Bytes) {
        self.changes.push(Change::Put { key: Key::Control(&key).encode(), value });
    }

    /// A row as it is, to change it. `kind` is how the refusal calls it.
    ///
    /// # Errors
    /// `NotFound`.
    pub(crate) fn take<R: Row>(&self, kind: &str, id: &str) -> Result<R, Reject> {
        find::<R>(&self.state, kind, id).map(|row| R::clone(row))
    }

    /// What a new resource starts with.
    pub(crate) fn new_meta(&mut self, state: ResourceState) -> Meta {
        Meta {
            version: self.version(),
            state: state as i32,
            operation_id: String::new(),
            created_time: self.now.0,
            modified_time: 0,
        }
    }

    /// Marks a resource as changed now.
    pub(crate) fn touch(&mut self, meta: &mut Meta) {
        meta.version = self.version();
        meta.modified_time = self.now.0;
    }

    /// 32 hexadecimal digits that name nothing else.
    pub(crate) fn id(&mut self) -> String {
        self.entropy.uuid().simple().to_string()
    }

    /// 32 letters and digits that name nothing else.
    pub(crate) fn key_id(&mut self) -> String {
        const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let halves = [self.entropy.uuid(), self.entropy.uuid()];
        let bytes = halves.iter().flat_map(|half| half.as_bytes().iter());
        bytes.map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect()
    }

    fn version(&mut self) -> String {
        self.entropy.uuid().to_string()
    }
}

/// A row by its id. `kind` is how the refusal calls it.
///
/// # Errors
/// `NotFound`.
pub(crate) fn find<'a, R: Row>(state: &'a State, kind: &str, id: &str) -> Result<&'a std::sync::Arc<R>, Reject> {
    R::rows(state).get(id).ok_or_else(|| missing(kind, id))
}

/// The refusal of what there is not, as far as the caller may know.
pub(crate) fn missing(kind: &str, id: &str) -> Reject {
    Reject::not_found(format!("{kind} \"{id}\" not found"))
}

/// Whether the version that a request was made for is the newest.
///
/// # Errors
/// `InvalidArgument` when it names none, `FailedPrecondition` when it names another.
pub(crate) fn check_version(meta: &Meta, version: &str) -> Result<(), Reject> {
    if version.is_empty() {
        return Err(Reject::invalid("invalid resource version"));
    }
    if version != meta.version {
        return Err(Reject::precondition(
            "resource version mismatch: the resource was changed since it was read; read it again and repeat the change",
        ));
    }
    Ok(())
}

/// The refusal of an update that changes nothing. Clients look for these words.
pub(crate) fn nothing_to_change() -> Reject {
    Reject::invalid("nothing to change")
}
