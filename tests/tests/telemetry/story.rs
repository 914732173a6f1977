//! Somebody asks: which agent deleted customer 17, for whom, and what else did it do in that minute? The audit, the trace
//! and the metrics answer, and none of them shows the customer's email.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::Range;

use mcp_runtime::jiff::{Timestamp, ToSpan};
use mcp_tests::authority::Authority;
use mcp_tests::message::{modern, tool_error};
use mcp_tests::metrics::Page;
use mcp_tests::process::{Key, Serving, Site, eventually, texts};
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::admin;
use crate::receiver::{Attributes, Received, attributes};

const EMAIL: &str = "carol.ferreira@example.com";

/// Of the email, in whatever spelling it came.
const PARTS: [&str; 4] = ["carol", "ferreira", "example.com", "example%2ecom"];

/// The example's shop as a file, with one more customer, whom the database itself protects: in words that name her.
fn shop(site: &Site) {
    let file = site.path("shop.sqlite");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        for sql in [
            include_str!("../../../examples/revenue/sample.sql"),
            "INSERT INTO Customer (CustomerId, FirstName, LastName, Email) VALUES (18, 'Carol', 'F.', 'carol.ferreira@example.com.example');
             CREATE TRIGGER held BEFORE DELETE ON Customer WHEN old.CustomerId = 18 BEGIN
                 SELECT RAISE(ABORT, 'a letter to carol.ferreira@example.com.example, +351 22 123 4567, is on its way');
             END;",
        ] {
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
    });
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn time_of(span: &Span) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(span.start_time_unix_nano)).unwrap()
}

#[track_caller]
fn shows_nobody(what: &str, text: &str) {
    let text = text.to_lowercase();
    for part in PARTS {
        assert!(!text.contains(part), "{what} shows {part}: {text}");
    }
}

#[test]
fn who_deleted_customer_17_for_whom_and_what_else_did_it_do() {
    for arguments in [false, true] {
        let story = Story::act(arguments);
        let (deletion, minute) = story.the_audit_answers();
        story.the_trace_answers(&deletion, minute, arguments);
        story.the_metrics_answer();
        story.nobody_learns_the_email();
    }
}

/// What came of the agent's own calls, in order.
const DID: [(&str, &str); 7] = [
    ("find_customer", "OK"),
    ("delete_customer", "RECORD_NOT_FOUND"),
    ("delete_customer", "EMAIL_MISMATCH"),
    ("delete_customer", "OK"),
    ("delete_customer", "INTERNAL"),
    ("search_tracks", "OK"),
    ("search_tracks", "INVALID_ARGUMENTS"),
];

/// What is left when the server has ended.
struct Story {
    site: Site,
    received: Received,
    agent: String,
    page: String,
    log: Vec<String>,
}

impl Story {
    /// Several agents call in the same minute; one deletes customer 17.
    fn act(arguments: bool) -> Self {
        let authority = Authority::start();
        let (received, collector) = Received::listen(false);
        let config = format!(
            "{}\n[otel]\nendpoint = \"http://{collector}\"\nprotocol = \"http\"\narguments = {arguments}\n\
         [admin]\naddress = \"127.0.0.1:0\"\nagent_label = 10",
            authority.config("")
        );
        let site = Site::new(env!("CARGO_BIN_EXE_shop"), &config);
        shop(&site);
        let issue = |agent: &str, subject: &str, scopes: &[&str]| {
            let mut command = vec!["keys", "issue", "--agent", agent, "--on-behalf-of", subject];
            command.extend(scopes.iter().flat_map(|scope| ["--scope", scope]));
            site.json(&command)["key"].as_str().unwrap().to_owned()
        };
        let support = issue("support", "omar", &["customer.read", "feedback.*"]);
        let cleaner = issue("cleaner", "ines", &["record.*"]);
        let scopes = "customer.delete customer.read catalog.read";
        let offboarding = authority.token("offboarding", "dana", "t1", scopes);

        let mut serving = Serving::start(
            site.command(&["serve", "--http", "127.0.0.1:0", "--dev", "--db", "shop.sqlite"])
                .stdin(std::process::Stdio::piped()),
        );
        let ask = |key: &str, id: Value, tool: &str, arguments: Value| {
            let key = Key { id: String::new(), key: key.to_owned() };
            serving.ask(&key, &modern(id, "tools/call", json!({ "name": tool, "arguments": arguments })))
        };
        let outcome = |answer: &Value| match answer["result"]["isError"].as_bool() {
            Some(false) => "OK".to_owned(),
            _ => tool_error(answer)["code"].as_str().unwrap().to_owned(),
        };
        let mut outcomes = Vec::new();
        for (who, id, tool, arguments) in [
            (&support, json!(1), "find_customer", json!({ "email": EMAIL })),
            (&offboarding, json!(1), "find_customer", json!({ "email": EMAIL })),
            (&support, json!(2), "add_feedback", json!({ "track": 1, "text": format!("{EMAIL} loves it") })),
            (&support, json!(3), "list_feedback", json!({ "track": 1 })),
            // Not hers to delete.
            (&support, json!(EMAIL), "delete_customer", json!({ "id": 17, "email": EMAIL })),
            (&offboarding, json!(2), "delete_customer", json!({ "id": 16, "email": EMAIL })),
            (&offboarding, json!(3), "delete_customer", json!({ "id": 1, "email": EMAIL })),
            (&offboarding, json!(4), "delete_customer", json!({ "id": 17, "email": EMAIL.to_uppercase() })),
            (&offboarding, json!(5), "delete_customer", json!({ "id": 18, "email": format!("{EMAIL}.example") })),
            (&offboarding, json!(6), "search_tracks", json!({ "query": EMAIL })),
            (&offboarding, json!(7), "search_tracks", json!({ "query": "love", EMAIL: EMAIL })),
            (&cleaner, json!(1), "delete_record", json!({ "kind": "customer", "id": 10 })),
            (&cleaner, json!(2), "delete_record", json!({ "kind": "customer", "id": 17 })),
        ] {
            outcomes.push(outcome(&ask(who, id, tool, arguments)));
        }
        let expected = [
            "OK",
            "OK",
            "OK",
            "OK",
            "PERMISSION_DENIED",
            "RECORD_NOT_FOUND",
            "EMAIL_MISMATCH",
            "OK",
            "INTERNAL",
            "OK",
            "INVALID_ARGUMENTS",
            "OK",
            "RECORD_NOT_FOUND",
        ];
        assert_eq!(outcomes, expected);
        let page = admin::get(admin::address(&serving)).send().body;
        let mut log = serving.said.clone();
        eventually("the last call is logged", || {
            log.extend(serving.log());
            log.iter().filter(|line| line.contains("mcp_runtime::call\"")).count() >= expected.len()
        });
        serving.terminate();
        assert!(serving.wait().success());
        log.extend(serving.log());

        let agent = format!("client:{}:offboarding", authority.url());
        Self { site, received, agent, page, log }
    }

    /// Who deleted customer 17, and for whom; and what else did it do in that minute?
    fn the_audit_answers(&self) -> (Value, Range<Timestamp>) {
        let Self { site, agent, .. } = self;
        let who = ["--tool", "delete_customer", "--argument", "id=17", "--outcome", "OK", "--since", "1h"];
        let who = [&["audit", "query"][..], &who].concat();
        let (text, _) = texts(&site.run(&who));
        assert_eq!(text.lines().count(), 2, "a heading and one call:\n{text}");
        assert!(text.contains(agent) && text.contains(" dana ") && text.contains("\"id\":17"), "{text}");
        let found = site.json(&who);
        let [deletion] = &found.as_array().unwrap()[..] else { panic!("one call: {found}") };
        assert_eq!((&deletion["agent"], &deletion["subject"]), (&json!(agent), &json!("dana")));
        // Who knows the email can ask for it; the answer does not repeat it.
        let email = format!("email={EMAIL}");
        let by_email = site.json(&["audit", "query", "--argument", &email]);
        let tools: Vec<_> = by_email.as_array().unwrap().iter().map(|call| call["tool"].as_str().unwrap()).collect();
        assert_eq!(tools.iter().filter(|tool| **tool == "find_customer").count(), 2, "{tools:?}");

        let at: Timestamp = deletion["time"].as_str().unwrap().parse().unwrap();
        let (since, until) = (at - 1.minute(), at + 1.minute());
        let minute = ["--since", &since.to_string(), "--until", &until.to_string()];
        let asked = [&["audit", "query", "--agent", "offboarding"][..], &minute].concat();
        let did = site.json(&asked);
        let pair = |call: &Value| ["tool", "outcome"].map(|name| call[name].as_str().unwrap().to_owned());
        let did: Vec<_> = did.as_array().unwrap().iter().map(pair).collect();
        assert_eq!(did, DID.map(|(tool, outcome)| [tool.to_owned(), outcome.to_owned()]));
        let (minute_text, _) = texts(&site.run(&asked));
        assert_eq!(minute_text.lines().count(), 1 + DID.len(), "{minute_text}");
        shows_nobody("the answer", &format!("{text}{minute_text}{found}{by_email}"));
        (deletion.clone(), since..until)
    }

    /// The audit names the span, and the span the audit's correlation id.
    fn the_trace_answers(&self, deletion: &Value, minute: Range<Timestamp>, arguments: bool) {
        let Self { received, agent, .. } = self;
        let spans = received.spans();
        let of = |span: &Span| -> Attributes { attributes(&span.attributes) };
        let joined =
            spans.iter().find(|span| json!(hex(&span.span_id)) == deletion["span"]).expect("the span of the line");
        let span = of(joined);
        assert_eq!(json!(hex(&joined.trace_id)), deletion["trace"]);
        for (name, value) in [
            ("gen_ai.tool.name", "delete_customer"),
            ("mcp_runtime.agent", agent),
            ("mcp_runtime.subject", "dana"),
            ("mcp_runtime.outcome", "OK"),
            ("mcp_runtime.correlation", deletion["correlation"].as_str().unwrap()),
        ] {
            assert_eq!(span.get(name).map(String::as_str), Some(value), "{name}: {span:#?}");
        }
        let shown = span.get("gen_ai.tool.call.arguments");
        assert_eq!(shown.is_some(), arguments, "only where they are asked for");
        assert!(shown.is_none_or(|shown| shown.contains("\"id\":17") && shown.contains("pii:")), "{shown:?}");
        // By the trace alone, without the audit: the agent's spans of that minute.
        let traced: Vec<_> = spans
            .iter()
            .filter(|span| of(span)["mcp_runtime.agent"] == *agent && minute.contains(&time_of(span)))
            .map(|span| (of(span)["gen_ai.tool.name"].clone(), of(span)["mcp_runtime.outcome"].clone()))
            .collect();
        assert_eq!(traced.len(), DID.len());
        let expected = DID.map(|(tool, outcome)| (tool.to_owned(), outcome.to_owned()));
        assert_eq!(traced.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from(expected));
    }

    /// The dashboard's series: the tool's deletions, and the agent's calls.
    fn the_metrics_answer(&self) {
        let metrics = Page::read(&self.page);
        let deleted = [("gen_ai_tool_name", "delete_customer"), ("outcome", "OK")];
        assert_eq!(metrics.sum("mcp_runtime_requests_total", &deleted), 1.0);
        assert_eq!(metrics.sum("mcp_runtime_agent_requests_total", &[("agent", &self.agent)]), 7.0);
    }

    fn nobody_learns_the_email(&self) {
        let Self { site, received, page, log, .. } = self;
        shows_nobody("the audit", &site.audit().text());
        let sent = received.bytes();
        assert!(!sent.is_empty());
        shows_nobody("the collector", &String::from_utf8_lossy(&sent));
        shows_nobody("the page of metrics", page);
        shows_nobody("the log", &log.join("\n"));
        let cause = log.iter().find(|line| line.contains("mcp_runtime::failure")).expect("the cause of the failure");
        assert!(cause.contains("a letter to pii:") && cause.contains(", [phone], is on its way"), "{cause}");
    }
}
