//! The server's certificate: read from two files, and read again when they change.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::rustls::{
    self,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// What is wrong with the certificate's files, in one line with the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFault(String);

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsFault {}

/// The certificate that a port shows. New connections get the newest one; open ones keep theirs.
pub struct ServerTls {
    certificate: PathBuf,
    key: PathBuf,
    current: Mutex<Current>,
}

struct Current {
    pair: Arc<CertifiedKey>,
    /// When the files were written that `pair` comes from.
    written: Written,
}

/// When certificate and key were last written; `None` where that is not known.
type Written = [Option<SystemTime>; 2];

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

impl ServerTls {
    /// Reads a chain of certificates, leaf first, and the leaf's private key, both as PEM.
    ///
    /// # Errors
    /// When a file can't be read, holds nothing of its kind, or the two do not belong together.
    pub fn load(certificate: &Path, key: &Path) -> Result<Arc<Self>, TlsFault> {
        let (written, pair) = read(certificate, key)?;
        let current = Mutex::new(Current { pair, written });
        Ok(Arc::new(Self { certificate: certificate.to_owned(), key: key.to_owned(), current }))
    }

    /// Reads the files again. New connections get what is found; streams that are open go on.
    ///
    /// # Errors
    /// As [`ServerTls::load`]; the certificate then stays the one it was.
    pub fn reload(&self) -> Result<(), TlsFault> {
        let (written, pair) = read(&self.certificate, &self.key)?;
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        *current = Current { pair, written };
        Ok(())
    }

    /// Reads the files again whenever they change. Never ends; a fault is logged once for each change.
    pub async fn watch(&self) {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut refused = None;
        loop {
            ticks.tick().await;
            let found = written(&self.certificate, &self.key);
            let known = self.current.lock().unwrap_or_else(PoisonError::into_inner).written;
            if found == known || refused == Some(found) {
                continue;
            }
            match self.reload() {
                Ok(()) => {
                    refused = None;
                    tracing::info!(file = %self.certificate.display(), "the server's certificate was read again");
                }
                Err(error) => {
                    refused = Some(found);
                    tracing::error!(%error, "the server's new certificate can't be used, the old one stays");
                }
            }
        }
    }

    fn current(&self) -> Arc<CertifiedKey> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).pair.clone()
    }
}

impl ResolvesServerCert for ServerTls {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

fn written(certificate: &Path, key: &Path) -> Written {
    [certificate, key].map(|file| fs::metadata(file).and_then(|metadata| metadata.modified()).ok())
}

fn read(certificate: &Path, key: &Path) -> Result<(Written, Arc<CertifiedKey>), TlsFault> {
    // Before the files are read: what is written in between is found by the next look.
    let written = written(certificate, key);
    let pem = bytes(certificate, "certificate")?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| TlsFault(format!("server certificate \"{}\" is not PEM: {error}", certificate.display())))?;
    if chain.is_empty() {
        let text = format!("server certificate \"{}\" holds no certificate", certificate.display());
        return Err(TlsFault(text));
    }
    let pem = bytes(key, "key")?;
    let private = PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|error| TlsFault(format!("server key \"{}\" holds no private key: {error}", key.display())))?;
    let pair = CertifiedKey::from_der(chain, private, &ring::default_provider()).map_err(|error| {
        let files = (certificate.display(), key.display());
        let reason = match &error {
            rustls::Error::InconsistentKeys(_) => "the key is not that of the certificate".to_owned(),
            error => error.to_string(),
        };
        TlsFault(format!("server certificate \"{}\" and key \"{}\" can't be used: {reason}", files.0, files.1))
    })?;
    Ok((written, Arc::new(pair)))
}

fn bytes(file: &Path, what: &str) -> Result<Vec<u8>, TlsFault> {
    fs::read(file).map_err(|error| {
        let remedy = match error.kind() {
            io::ErrorKind::NotFound => "; make one with perdure cloud init, or name its place in the configuration",
            io::ErrorKind::PermissionDenied => "; let the server's user read it",
            _ => "",
        };
        TlsFault(format!("server {what} \"{}\" can't be read: {error}{remedy}", file.display()))
    })
}
