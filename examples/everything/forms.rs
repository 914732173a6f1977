//! Forms for the person who uses the client.

use mcp_runtime::rmcp::ErrorData;
use mcp_runtime::rmcp::model::ElicitationSchema;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// The form for a type.
pub(crate) fn of<T: JsonSchema>() -> Result<ElicitationSchema, ErrorData> {
    ElicitationSchema::from_type::<T>().map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Name {
    pub(crate) name: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Color {
    pub(crate) color: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Confirmation {
    pub(crate) ok: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Context {
    #[expect(dead_code, reason = "the schema is what counts: a prompt reads its answer itself")]
    pub(crate) context: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Contact {
    /// User's response
    pub(crate) username: String,
    /// User's email address
    pub(crate) email: String,
}

/// A form with a default for each kind of field.
pub(crate) fn defaults() -> Result<ElicitationSchema, serde_json::Error> {
    form(&json!({
        "name": { "type": "string", "description": "Name", "default": "John Doe" },
        "age": { "type": "integer", "description": "Age", "default": 30 },
        "score": { "type": "number", "description": "Score", "default": 95.5 },
        "status": { "type": "string", "enum": ["active", "inactive", "pending"], "default": "active" },
        "verified": { "type": "boolean", "description": "Verified", "default": true },
    }))
}

/// A form with each kind of choice, the one of old clients too.
pub(crate) fn choices() -> Result<ElicitationSchema, serde_json::Error> {
    let options = ["option1", "option2", "option3"];
    let titled = json!([
        { "const": "value1", "title": "First Option" },
        { "const": "value2", "title": "Second Option" },
        { "const": "value3", "title": "Third Option" },
    ]);
    form(&json!({
        "untitledSingle": { "type": "string", "enum": options },
        "titledSingle": { "type": "string", "oneOf": titled },
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": { "type": "array", "items": { "type": "string", "enum": options } },
        "titledMulti": { "type": "array", "items": { "anyOf": titled } },
    }))
}

fn form(properties: &Value) -> Result<ElicitationSchema, serde_json::Error> {
    serde_json::from_value(json!({ "type": "object", "properties": properties }))
}
