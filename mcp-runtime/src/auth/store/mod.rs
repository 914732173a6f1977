//! Where credentials and revocations are kept.

mod error;
mod memory;
pub(super) mod record;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::error::StoreError;
pub use self::memory::MemoryStore;
pub(super) use self::record::Cut;
pub use self::record::{IssuedKey, KeyRecord, KeyState, NewKey, Revocation, Revoked, Target};
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteStore;
use super::BoxFuture;

/// A store of API keys and revocations, shared by the processes that serve and those that administer.
///
/// Each change is one transaction that also raises the [epoch](Self::epoch): whoever caches what it read here throws
/// it away when the epoch has moved. Nothing that was confirmed is ever lost, however many processes write at once.
pub trait CredentialStore: Send + Sync + 'static {
    /// Makes a key and records it. The secret is in the answer and nowhere else.
    ///
    /// # Errors
    /// A name or scope that is not valid, or a store that cannot be written.
    fn issue<'a>(&'a self, new: &'a NewKey) -> BoxFuture<'a, Result<IssuedKey, StoreError>>;

    /// Every key, ended ones too, in the order in which they were issued.
    ///
    /// # Errors
    /// A store that cannot be read.
    fn list(&self) -> BoxFuture<'_, Result<Vec<KeyRecord>, StoreError>>;

    /// The key with this id.
    ///
    /// # Errors
    /// A store that cannot be read.
    fn find<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<Option<KeyRecord>, StoreError>>;

    /// Replaces a key by a new one for the same agent, scopes and subject, that lives as long as the old one was
    /// issued for. The old one ends after the grace, at once if that is zero, and never later than it would have.
    ///
    /// # Errors
    /// A key that does not exist, has ended or was replaced already, or a store that cannot be written.
    fn rotate<'a>(&'a self, id: &'a str, grace: Duration) -> BoxFuture<'a, Result<IssuedKey, StoreError>>;

    /// Cuts off what exists now; a key issued afterwards works, and what a token of later is worth [`Target`] says. `by` is who did it, for
    /// [`revocations`](Self::revocations).
    ///
    /// An agent or a subject without any key is recorded too, since it may have credentials of other kinds:
    /// [`Revocation::keys`] is then 0. So it is for a key that was revoked before.
    ///
    /// # Errors
    /// A key that does not exist, a name that is not valid, or a store that cannot be written.
    fn revoke<'a>(&'a self, target: &'a Target, by: &'a str) -> BoxFuture<'a, Result<Revocation, StoreError>>;

    /// Who revoked what and when, in that order.
    ///
    /// # Errors
    /// A store that cannot be read.
    fn revocations(&self) -> BoxFuture<'_, Result<Vec<Revocation>, StoreError>>;

    /// The entries of that list behind this [`Revocation::seq`].
    ///
    /// # Errors
    /// A store that cannot be read.
    fn revocations_after(&self, seq: u64) -> BoxFuture<'_, Result<Vec<Revocation>, StoreError>>;

    /// How many changes were made to the store, by whichever process. Never answered from memory.
    ///
    /// # Errors
    /// A store that cannot be read.
    fn epoch(&self) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// How many changes were made through this value. It rises before a change is confirmed to whoever made it, and
    /// costs no more than reading a number: caches of the same process ask on every call.
    fn changes(&self) -> u64;
}
