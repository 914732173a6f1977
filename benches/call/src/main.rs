//! The steps of one call in process: nanoseconds and allocations of each, and of all of them together; then what changes
//! with the number of tools and of agents, and how much memory one that is idle takes.
//!
//! `cargo xtask bench call` prints the tables.

mod agents;
mod count;

use std::sync::Arc;
use std::time::Instant;

use bench_call::{ARGUMENTS, One, Thousand, body, filed};
use bytes::Bytes;
use http::request::Parts;
use http_body_util::Full;
use mcp_runtime::auth::{ApiKeys, CredentialStore, MemoryStore, NewKey};
use mcp_runtime::caller::{Agent, Caller};
use mcp_runtime::config::Config;
use mcp_runtime::gate::steps::Steps;
use mcp_runtime::record::CallRecord;
use mcp_runtime::scope::Grants;
use mcp_runtime::spec::Server;
use mcp_runtime::telemetry::{Sink, SinkError, Telemetry};
use mcp_runtime::{Json, Protected};

use crate::count::allocations;

/// Calls in a batch, and batches; the median batch counts. As many calls leave their records between two looks of a sink's
/// thread, where one after the other takes five microseconds.
const CALLS: usize = 1_000;
const BATCHES: usize = if cfg!(feature = "counted") { 1 } else { 81 };

/// A sink that keeps nothing: what leads to it is measured.
struct Nowhere;

impl Sink for Nowhere {
    fn name(&self) -> &'static str {
        "nowhere"
    }

    fn write(&mut self, _: &CallRecord) -> Result<(), SinkError> {
        Ok(())
    }
}

/// What a step costs.
#[derive(Clone, Copy)]
struct Cost {
    nanos: f64,
    allocations: f64,
}

/// Measures a step. What it takes is made beforehand, what it gives is dropped within: that belongs to its cost.
fn measure<I, O>(mut make: impl FnMut() -> I, mut step: impl FnMut(I) -> O) -> Cost {
    let mut nanos: Vec<f64> = (0..BATCHES)
        .map(|_| {
            let inputs: Vec<I> = (0..CALLS).map(|_| make()).collect();
            let began = Instant::now();
            for input in inputs {
                std::hint::black_box(step(std::hint::black_box(input)));
            }
            began.elapsed().as_nanos() as f64 / CALLS as f64
        })
        .collect();
    nanos.sort_unstable_by(f64::total_cmp);
    let inputs: Vec<I> = (0..CALLS).map(|_| make()).collect();
    let counted = allocations(|| inputs.into_iter().for_each(|input| drop(step(input))));
    Cost { nanos: nanos[BATCHES / 2], allocations: (counted.times / CALLS as f64).round() }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        steps().await?;
        println!("\n| tools | find one, scopes, ns | three limits, ns | a whole call, ns | allocations |");
        println!("| --: | --: | --: | --: | --: |");
        tools(2, One).await?;
        tools(1_000, Thousand).await?;
        agents::agents();
        Ok(())
    })
}

async fn steps() -> Result<(), Box<dyn std::error::Error>> {
    let store: Arc<dyn CredentialStore> = Arc::new(MemoryStore::new());
    let new =
        NewKey { agent: "reporting".into(), scopes: vec!["record.write".into()], on_behalf_of: None, lifetime: None };
    let issued = store.issue(&new).await?;
    let keys = Arc::new(ApiKeys::start(store).await?);
    let telemetry = Telemetry::new().sink(Nowhere);
    let protected = Protected::with_telemetry(One, Config::default(), telemetry)?;
    let agent = Agent::key("reporting")?;
    let caller = Arc::new(Caller::new(agent, "key").with_grants(Grants::with_wildcards(["record.write"])?));
    let steps = Steps::new(protected.gate(), "file", caller);
    let body = body("file", ARGUMENTS);
    let parts = parts(issued.key.expose());
    let sent = steps.read(ARGUMENTS);
    let values = steps.validate(sent.clone()).ok_or("the arguments are not valid")?;
    let begun = steps.begin();
    let answer = steps.run(&values, &begun).await.ok_or("the tool does not run")?;
    let answered = || steps.finish(answer.clone());

    let mut rows = vec![
        ("envelope and headers, arguments read", measure(|| (), |()| steps.envelope(&parts.headers, body.as_bytes()))),
        ("identify: API key", measure(|| (), |()| at_once(steps.identify(&*keys, &parts)))),
        ("find the tool, scopes", measure(|| (), |()| steps.scopes())),
        ("three limits", measure(|| (), |()| steps.limits())),
        ("validate ten arguments", measure(|| sent.clone(), |sent| steps.validate(sent))),
    ];
    let run = measure(|| (), |()| at_once(steps.run(&values, &begun)));
    let sanitise = measure(|| filed(17), |filed| steps.sanitise(Json(filed)));
    rows.push((
        "decode them, run the tool that does nothing",
        Cost { nanos: run.nanos - sanitise.nanos, allocations: run.allocations - sanitise.allocations },
    ));
    rows.push(("hygiene of the output", sanitise));
    rows.push((
        "check against the output schema, text for the model",
        measure(|| answer.clone(), |answer| steps.finish(answer)),
    ));
    // Records of one batch are not still on their way when those of the next come.
    let mut calls = 0;
    let settled = || {
        if calls % CALLS == 0 {
            steps.settle();
        }
        calls += 1;
    };
    rows.push(("record, to nowhere", measure(settled, |()| steps.record(&sent))));
    rows.push(("write the answer", measure(|| answered().expect("an answer"), |answered| steps.render(answered))));

    let sum = rows.iter().fold(Cost { nanos: 0.0, allocations: 0.0 }, |sum, (_, cost)| Cost {
        nanos: sum.nanos + cost.nanos,
        allocations: sum.allocations + cost.allocations,
    });
    println!("| step | ns | share | allocations |");
    println!("| --- | --: | --: | --: |");
    for (name, Cost { nanos, allocations }) in &rows {
        println!("| {name} | {nanos:.0} | {:.0} % | {allocations:.0} |", nanos / sum.nanos * 100.0);
    }
    println!("| **all** | **{:.0}** | | **{:.0}** |", sum.nanos, sum.allocations);
    Ok(())
}

/// The same call on a server with more tools: all of it takes as long.
async fn tools(count: usize, server: impl Server) -> Result<(), Box<dyn std::error::Error>> {
    let store: Arc<dyn CredentialStore> = Arc::new(MemoryStore::new());
    let new =
        NewKey { agent: "reporting".into(), scopes: vec!["record.write".into()], on_behalf_of: None, lifetime: None };
    let issued = store.issue(&new).await?;
    let keys = Arc::new(ApiKeys::start(store).await?);
    let protected = Protected::with_telemetry(server, Config::default(), Telemetry::new().sink(Nowhere))?;
    let caller = Caller::new(Agent::key("reporting")?, "key").with_grants(Grants::with_wildcards(["record.write"])?);
    let steps = Steps::new(protected.gate(), "file", Arc::new(caller));
    let scopes = measure(|| (), |()| steps.scopes());
    let limits = measure(|| (), |()| steps.limits());
    let service = protected.http(keys);
    let body = Bytes::from(body("file", ARGUMENTS));
    let mut parts = parts(issued.key.expose());
    parts.headers.insert("host", http::HeaderValue::from_static("127.0.0.1:8787"));
    let request = || http::Request::from_parts(parts.clone(), Full::new(body.clone()));
    let status = at_once(service.handle(request())).map(|answer| answer.status());
    if status != Some(http::StatusCode::OK) {
        return Err(format!("the call is answered {status:?}").into());
    }
    let whole = measure(request, |request| at_once(service.handle(request)));
    println!("| {count} | {:.0} | {:.0} | {:.0} | {:.0} |", scopes.nanos, limits.nanos, whole.nanos, whole.allocations);
    Ok(())
}

/// What a future gives that does not wait.
fn at_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

fn parts(key: &str) -> Parts {
    let request = http::Request::post("/mcp")
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", "file");
    request.body(()).map(|request| request.into_parts().0).expect("a request")
}
