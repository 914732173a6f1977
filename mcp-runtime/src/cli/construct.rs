//! What a constructor may give: a server, a `Result`, or a future of either; each with or without [`Telemetry`].

use super::{Error, Result};
use crate::spec::Server;
use crate::telemetry::Telemetry;

/// A server, alone or with sinks and observers of its own.
pub trait Served: Send {
    /// The server.
    type Server: Server;

    /// Takes them apart.
    fn apart(self) -> (Self::Server, Telemetry);
}

impl<S: Server> Served for S {
    type Server = S;

    fn apart(self) -> (S, Telemetry) {
        (self, Telemetry::new())
    }
}

impl<S: Server> Served for (S, Telemetry) {
    type Server = S;

    fn apart(self) -> Self {
        self
    }
}

/// What the constructor of a server may return: the server, a `Result` with it, or a future of either. In the place of the
/// server may stand a pair, of the server and its [`Telemetry`].
///
/// `M` only tells the cases apart; nobody names it.
#[diagnostic::on_unimplemented(
    message = "the constructor gives `{Self}`, which is no server",
    note = "it gives a `#[server]` type, a `Result` with one, or a future of either"
)]
pub trait IntoServer<M> {
    /// The server.
    type Server: Server;

    /// Waits for the server, and what it brings.
    fn into_server(self) -> impl Future<Output = Result<(Self::Server, Telemetry)>> + Send;
}

#[doc(hidden)]
#[derive(Debug)]
pub enum Plain {}
#[doc(hidden)]
#[derive(Debug)]
pub enum Fallible {}
#[doc(hidden)]
#[derive(Debug)]
pub enum Awaited {}
#[doc(hidden)]
#[derive(Debug)]
pub enum AwaitedFallible {}

impl<S: Served> IntoServer<Plain> for S {
    type Server = S::Server;

    async fn into_server(self) -> Result<(S::Server, Telemetry)> {
        Ok(self.apart())
    }
}

impl<S: Served, E: Into<Error> + Send> IntoServer<Fallible> for std::result::Result<S, E> {
    type Server = S::Server;

    async fn into_server(self) -> Result<(S::Server, Telemetry)> {
        self.map(Served::apart).map_err(Into::into)
    }
}

impl<F: Future<Output = S> + Send, S: Served> IntoServer<Awaited> for F {
    type Server = S::Server;

    async fn into_server(self) -> Result<(S::Server, Telemetry)> {
        Ok(self.await.apart())
    }
}

impl<F: Future<Output = std::result::Result<S, E>> + Send, S: Served, E: Into<Error>> IntoServer<AwaitedFallible>
    for F
{
    type Server = S::Server;

    async fn into_server(self) -> Result<(S::Server, Telemetry)> {
        self.await.map(Served::apart).map_err(Into::into)
    }
}
