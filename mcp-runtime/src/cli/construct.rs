//! What a constructor may give: a server, a `Result`, or a future of either.

use super::{Error, Result};
use crate::spec::Server;

/// What the constructor of a server may return: the server, a `Result` with it, or a future of either.
///
/// `M` only tells the cases apart; nobody names it.
#[diagnostic::on_unimplemented(
    message = "the constructor gives `{Self}`, which is no server",
    note = "it gives a `#[server]` type, a `Result` with one, or a future of either"
)]
pub trait IntoServer<M> {
    /// The server.
    type Server: Server;

    /// Waits for the server.
    fn into_server(self) -> impl Future<Output = Result<Self::Server>> + Send;
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

impl<S: Server> IntoServer<Plain> for S {
    type Server = S;

    async fn into_server(self) -> Result<S> {
        Ok(self)
    }
}

impl<S: Server, E: Into<Error> + Send> IntoServer<Fallible> for std::result::Result<S, E> {
    type Server = S;

    async fn into_server(self) -> Result<S> {
        self.map_err(Into::into)
    }
}

impl<F: Future<Output = S> + Send, S: Server> IntoServer<Awaited> for F {
    type Server = S;

    async fn into_server(self) -> Result<S> {
        Ok(self.await)
    }
}

impl<F: Future<Output = std::result::Result<S, E>> + Send, S: Server, E: Into<Error>> IntoServer<AwaitedFallible>
    for F
{
    type Server = S;

    async fn into_server(self) -> Result<S> {
        self.await.map_err(Into::into)
    }
}
