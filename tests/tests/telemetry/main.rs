//! What leaves a server for the tools that people watch it with.

#![allow(clippy::float_cmp, reason = "what is compared are counts")]

mod admin;
mod blocking;
mod counts;
mod hostile;
mod otel;
mod receiver;
mod sessions;
mod story;
mod strangers;
mod trace_context;
