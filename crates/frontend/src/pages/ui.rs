//! What the pages of a port are told when they are made.

use std::{fmt, sync::Arc};

use control::Control;

/// What the pages of a port need beside the server.
#[derive(Debug)]
pub struct Ui {
    /// Where clients and workers reach the server, as pages show it.
    pub(super) server: String,
    /// How users log in; `None` on an open server, which asks for no login.
    pub(super) login: Option<Login>,
}

/// How users log in.
pub struct Login {
    pub control: Control,
    /// Draws what the account makes ids of.
    pub seed: fn() -> u128,
    /// Draws what can't be guessed: sessions hang on it.
    pub secret: fn() -> [u8; 32],
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("control", &self.control).finish_non_exhaustive()
    }
}

impl Ui {
    /// `server` is where clients and workers reach the server; without `login` only a server with the open policy shows
    /// anything.
    pub fn new(server: String, login: Option<Login>) -> Arc<Self> {
        Arc::new(Self { server, login })
    }
}
