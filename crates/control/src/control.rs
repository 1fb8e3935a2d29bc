//! `Control`: the account of one store, shared by everybody who asks or changes it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use auth::Principal;
use model::{Epoch, Reject, Time};
use store::{Batch, CommitError, Store, StoreError};

use crate::{
    NowAndSeed, SHARD, Settings, audit,
    record::{ApiKeyRecord, AuditEntry, SigningKeyRecord},
    state::State,
    turn::Turn,
};

/// The account of a store. Clones share it.
#[derive(Clone)]
pub struct Control {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    settings: Settings,
    account_id: String,
    shown: RwLock<Arc<Snapshot>>,
    writer: Mutex<Writer>,
    job_bell: Bell,
    rights_bell: Bell,
}

/// What is called when something has happened. It must not block.
#[derive(Default)]
struct Bell(RwLock<Option<Box<dyn Fn() + Send + Sync>>>);

impl Bell {
    fn hang(&self, ring: Box<dyn Fn() + Send + Sync>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(ring);
    }

    fn ring(&self) {
        if let Some(ring) = &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            ring();
        }
    }
}

/// The account as of the last durable change, with what was derived from it since.
#[derive(Default)]
pub(crate) struct Snapshot {
    pub(crate) state: Arc<State>,
    /// The owners of keys with their rights, by key id, as far as they were asked for.
    principals: RwLock<BTreeMap<String, Arc<Principal>>>,
}

impl Snapshot {
    /// The owner of a key with its rights. `None` when there is no such owner (any more).
    pub(crate) fn principal(&self, key: &ApiKeyRecord) -> Option<Arc<Principal>> {
        let known = self.principals.read().unwrap_or_else(PoisonError::into_inner).get(&key.id).cloned();
        if known.is_some() {
            return known;
        }
        let principal = self.state.principal(key.spec.owner_type(), &key.spec.owner_id, Some(&key.id))?;
        let principal = Arc::new(principal);
        let mut principals = self.principals.write().unwrap_or_else(PoisonError::into_inner);
        principals.insert(key.id.clone(), principal.clone());
        Some(principal)
    }
}

/// What only one change at a time may use.
pub(crate) struct Writer {
    epoch: Epoch,
    /// Another process has taken the account: what is in memory is worth nothing.
    lost: bool,
    /// It is not known whether the last change was written: the account is taken again, and read, before the next one.
    is_doubtful: bool,
    /// The operations whose job was given out.
    pub(crate) taken: BTreeSet<String>,
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("account", &self.inner.account_id).finish_non_exhaustive()
    }
}

impl Control {
    /// Takes the account of the store, from whoever had it before.
    ///
    /// # Errors
    /// `Unusable` when there is none or a row is damaged; otherwise when the storage fails.
    pub fn open(store: Arc<dyn Store>, settings: Settings, at: &NowAndSeed) -> Result<Self, StoreError> {
        let epoch = store.acquire(SHARD)?;
        let state = State::load(&*store)?;
        let Some(account) = &state.account else {
            return Err(StoreError::Unusable(
                "the data holds no account. Make one with `perdure cloud init`.".to_owned(),
            ));
        };
        let account_id = account.id.clone();
        let writer = Mutex::new(Writer { epoch, lost: false, is_doubtful: false, taken: BTreeSet::new() });
        let inner = Inner {
            store,
            settings,
            account_id,
            shown: RwLock::default(),
            writer,
            job_bell: Bell::default(),
            rights_bell: Bell::default(),
        };
        let control = Self { inner: Arc::new(inner) };
        control.show(state);
        control.take_up_signer(at).map_err(|reject| StoreError::Io(reject.message))?;
        Ok(control)
    }

    /// Forgets a signing key: no API key that it signed is taken from now on.
    ///
    /// # Errors
    /// `NotFound`, `FailedPrecondition` for the key that signs now, `Unavailable` when the storage fails.
    pub fn retire_signing_key(&self, kid: &str, at: &NowAndSeed) -> Result<(), Reject> {
        if self.inner.settings.signer.kid() == kid {
            return Err(Reject::precondition(format!("signing key \"{kid}\" is in use: start with a new one first")));
        }
        self.change(at, |turn| {
            turn.take::<SigningKeyRecord>("signing key", kid)?;
            turn.remove::<SigningKeyRecord>(kid);
            Ok(())
        })
    }

    fn take_up_signer(&self, at: &NowAndSeed) -> Result<(), Reject> {
        let key = self.inner.settings.signer.verifying_key();
        if self.snapshot().signing_keys.contains_key(key.kid()) {
            return Ok(());
        }
        self.change(at, |turn| {
            turn.put(signing_key_record(&key, turn.now));
            Ok(())
        })
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.inner.store
    }

    /// The account's id.
    pub fn account_id(&self) -> &str {
        &self.inner.account_id
    }

    /// The account as of the last durable change.
    pub(crate) fn snapshot(&self) -> Arc<State> {
        self.shown().state.clone()
    }

    pub(crate) fn shown(&self) -> Arc<Snapshot> {
        self.inner.shown.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Calls `ring` whenever there may be a job. It must not block.
    pub fn on_job(&self, ring: Box<dyn Fn() + Send + Sync>) {
        self.inner.job_bell.hang(ring);
    }

    /// Calls `ring` whenever a caller may have gained or lost a right: after a change of users, service accounts, keys,
    /// certificates, permissions or namespaces is durable and holds. It must not block.
    pub fn on_rights(&self, ring: Box<dyn Fn() + Send + Sync>) {
        self.inner.rights_bell.hang(ring);
    }

    pub(crate) fn ring(&self) {
        self.inner.job_bell.ring();
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Writer> {
        // A panic in a change leaves nothing behind: the state is replaced only after its commit.
        self.inner.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows a state that differs from the durable one only in what may be forgotten.
    pub(crate) fn show(&self, state: State) {
        let shown = Snapshot { state: Arc::new(state), principals: RwLock::default() };
        *self.inner.shown.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(shown);
    }

    /// Makes a change: durable when this returns.
    pub(crate) fn change<T>(
        &self,
        at: &NowAndSeed,
        make: impl FnOnce(&mut Turn<'_>) -> Result<T, Reject>,
    ) -> Result<T, Reject> {
        self.audited(at, make, |_| None)
    }

    /// Makes a change together with the audit entry of its result, which is written for a refusal, too.
    pub(crate) fn audited<T>(
        &self,
        at: &NowAndSeed,
        make: impl FnOnce(&mut Turn<'_>) -> Result<T, Reject>,
        entry: impl FnOnce(&Result<T, Reject>) -> Option<AuditEntry>,
    ) -> Result<T, Reject> {
        let mut writer = self.lock();
        self.settle(&mut writer)?;
        let before = self.snapshot();
        let mut turn = Turn::new(State::clone(&before), at, &self.inner.settings);
        let result = make(&mut turn);
        if result.is_err() {
            turn.state = State::clone(&before);
            turn.changes.clear();
        }
        if let Some(entry) = entry(&result) {
            audit::append(&mut turn, entry);
        }
        let committed = self.commit(&mut writer, turn);
        match result {
            Ok(answer) => committed.map(|()| answer),
            // It happened not, whether or not that could be written down.
            Err(refusal) => Err(refusal),
        }
    }

    /// Takes the account again and reads it where it is not known what the last change has come to.
    fn settle(&self, writer: &mut Writer) -> Result<(), Reject> {
        if !writer.is_doubtful {
            return Ok(());
        }
        let failed = |error: StoreError| Reject::unavailable(format!("storage failed: {error}"));
        writer.epoch = self.inner.store.acquire(SHARD).map_err(failed)?;
        let state = State::load(self.store()).map_err(failed)?;
        writer.is_doubtful = false;
        self.show(state);
        self.inner.rights_bell.ring();
        Ok(())
    }

    fn commit(&self, writer: &mut Writer, turn: Turn<'_>) -> Result<(), Reject> {
        if writer.lost {
            return Err(Reject::unavailable("the account is served by a newer process"));
        }
        if turn.changes.is_empty() {
            return Ok(());
        }
        let batch = Arc::new(Batch { changes: turn.changes });
        let results = self.inner.store.commit(&[(SHARD, writer.epoch, batch)]);
        for result in results {
            if let Err(error) = result {
                writer.lost = matches!(error, CommitError::Fenced { .. });
                writer.is_doubtful = matches!(error, CommitError::Unknown(_));
                // A change that was made after all, such as a key that is disabled, holds now. If the storage fails again, it
                // does before the next change.
                drop(self.settle(writer));
                return Err(Reject::unavailable(format!("storage failed: {error}")));
            }
        }
        let touches_rights = !self.snapshot().gives_same_rights(&turn.state);
        self.show(turn.state);
        if touches_rights {
            self.inner.rights_bell.ring();
        }
        Ok(())
    }
}

/// The stored form of the public half of a signing key.
pub(crate) fn signing_key_record(key: &auth::VerifyingKey, now: Time) -> SigningKeyRecord {
    SigningKeyRecord { kid: key.kid().to_owned(), point: key.as_bytes().to_vec(), added_time: now.0 }
}
