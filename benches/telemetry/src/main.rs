//! What metrics and spans cost a call, on the thread that serves it.
//!
//! The same call through the gate, with one thing more each time, in turn; processor time of this thread alone, so that
//! neither the exports on other threads nor other programs count.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use mcp_runtime::config::Config;
use mcp_runtime::server;
use mcp_runtime::telemetry::{Otel, Telemetry};
use mcp_runtime::testing::Client;
use serde_json::json;
use tracing_subscriber::layer::SubscriberExt;

/// Calls a round, and rounds of everything.
const CALLS: u32 = 5000;
const ROUNDS: usize = 31;

type Error = Box<dyn std::error::Error + Send + Sync>;

struct Bench;

#[server(name = "bench", unlimited)]
impl Bench {
    /// Answers.
    #[tool(any_caller, rate = inherit)]
    async fn answer(&self, text: String) -> String {
        text
    }

    /// Answers within a span of `tracing`.
    #[tool(any_caller, rate = inherit)]
    async fn traced(&self, text: String) -> String {
        tracing::info_span!("work").in_scope(|| text)
    }
}

/// One way to run: what is measured, and what it is compared with.
struct Case {
    name: &'static str,
    base: Option<usize>,
    tool: &'static str,
    client: Client,
    dispatch: Option<tracing::Dispatch>,
    took: Vec<f64>,
}

fn case(name: &'static str, base: Option<usize>, config: &str, collector: SocketAddr) -> Result<Case, Error> {
    let otel =
        format!("[otel]\nendpoint = \"http://{collector}\"\nprotocol = \"http\"\nqueue = 100000\ndelay = \"200ms\"\n");
    let config = Config::parse(&config.replace("[otel]\n", &otel))?;
    let otel = Otel::start(&config, "bench", "1")?;
    let is_traced = name.contains("tracing");
    let dispatch =
        otel.as_ref().filter(|_| is_traced).map(|otel| tracing_subscriber::registry().with(otel.layer()).into());
    let telemetry = otel.into_iter().fold(Telemetry::new(), Telemetry::otel);
    let client = Client::with_telemetry(Bench, config, telemetry)?;
    let tool = if is_traced { "traced" } else { "answer" };
    Ok(Case { name, base, tool, client, dispatch, took: Vec::new() })
}

/// The processor time of this thread, in nanoseconds.
fn spent() -> Result<u64, Error> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().unwrap_or_default().parse()?)
}

impl Case {
    async fn round(&mut self) -> Result<(), Error> {
        let _default = self.dispatch.as_ref().map(tracing::dispatcher::set_default);
        let begun = spent()?;
        for _ in 0..CALLS {
            self.client.call(self.tool, json!({ "text": "hello" })).await?;
        }
        #[expect(clippy::cast_precision_loss, reason = "a few seconds in nanoseconds")]
        let took = (spent()? - begun) as f64;
        self.took.push(took / f64::from(CALLS) / 1000.0);
        Ok(())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A collector that takes everything and keeps nothing.
fn collector() -> Result<SocketAddr, Error> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || take(stream));
        }
    });
    Ok(address)
}

fn take(mut stream: TcpStream) -> Option<()> {
    let (mut read, mut piece) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        let head = loop {
            if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
            let length = stream.read(&mut piece).ok().filter(|length| *length > 0)?;
            read.extend_from_slice(&piece[..length]);
        };
        let text = String::from_utf8_lossy(&read[..head]).to_lowercase();
        let length: usize = text.lines().find_map(|line| line.strip_prefix("content-length: "))?.trim().parse().ok()?;
        while read.len() < head + length {
            let length = stream.read(&mut piece).ok().filter(|length| *length > 0)?;
            read.extend_from_slice(&piece[..length]);
        }
        read.drain(..head + length);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let collector = collector()?;
    let case = |name, base, config| case(name, base, config, collector);
    let admin = "[admin]\naddress = \"127.0.0.1:0\"\n";
    let agents = format!("{admin}agent_label = 100\n");
    let mut cases = vec![
        case("nothing", None, "")?,
        case("metrics for `/metrics`", Some(0), admin)?,
        case("the same, with agents", Some(0), &agents)?,
        case("OTLP: spans, all kept", Some(0), "[otel]\nsignals = [\"traces\"]")?,
        case("OTLP: spans, one in a hundred kept", Some(0), "[otel]\nsignals = [\"traces\"]\nsampling = 0.01")?,
        case("OTLP: metrics", Some(0), "[otel]\nsignals = [\"metrics\"]")?,
        case("OTLP: logs", Some(0), "[otel]\nsignals = [\"logs\"]")?,
        case("OTLP: all three", Some(0), "[otel]\n")?,
        case("a span of the tool's own, by `tracing`", Some(3), "[otel]\nsignals = [\"traces\"]")?,
    ];
    for round in 0..=ROUNDS {
        for case in &mut cases {
            case.round().await?;
            if round == 0 {
                // The first one warms up.
                case.took.clear();
            }
        }
    }
    println!("| | µs a call |\n| --- | --: |");
    for case in &cases {
        let Some(base) = case.base else { continue };
        let more = case.took.iter().zip(&cases[base].took).map(|(with, without)| with - without).collect();
        println!("| {} | {:.2} |", case.name, median(more));
    }
    println!("\nThe call itself: {:.2} µs.", median(cases[0].took.clone()));
    Ok(())
}
