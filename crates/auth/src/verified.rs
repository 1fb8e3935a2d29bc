//! What was verified before, so that a signature is checked once and not on every call. Whether it still counts is
//! never remembered.
