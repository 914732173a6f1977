//! `[redaction]`, `[log]` and `[audit]`: what is kept of calls, and where.

use serde::Deserialize;

/// `[redaction]`: what is replaced in texts that nobody declared, by its form. To switch a class off loosens what logs,
/// spans and the audit protect.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "each is a class of its own")]
pub struct Redaction {
    /// E-mail addresses. True unless set, as are all.
    pub emails: bool,
    /// Telephone numbers in the forms that [`redact`](crate::telemetry::redact) lists.
    pub phones: bool,
    /// Numbers of payment cards.
    pub cards: bool,
    /// International bank account numbers.
    pub ibans: bool,
    /// IP addresses.
    pub addresses: bool,
    /// Tokens, keys, passwords.
    pub credentials: bool,
}

impl Default for Redaction {
    fn default() -> Self {
        Self { emails: true, phones: true, cards: true, ibans: true, addresses: true, credentials: true }
    }
}

impl Redaction {
    /// For what its author declared to be plain: nobody means a token by that.
    pub(crate) fn credentials_alone(&self) -> Self {
        let credentials = self.credentials;
        Self { credentials, emails: false, phones: false, cards: false, ibans: false, addresses: false }
    }
}
