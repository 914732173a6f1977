//! Streamable HTTP: the listener, and the service behind it.

mod activity;
mod address;
mod backend;
mod body;
mod challenge;
mod connection;
mod connections;
mod cut_off;
pub(crate) mod direct;
mod hosts;
mod listener;
mod metadata;
mod outgoing;
mod pages;
mod places;
pub(crate) mod reply;
mod service;
mod sessions;
mod shares;
mod stream;
mod taken;
#[cfg(feature = "tls")]
mod tls;
#[cfg(not(feature = "tls"))]
#[path = "tls/off.rs"]
mod tls;
mod version;
mod watched;

#[cfg(feature = "prometheus")]
pub(crate) use hosts::Hosts;
#[cfg(all(feature = "cli", feature = "prometheus"))]
pub(crate) use listener::bind_by;
pub use listener::{BindError, bind, serve};
pub use service::HttpService;
#[cfg(feature = "cli")]
pub(crate) use {listener::serve_by, tls::Tls};
