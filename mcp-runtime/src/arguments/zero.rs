//! -0, which is 0 to whoever asks for an integer.

use serde_json::{Map, Number, Value};

use super::shape::{Kinds, Schemas};
use crate::json::Document;

/// -0 is 0 where only integers are asked for. A float keeps its sign.
pub(super) fn settle_zeros(arguments: &mut Document<'_>, published: &Map<String, Value>) {
    if !arguments.numbers_mut().any(|number| is_negative_zero(number)) {
        return;
    }
    let mut value = arguments.root().to_value();
    if let (Value::Object(members), Some(Value::Object(properties))) = (&mut value, published.get("properties")) {
        for (name, value) in members {
            settle(value, &properties.get(name).into_iter().collect::<Vec<_>>(), Schemas(published));
        }
    }
    *arguments = Document::of(&value);
}

fn is_negative_zero(number: &Number) -> bool {
    number.is_f64() && number.as_f64().is_some_and(|float| float == 0.0 && float.is_sign_negative())
}

fn settle<'a>(value: &mut Value, schemas: &[&'a Value], document: Schemas<'a>) {
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
