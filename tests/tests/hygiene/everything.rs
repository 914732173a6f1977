//! Every option has an effect on the table.

use std::time::Duration;

use mcp_runtime::scope::Requirement;
use mcp_runtime::spec::{Annotations, Concurrency, Rule, Server, Size, Window};
use mcp_runtime::{CallContext, Caller, Denied, Json, server};

/// A server.
pub(crate) struct Orders;

/// Arguments that stand beside others.
#[derive(serde::Deserialize, schemars::JsonSchema)]
pub(crate) struct Page {
    number: u32,
}

const DEFAULT: u32 = 12;

#[server(
    name = "orders",
    version = "1.2.0",
    title = "Orders",
    instructions = "Ask before you delete.",
    rate(agent = ["10/s", "300/min"], burst = 20),
    timeout = "10s",
)]
impl Orders {
    /// Search the orders,
    /// newest first.
    #[tool(
        scope = any("orders:{region}:read", "orders.admin"),
        rate(agent = "10/min", total = ["100/min", "1000/day"], burst = 5),
        cost = u64::from(limit) / 10,
        guard = may_search,
        timeout = "500ms",
        concurrency(agent = 2, total = 8),
        max_output = "64KiB",
        destructive = false,
        idempotent,
        open_world = false,
        name = "orders.search",
        title = "Search",
        icons = ["https://example.com/icon.png"],
    )]
    async fn search(
        &self,
        /// Where.
        #[arg(header = "Region", length(2))]
        region: String,
        context: &CallContext,
        #[arg(range(1..), default = DEFAULT, strict)] limit: u32,
        caller: &Caller,
        #[arg(pii, format = "email", rename = "mail")] email: Option<String>,
        #[arg(secret, pattern = "^[a-z]+$")] token: String,
        #[arg(plain)] address: String,
        #[arg(items(1..=50))] keys: Vec<u32>,
        #[arg(flatten)] page: Page,
        #[arg(default = "EUR")] currency: String,
        #[arg(range(-1.5..1.5))] ratio: f64,
    ) -> Json<u32> {
        let _ = (region, context, caller, email, token, address, keys, currency, ratio);
        Json(limit + page.number)
    }

    /// Count the orders.
    #[tool(scope = all("orders.read", "orders.list"), rate = "10/min", concurrency = 8, read_only, description = "Count.")]
    fn count(&self) -> String {
        String::new()
    }

    /// A tool that says nothing of itself.
    #[tool(any_caller, rate = inherit)]
    async fn plain(&self) {}

    /// No tool, and an attribute of its own.
    #[expect(dead_code, clippy::unused_self, reason = "no tool")]
    fn helper(&self) {}
}

#[expect(clippy::too_many_arguments, reason = "a guard sees all that the tool sees")]
#[expect(clippy::ref_option, reason = "arguments are lent as they are")]
#[expect(clippy::unused_async, reason = "a guard is asynchronous")]
async fn may_search(
    caller: &Caller,
    region: &String,
    _limit: &u32,
    _email: &Option<String>,
    _token: &String,
    _address: &String,
    _keys: &Vec<u32>,
    _page: &Page,
    _currency: &String,
    _ratio: &f64,
) -> Result<(), Denied> {
    if caller.subject().is_none() {
        return Err(Denied::because(format!("nobody searches {region}")));
    }
    Ok(())
}

#[test]
fn the_server() {
    let spec = Orders::SPEC;
    assert_eq!((spec.name, spec.version, spec.title), ("orders", "1.2.0", Some("Orders")));
    assert_eq!(spec.instructions, Some("Ask before you delete."));
    assert_eq!(spec.rate, [Window::new(10, 1, 20), Window::new(300, 60, 20)]);
    assert_eq!(spec.timeout, Duration::from_secs(10));
}

#[test]
fn a_tool_with_every_option() {
    let spec = &Orders::TOOLS[0].spec;
    assert_eq!((spec.name, spec.title), ("orders.search", Some("Search")));
    assert_eq!(spec.description, "Search the orders, newest first.");
    assert_eq!(spec.icons, ["https://example.com/icon.png"]);
    let Requirement::Any(scopes) = spec.scope else { panic!("{:?}", spec.scope) };
    assert_eq!(scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>(), ["orders:{region}:read", "orders.admin"]);
    assert_eq!(spec.agent_rate, [Window::new(10, 60, 5)]);
    assert_eq!(spec.total_rate, [Window::new(100, 60, 5), Window::new(1000, 86400, 5)]);
    assert!(spec.costed && spec.guarded && !spec.blocking);
    assert_eq!(spec.timeout, Some(Duration::from_millis(500)));
    assert_eq!(spec.concurrency, Concurrency { agent: Some(2), total: Some(8) });
    assert_eq!(spec.max_output, 65536);
    let hints =
        Annotations { read_only: None, destructive: Some(false), idempotent: Some(true), open_world: Some(false) };
    assert_eq!(spec.annotations, hints);
}

#[test]
fn the_arguments() {
    let arguments = Orders::TOOLS[0].spec.arguments;
    let names: Vec<_> = arguments.iter().map(|argument| argument.name).collect();
    let expected = ["region", "limit", "mail", "token", "address", "keys", "page", "currency", "ratio"];
    assert_eq!(names, expected);
    assert_eq!(arguments[0].description, "Where.");
    let optional: Vec<_> =
        arguments.iter().filter(|argument| (argument.optional)()).map(|argument| argument.name).collect();
    assert_eq!(optional, ["mail"]);
    let rules = |at: usize| format!("{:?}", arguments[at].rules);
    assert!(matches!(arguments[0].rules, [Rule::Length(Size { min: Some(2), max: Some(2) }), Rule::Header("Region")]));
    assert_eq!(rules(1).matches("Integer(1)").count(), 1);
    assert!(matches!(arguments[1].rules, [Rule::Range(_), Rule::Strict, Rule::Default(default)] if default() == 12));
    assert!(matches!(arguments[2].rules, [Rule::Format("email"), Rule::Pii]));
    assert!(matches!(arguments[3].rules, [Rule::Pattern("^[a-z]+$"), Rule::Secret]));
    assert!(matches!(arguments[4].rules, [Rule::Plain]));
    assert!(matches!(arguments[5].rules, [Rule::Items(Size { min: Some(1), max: Some(50) })]));
    assert!(matches!(arguments[6].rules, [Rule::Flatten]));
    assert!(matches!(arguments[7].rules, [Rule::Default(default)] if default() == "EUR"));
    assert!(rules(8).contains("Float(-1.5)") && rules(8).contains("exclusive: true"), "{}", rules(8));
}

#[test]
fn tools_that_say_little() {
    let count = &Orders::TOOLS[1].spec;
    assert!(count.blocking && !count.costed && !count.guarded);
    assert_eq!(count.description, "Count.");
    assert_eq!(count.concurrency, Concurrency { agent: None, total: Some(8) });
    assert!(matches!(count.scope, Requirement::All([_, _])));
    let plain = &Orders::TOOLS[2].spec;
    assert!(matches!(plain.scope, Requirement::AnyCaller));
    assert!(plain.agent_rate.is_empty() && plain.total_rate.is_empty() && plain.timeout.is_none());
    assert_eq!(plain.annotations, Annotations::default());
}
