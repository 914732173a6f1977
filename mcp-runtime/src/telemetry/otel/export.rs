//! Exporters, each behind a deadline, on a runtime of their own.
//!
//! The SDK has a thread for each kind of telemetry, which collects and asks for exports; the connections live on one more
//! thread with a small runtime, so that exports depend on nothing that serves calls, and go on while a server ends.

use std::collections::HashMap;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::tonic_types::metadata::MetadataMap;
use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter};
use opentelemetry_otlp::{WithExportConfig, WithHttpConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::{LogBatch, LogExporter as ExportLogs};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter as ExportMetrics;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as ExportSpans};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::OtelError;
use crate::config::{Otel as Config, OtelProtocol};

/// The largest answer of a collector that is read.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// The largest file of headers.
const MAX_HEADERS_BYTES: u64 = 64 * 1024;

/// The thread that the connections live on, until this is dropped.
#[derive(Debug)]
pub(super) struct Background {
    handle: Handle,
    end: Option<oneshot::Sender<()>>,
}

impl Background {
    pub(super) fn start() -> Result<Self, std::io::Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        std::thread::Builder::new().name("mcp-otel".to_owned()).spawn(move || {
            let _ = runtime.block_on(ended);
        })?;
        Ok(Self { handle, end: Some(end) })
    }

    /// Lets the thread run on as long as the process: an export that did not end in time still needs it.
    pub(super) fn abandon(&mut self) {
        std::mem::forget(self.end.take());
    }
}

/// An exporter whose exports run on the [`Background`], and no longer than they may.
#[derive(Debug)]
pub(super) struct Deadline<E> {
    exporter: E,
    handle: Handle,
    timeout: Duration,
}

impl<E> Deadline<E> {
    /// Called on the SDK's own threads alone, which wait for exports anyway.
    fn run(&self, export: impl Future<Output = OTelSdkResult>) -> OTelSdkResult {
        let within = async { tokio::time::timeout(self.timeout, export).await };
        self.handle.block_on(within).unwrap_or(Err(OTelSdkError::Timeout(self.timeout)))
    }
}

impl<E: ExportSpans> ExportSpans for Deadline<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.run(self.exporter.export(batch))
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl<E: ExportLogs> ExportLogs for Deadline<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        self.run(self.exporter.export(batch))
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl<E: ExportMetrics> ExportMetrics for Deadline<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.run(self.exporter.export(metrics))
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}

/// Makes the exporters of a configuration.
pub(super) struct Maker<'a> {
    config: &'a Config,
    handle: Handle,
    headers: HeaderMap,
}

/// One exporter by either protocol.
macro_rules! exporter {
    ($maker:expr, $exporter:ty, $path:literal) => {{
        let Maker { config, handle, headers } = $maker;
        // Channels are made within a runtime.
        let _within = handle.enter();
        let builder = <$exporter>::builder();
        let made = match config.protocol() {
            OtelProtocol::Grpc => {
                let builder = builder.with_tonic().with_endpoint(&config.endpoint).with_timeout(config.timeout);
                let builder = builder.with_metadata(MetadataMap::from_headers(headers.clone()));
                #[cfg(feature = "otel-tls")]
                let builder = builder.with_tls_config(tls());
                builder.build()
            }
            OtelProtocol::Http => builder
                .with_http()
                .with_http_client(Http::new())
                .with_endpoint(format!("{}/v1/{}", config.endpoint.trim_end_matches('/'), $path))
                .with_timeout(config.timeout)
                .with_headers(texts(headers))
                .build(),
        };
        let exporter = made.map_err(|error| OtelError::Exporter(error.to_string()))?;
        Ok(Deadline { exporter, handle: handle.clone(), timeout: config.timeout })
    }};
}

impl<'a> Maker<'a> {
    /// # Errors
    /// Headers that cannot be read.
    pub(super) fn new(config: &'a Config, background: &Background) -> Result<Self, OtelError> {
        let headers = config.headers_file.as_deref().map(headers).transpose()?.unwrap_or_default();
        Ok(Self { config, handle: background.handle.clone(), headers })
    }

    pub(super) fn spans(&self) -> Result<Deadline<SpanExporter>, OtelError> {
        exporter!(self, SpanExporter, "traces")
    }

    pub(super) fn logs(&self) -> Result<Deadline<LogExporter>, OtelError> {
        exporter!(self, LogExporter, "logs")
    }

    pub(super) fn metrics(&self) -> Result<Deadline<MetricExporter>, OtelError> {
        exporter!(self, MetricExporter, "metrics")
    }
}

fn texts(headers: &HeaderMap) -> HashMap<String, String> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

/// The `name: value` lines of a file. Nothing of a value is ever shown.
fn headers(path: &Path) -> Result<HeaderMap, OtelError> {
    let failed = |why: String| OtelError::Headers { path: path.to_owned(), why };
    let length = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
    if length > MAX_HEADERS_BYTES {
        return Err(failed(format!("it is larger than {MAX_HEADERS_BYTES} bytes")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let mut headers = HeaderMap::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let header = line.split_once(':').and_then(|(name, value)| {
            let mut value = HeaderValue::try_from(value.trim()).ok().filter(|value| !value.is_empty())?;
            value.set_sensitive(true);
            Some((HeaderName::try_from(name.trim()).ok()?, value))
        });
        let (name, value) = header.ok_or_else(|| failed(format!("line {} is no `name: value`", number + 1)))?;
        if headers.insert(name, value).is_some() {
            return Err(failed(format!("line {} names a header again", number + 1)));
        }
    }
    Ok(headers)
}

#[cfg(feature = "otel-tls")]
fn tls() -> opentelemetry_otlp::tonic_types::transport::ClientTlsConfig {
    opentelemetry_otlp::tonic_types::transport::ClientTlsConfig::new().with_enabled_roots()
}

#[cfg(feature = "otel-tls")]
type Connector = hyper_rustls::HttpsConnector<HttpConnector>;
#[cfg(not(feature = "otel-tls"))]
type Connector = HttpConnector;

/// A small HTTP client: the SDK asks for one.
#[derive(Debug)]
struct Http(Client<Connector, Full<Bytes>>);

impl Http {
    fn new() -> Self {
        #[cfg(not(feature = "otel-tls"))]
        let connector = HttpConnector::new();
        #[cfg(feature = "otel-tls")]
        let connector = secure();
        Self(Client::builder(TokioExecutor::new()).build(connector))
    }
}

/// A connector that knows the roots of the system. Without any, no certificate is good.
#[cfg(feature = "otel-tls")]
fn secure() -> Connector {
    use hyper_rustls::{ConfigBuilderExt, HttpsConnectorBuilder};
    use rustls::ClientConfig;

    let builder = ClientConfig::builder();
    let config = match builder.clone().with_native_roots() {
        Ok(config) => config.with_no_client_auth(),
        Err(error) => {
            tracing::error!(target: "mcp_runtime::telemetry", %error, "the system has no root certificates");
            builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()
        }
    };
    HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build()
}

impl HttpClient for Http {
    fn send_bytes<'life0, 'async_trait>(
        &'life0 self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            let response = self.0.request(request.map(Full::new)).await?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await?;
            Ok(Response::from_parts(parts, body.to_bytes()))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String)>, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let headers = headers(file.path()).map_err(|error| error.to_string())?;
        let mut texts: Vec<_> = texts(&headers).into_iter().collect();
        texts.sort();
        Ok(texts)
    }

    #[test]
    fn headers_are_lines_and_their_values_stay_secret() {
        let texts = read("# keys\nAuthorization: Basic s3cret==\n\nx-scope : a b \n").unwrap();
        let expected = [("authorization", "Basic s3cret=="), ("x-scope", "a b")];
        assert_eq!(texts, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        for bad in ["s3cret", "a b: s3cret", "x: s3cret\nx: s3cret", "x: s3\u{1}cret", "x:", &"x".repeat(70_000)] {
            let error = read(bad).unwrap_err();
            assert!(error.contains("otel.headers_file") && !error.contains("s3cret"), "{bad}: {error}");
        }
        assert!(headers(Path::new("/nowhere/headers")).is_err());
    }
}
