//! Calls through [`HttpService`](mcp_runtime::transport::http::HttpService) in process, for callgrind to count:
//! `instructions CASE AUDIT` makes them of one kind, and leaves their records in a file. Only what [`counted`] does counts.

use std::path::Path;
use std::sync::Arc;

use bench_call::{ARGUMENTS, One, body};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use mcp_runtime::Protected;
use mcp_runtime::auth::{ApiKeys, CredentialStore, MemoryStore, NewKey};
use mcp_runtime::config::Config;
use mcp_runtime::transport::http::HttpService;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Calls before those that count: caches are filled, buffers have grown.
const BEFORE: usize = 50;
/// Calls that count.
const CALLS: usize = 100;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result {
    let mut arguments = std::env::args().skip(1);
    let (Some(case), Some(audit)) = (arguments.next(), arguments.next()) else {
        return Err("instructions CASE AUDIT".into());
    };
    let (name, body, expected) = match case.as_str() {
        "ten-arguments" => ("file", body("file", ARGUMENTS), r#""isError":false"#),
        "no-arguments" => ("ping", body("ping", "{}"), r#""isError":false"#),
        "refused" => ("file", body("file", "{}"), r#""isError":true"#),
        other => return Err(format!("there is no case `{other}`").into()),
    };
    let store: Arc<dyn CredentialStore> = Arc::new(MemoryStore::new());
    let new =
        NewKey { agent: "reporting".into(), scopes: vec!["record.write".into()], on_behalf_of: None, lifetime: None };
    let issued = store.issue(&new).await?;
    let keys = Arc::new(ApiKeys::start(store).await?);
    let service = Protected::new(One, config(Path::new(&audit))?)?.http(keys);
    let request = || {
        Request::post("/mcp")
            .header("host", "127.0.0.1:8787")
            .header("authorization", format!("Bearer {}", issued.key.expose()))
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", name)
            .body(Full::new(Bytes::from(body.clone())))
    };
    for _ in 0..BEFORE {
        call(&service, request()?).await;
    }
    let requests = (0..CALLS).map(|_| request()).collect::<std::result::Result<Vec<_>, _>>()?;
    for request in requests {
        let answer = counted(&service, request);
        if !String::from_utf8_lossy(&answer).contains(expected) {
            return Err(format!("another answer was expected: {}", String::from_utf8_lossy(&answer)).into());
        }
    }
    println!("{CALLS}");
    Ok(())
}

/// The records of every call, in a file.
fn config(audit: &Path) -> Result<Config> {
    Ok(Config::parse(&format!("[audit]\npath = {:?}", audit.to_str().ok_or("a path in UTF-8")?))?)
}

/// What is counted: callgrind is told the name.
#[inline(never)]
fn counted(service: &HttpService, request: Request<Full<Bytes>>) -> Bytes {
    // Nothing here waits, so it is ready at once.
    futures_util::FutureExt::now_or_never(call(service, request)).unwrap_or_default()
}

async fn call(service: &HttpService, request: Request<Full<Bytes>>) -> Bytes {
    let body = service.handle(request).await.into_body();
    BodyExt::collect(body).await.map(http_body_util::Collected::to_bytes).unwrap_or_default()
}
