//! The `ServerHandler` beside a server.

use std::sync::Arc;

use rmcp::ServerHandler;

use crate::transport::forward::{Forward, Forwarded};

/// The user's own `impl rmcp::ServerHandler`, made callable where only `S: Server` is known.
pub struct Handler<S>(pub(crate) fn(Arc<S>) -> Arc<dyn Forward>);

impl<S> Clone for Handler<S> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<S> Copy for Handler<S> {}

/// Finds the impl at the concrete type: `FindHandler::<Revenue>::HANDLER` is the inherent constant where there is one
/// and the trait's elsewhere.
pub struct FindHandler<S>(core::marker::PhantomData<S>);

/// The answer for servers without a `ServerHandler` of their own.
pub trait NoHandler<S> {
    #[doc(hidden)]
    const HANDLER: core::option::Option<Handler<S>> = core::option::Option::None;
}
impl<S> NoHandler<S> for FindHandler<S> {}

impl<S: ServerHandler> FindHandler<S> {
    #[doc(hidden)]
    pub const HANDLER: core::option::Option<Handler<S>> =
        core::option::Option::Some(Handler(|s| Arc::new(Forwarded(s))));
}

/// A server with a `ServerHandler` of its own.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no `impl ServerHandler`, and `handler` insists on one",
    label = "`mcp_runtime::rmcp::ServerHandler` is not implemented for this type",
    note = "write the impl beside the `#[server]` block, or leave `handler` out"
)]
pub trait OwnHandler: Sized {
    #[doc(hidden)]
    const OWN: Handler<Self>;
}

#[diagnostic::do_not_recommend]
impl<S: ServerHandler> OwnHandler for S {
    const OWN: Handler<S> = Handler(|s| Arc::new(Forwarded(s)));
}

/// `#[server(handler)]`: insists on the impl.
pub const fn handler<S: OwnHandler>() -> core::option::Option<Handler<S>> {
    core::option::Option::Some(S::OWN)
}
