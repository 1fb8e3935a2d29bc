//! What was verified before, so that a signature is checked once and not on every call. Whether what it proves still
//! counts (a disabled key, a changed bundle, an expiry) is never remembered: that is asked on every call.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock},
};

/// Proofs by the hash of what was shown. Only what proved good gets in, so an anonymous caller can't crowd out the others; when
/// it is full it starts over.
#[derive(Debug)]
pub(crate) struct Verified<V> {
    proofs: RwLock<BTreeMap<[u8; 32], V>>,
    most: usize,
}

impl<V: Clone> Verified<V> {
    /// Remembers at most `most`.
    pub(crate) fn new(most: usize) -> Self {
        Self { proofs: RwLock::default(), most }
    }

    /// What the hash proved, now or before; `verify` answers `Err` for what proves nothing.
    pub(crate) fn get<E>(&self, hash: [u8; 32], verify: impl FnOnce() -> Result<V, E>) -> Result<V, E> {
        if let Some(proof) = self.proofs.read().unwrap_or_else(PoisonError::into_inner).get(&hash) {
            return Ok(proof.clone());
        }
        let proof = verify()?;
        let mut proofs = self.proofs.write().unwrap_or_else(PoisonError::into_inner);
        if proofs.len() >= self.most {
            proofs.clear();
        }
        proofs.insert(hash, proof.clone());
        Ok(proof)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_proofs_are_remembered_and_no_more_than_fit() {
        let verified = Verified::new(2);
        assert_eq!(verified.get([1; 32], || Err("no")), Err("no"));
        assert_eq!(verified.get([1; 32], || Ok::<_, &str>(1)), Ok(1));
        assert_eq!(verified.get([1; 32], || Err("asked again")), Ok(1));
        assert_eq!(verified.get([2; 32], || Ok::<_, &str>(2)), Ok(2));
        assert_eq!(verified.get([3; 32], || Ok::<_, &str>(3)), Ok(3));
        assert_eq!(verified.get([1; 32], || Err("started over")), Err("started over"));
        assert_eq!(verified.get([3; 32], || Err("asked again")), Ok(3));
    }
}
