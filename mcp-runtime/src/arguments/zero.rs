//! -0, which is 0 to whoever asks for an integer.

use serde_json::{Map, Number, Value};

use super::shape::{Document, Kinds};

/// -0 is 0 where only integers are asked for. A float keeps its sign.
pub(super) fn settle_zeros(arguments: &mut Map<String, Value>, published: &Map<String, Value>) {
    if arguments.values().any(has_negative_zero)
        && let Some(properties) = published.get("properties").and_then(Value::as_object)
    {
        for (name, value) in arguments {
            settle(value, &properties.get(name).into_iter().collect::<Vec<_>>(), Document(published));
        }
    }
}

fn is_negative_zero(number: &Number) -> bool {
    number.is_f64() && number.as_f64().is_some_and(|float| float == 0.0 && float.is_sign_negative())
}

fn has_negative_zero(value: &Value) -> bool {
    match value {
        Value::Number(number) => is_negative_zero(number),
        Value::Array(values) => values.iter().any(has_negative_zero),
        Value::Object(map) => map.values().any(has_negative_zero),
        _ => false,
    }
}

fn settle<'a>(value: &mut Value, schemas: &[&'a Value], document: Document<'a>) {
    match value {
        Value::Number(number)
            if is_negative_zero(number)
                && !schemas.iter().any(|schema| document.kinds(schema).meet(Kinds::FRACTION)) =>
        {
            *number = 0.into();
        }
        Value::Array(values) => {
            for (index, value) in values.iter_mut().enumerate() {
                let schemas = document.item(schemas, index);
                settle(value, &schemas, document);
            }
        }
        Value::Object(map) => {
            for (name, value) in map {
                let schemas = document.property(schemas, name);
                settle(value, &schemas, document);
            }
        }
        _ => {}
    }
}
