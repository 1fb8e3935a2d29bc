//! Login codes: whoever brings one to the web page is its user there, once. Only its hash is kept, and a user has one at
//! a time.

use model::Time;
use sha2::{Digest, Sha256};

use crate::{record::LoginRecord, turn::Turn};

/// Gives a user a login code, and takes the one it had.
pub(crate) fn give(turn: &mut Turn<'_>, user_id: &str, secret: [u8; 32], expires: Time) -> String {
    remove_of(turn, user_id);
    let code = hex(&secret);
    turn.put(LoginRecord { hash: hash_of(&code), user_id: user_id.to_owned(), expires_time: expires.0 });
    code
}

/// Voids the login codes of a user.
pub(crate) fn remove_of(turn: &mut Turn<'_>, user_id: &str) {
    let logins = turn.state.logins.values().filter(|row| row.user_id == user_id);
    let logins: Vec<String> = logins.map(|row| row.hash.clone()).collect();
    for hash in logins {
        turn.remove::<LoginRecord>(&hash);
    }
}

/// What is kept of a secret text.
pub(crate) fn hash_of(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
