//! A collector in the test: OTLP over gRPC by the official service, and over HTTP as protobuf.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;
use tonic::{Request, Response, Status};

/// Attributes as texts.
pub(crate) type Attributes = BTreeMap<String, String>;

/// What a collector got.
#[derive(Clone, Default)]
pub(crate) struct Received(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    spans: Vec<Span>,
    logs: Vec<LogRecord>,
    metrics: Vec<Metric>,
    resources: Vec<Attributes>,
    /// The value of the header `x-key`, export by export.
    keys: Vec<Option<String>>,
    /// Exports over HTTP, as they came.
    bodies: Vec<Bytes>,
}

impl Received {
    /// Listens on a port that the system picks, on a thread of its own that ends with the test's process.
    pub(crate) fn listen(grpc: bool) -> (Self, SocketAddr) {
        let received = Self::default();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let collector = received.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                if grpc { collector.grpc(listener).await } else { collector.http(listener).await }
            });
        });
        (received, address)
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        self.0.lock().unwrap().spans.clone()
    }

    pub(crate) fn logs(&self) -> Vec<LogRecord> {
        self.0.lock().unwrap().logs.clone()
    }

    /// The last state of each metric.
    pub(crate) fn metric(&self, name: &str) -> Metric {
        let inner = self.0.lock().unwrap();
        inner.metrics.iter().rev().find(|metric| metric.name == name).unwrap_or_else(|| panic!("no {name}")).clone()
    }

    /// Every export over HTTP, byte for byte.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().bodies.concat()
    }

    pub(crate) fn has_metrics(&self) -> bool {
        !self.0.lock().unwrap().metrics.is_empty()
    }

    pub(crate) fn resources(&self) -> Vec<Attributes> {
        self.0.lock().unwrap().resources.clone()
    }

    pub(crate) fn keys(&self) -> Vec<Option<String>> {
        self.0.lock().unwrap().keys.clone()
    }

    fn traces(&self, request: ExportTraceServiceRequest, key: Option<String>) {
        let mut inner = self.0.lock().unwrap();
        inner.keys.push(key);
        for resource in request.resource_spans {
            inner.resources.push(attributes(&resource.resource.unwrap().attributes));
            inner.spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }

    fn measured(&self, request: ExportMetricsServiceRequest) {
        let mut inner = self.0.lock().unwrap();
        for resource in request.resource_metrics {
            inner.metrics.extend(resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics));
        }
    }

    fn logged(&self, request: ExportLogsServiceRequest) {
        let mut inner = self.0.lock().unwrap();
        for resource in request.resource_logs {
            inner.logs.extend(resource.scope_logs.into_iter().flat_map(|scope| scope.log_records));
        }
    }

    async fn grpc(self, listener: TcpListener) {
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(self.clone()))
            .add_service(MetricsServiceServer::new(self.clone()))
            .add_service(LogsServiceServer::new(self))
            .serve_with_incoming(incoming)
            .await
            .unwrap();
    }

    async fn http(self, listener: TcpListener) {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let received = self.clone();
            let answer = hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
                let received = received.clone();
                async move {
                    let (parts, body) = request.into_parts();
                    let body = body.collect().await?.to_bytes();
                    received.0.lock().unwrap().bodies.push(body.clone());
                    assert_eq!(parts.headers["content-type"], "application/x-protobuf");
                    let key = parts.headers.get("x-key").map(|key| key.to_str().unwrap().to_owned());
                    match parts.uri.path() {
                        "/v1/traces" => received.traces(Message::decode(body).unwrap(), key),
                        "/v1/metrics" => received.measured(Message::decode(body).unwrap()),
                        "/v1/logs" => received.logged(Message::decode(body).unwrap()),
                        other => panic!("{other}"),
                    }
                    Ok::<_, hyper::Error>(http::Response::new(Full::new(Bytes::new())))
                }
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    }
}

#[tonic::async_trait]
impl TraceService for Received {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let key = request.metadata().get("x-key").map(|key| key.to_str().unwrap().to_owned());
        self.traces(request.into_inner(), key);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Received {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.measured(request.into_inner());
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Received {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.logged(request.into_inner());
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

/// Attributes as texts.
pub(crate) fn attributes(attributes: &[KeyValue]) -> Attributes {
    let text = |attribute: &KeyValue| match attribute.value.clone().unwrap().value.unwrap() {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(truth) => truth.to_string(),
        Value::DoubleValue(number) => number.to_string(),
        other => panic!("{other:?}"),
    };
    let texts: Attributes = attributes.iter().map(|attribute| (attribute.key.clone(), text(attribute))).collect();
    assert_eq!(texts.len(), attributes.len(), "an attribute stands twice: {attributes:?}");
    texts
}

/// The points of a counter.
pub(crate) fn counts(metric: &Metric) -> Vec<(Attributes, u64)> {
    let Some(metric::Data::Sum(sum)) = &metric.data else { panic!("a counter: {metric:?}") };
    let value = |value: &Option<number_data_point::Value>| match value {
        Some(number_data_point::Value::AsInt(number)) => u64::try_from(*number).unwrap(),
        other => panic!("{other:?}"),
    };
    sum.data_points.iter().map(|point| (attributes(&point.attributes), value(&point.value))).collect()
}
