//! What is published and what is enforced are one thing: for every type, the published schema as another reader of it
//! takes it, and our own answer, say the same of values made from the schema and of values that are almost of it.

use std::marker::PhantomData;

use jsonschema::{PatternOptions, Validator};
use mcp_runtime::caller::{Agent, Caller};
use mcp_runtime::config::Config;
use mcp_runtime::gate::Tools;
use mcp_runtime::server;
use mcp_runtime::testing::Client;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::generate::Generator;

/// How many values are tried for each type.
const VALUES: usize = 500;

/// A server whose tool takes an argument of any type.
pub(crate) struct One<T>(PhantomData<fn() -> T>);

#[server(name = "one", unlimited)]
impl<T: DeserializeOwned + JsonSchema + Send + 'static> One<T> {
    /// Takes it.
    #[tool(any_caller, rate = inherit)]
    async fn take(&self, it: T) -> () {
        drop(it);
    }
}

/// What came of the comparison.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) accepted: usize,
    pub(crate) refused: usize,
    /// Met the schema and not the type.
    pub(crate) refused_by_type: Vec<Value>,
}

/// The published schema of the argument `it`.
pub(crate) fn published<T: DeserializeOwned + JsonSchema + Send + 'static>() -> Value {
    let caller = Caller::new(Agent::key("tester").unwrap(), "test");
    let tools = Tools::of::<One<T>>(&Config::default()).unwrap_or_else(|error| panic!("{error}"));
    let tool = tools.visible(&caller, true).next().unwrap();
    Value::Object((*tool.input_schema).clone())
}

fn reader(schema: &Value) -> Validator {
    jsonschema::draft202012::options()
        .should_validate_formats(true)
        .with_pattern_options(PatternOptions::regex())
        .build(schema)
        .unwrap()
}

/// Compares both. What the schema refuses is never accepted.
pub(crate) fn compare<T: DeserializeOwned + JsonSchema + Send + 'static>() -> Tally {
    let config = Config::parse("[arguments]\ncoerce = false").unwrap();
    let client = Client::configured(One::<T>(PhantomData), config).unwrap();
    let schema = published::<T>();
    let reader = reader(&schema);
    let mut generator = Generator::new(schema);
    let mut tally = Tally::default();
    crate::block_on(async {
        for _ in 0..VALUES {
            let arguments = generator.value();
            if !arguments.is_object() {
                continue;
            }
            let expected = reader.is_valid(&arguments);
            match client.call("take", arguments.clone()).await {
                Ok(_) => {
                    assert!(expected, "accepted although the schema refuses it: {arguments}");
                    tally.accepted += 1;
                }
                Err(error) => {
                    assert_eq!(error.code(), "INVALID_ARGUMENTS", "{arguments}: {error}");
                    assert!(error.json()["violations"][0]["pointer"].is_string(), "{arguments}: nothing is said");
                    tally.refused += 1;
                    if expected {
                        tally.refused_by_type.push(arguments);
                    }
                }
            }
        }
    });
    assert!(tally.accepted > 9, "hardly a value is good: {tally:?}");
    tally
}

/// Both say the same.
pub(crate) fn agree<T: DeserializeOwned + JsonSchema + Send + 'static>() {
    let tally = compare::<T>();
    assert!(
        tally.refused_by_type.is_empty(),
        "refused although the schema takes it: {}\n{:#}",
        json!(tally.refused_by_type.iter().take(5).collect::<Vec<_>>()),
        published::<T>()
    );
}

/// What a type refuses and a schema cannot: it is refused all the same, and is rare.
pub(crate) fn nearly_agree<T: DeserializeOwned + JsonSchema + Send + 'static>(of: usize) {
    let tally = compare::<T>();
    assert!(
        tally.refused_by_type.len() * of < VALUES,
        "more than one of {of} is refused by the type: {}",
        json!(tally.refused_by_type.iter().take(5).collect::<Vec<_>>())
    );
}
