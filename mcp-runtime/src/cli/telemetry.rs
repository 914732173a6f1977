//! What the configuration sends and shows besides records: to a collector, and on a page of its own.

use std::sync::Arc;

#[cfg(feature = "prometheus")]
use super::hints::reached;
use super::{Error, Result};
use crate::auth::Authenticate;
use crate::config::Config;
use crate::protected::Protected;
use crate::spec::ServerSpec;
use crate::telemetry::Telemetry;
#[cfg(feature = "prometheus")]
use crate::transport::http;

/// Sets up the log, and what is sent to a collector besides.
#[cfg(feature = "otel")]
pub(super) fn telemetry(config: &Config, spec: &ServerSpec) -> Result<Telemetry> {
    use crate::telemetry::Otel;

    let otel = Otel::start(config, spec.name, spec.version)?;
    crate::telemetry::subscriber::init_with(&config.log, otel.as_ref());
    Ok(otel.into_iter().fold(Telemetry::new(), Telemetry::otel))
}

#[cfg(not(feature = "otel"))]
#[expect(clippy::unnecessary_wraps, reason = "as where something can fail")]
pub(super) fn telemetry(config: &Config, _: &ServerSpec) -> Result<Telemetry> {
    crate::telemetry::init(&config.log);
    Ok(Telemetry::new())
}

/// What the configuration asks for, and what the server brings.
///
/// # Errors
/// What is the configuration's here: a digest key, which `audit verify` would not know, and a second OpenTelemetry.
pub(super) fn join(configured: Telemetry, own: Telemetry) -> Result<Telemetry> {
    if own.digest_key.is_some() {
        return Err(Error::new(
            "records are digested with the key of the state folder; leave out the digest key of the server's Telemetry",
        ));
    }
    #[cfg(feature = "otel")]
    if own.otel.is_some() && configured.otel.is_some() {
        return Err(Error::new("OpenTelemetry is started by [otel] and by the server; leave one of them out"));
    }
    Ok(Telemetry {
        observers: configured.observers.into_iter().chain(own.observers).collect(),
        sinks: configured.sinks.into_iter().chain(own.sinks).collect(),
        digest_key: configured.digest_key,
        #[cfg(feature = "otel")]
        otel: configured.otel.or(own.otel),
    })
}

/// Serves `/metrics` on `[admin] address`, as long as what comes back is kept.
#[cfg(feature = "prometheus")]
pub(super) async fn admin(
    protected: &Protected,
    authenticate: &Arc<dyn Authenticate>,
) -> Result<Option<tokio::sync::oneshot::Sender<()>>> {
    let Some(page) = protected.admin(Arc::clone(authenticate))? else { return Ok(None) };
    let Some(config) = &protected.config().admin else { return Ok(None) };
    let listener = http::bind_by("`address` in [admin]", config.address).await?;
    eprintln!("metrics on http://{}/metrics", reached(listener.local_addr()?));
    let (ended, end) = tokio::sync::oneshot::channel();
    tokio::spawn(page.serve(listener, async {
        let _ = end.await;
    }));
    Ok(Some(ended))
}

#[cfg(not(feature = "prometheus"))]
#[expect(clippy::unused_async, reason = "as where there is something to wait for")]
pub(super) async fn admin(_: &Protected, _: &Arc<dyn Authenticate>) -> Result {
    Ok(())
}
