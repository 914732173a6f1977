//! From the schema that schemars derives to the one that says all that the type takes.
//!
//! What is published is what is enforced, so every step here narrows: where the derived schema admits values that the
//! type refuses, it is made to refuse them too.
//!
//! * Numbers get the bounds of their Rust type, and bounds that are wider are cut to them. Integers of 128 bits are those
//!   that JSON readers agree on: 64 bits.
//! * Objects take the properties that they name and no others, as the arguments themselves do: a misspelt optional field
//!   would silently widen a query, and an `alias` would pass by everything that the schema says of the field. An object
//!   stays open where its type has a place for the rest (a flattened map), and where its author says so
//!   (`#[schemars(extend("additionalProperties" = true))]`).
//! * Formats that JSON Schema does not know become patterns.

use serde_json::{Map, Value, json};

use super::shape::{Schemas, for_each_part};

/// Narrows the properties of the arguments and the definitions that they refer to.
pub(super) fn arguments(properties: &mut Map<String, Value>, definitions: &mut Map<String, Value>) {
    for schema in properties.values_mut().chain(definitions.values_mut()) {
        bound_numbers(schema);
        formats(schema);
    }
    times(definitions);
    let open = Map::from_iter([("$defs".to_owned(), Value::Object(definitions.clone()))]);
    for schema in properties.values_mut().chain(definitions.values_mut()) {
        close(schema, false, Schemas(&open), 16);
    }
}

/// Gives numbers the bounds of their Rust type, which schemars leaves to the `format`.
pub(crate) fn bound_numbers(schema: &mut Value) {
    let Value::Object(map) = schema else { return };
    let format = map.get("format").and_then(Value::as_str);
    if let Some((minimum, maximum)) = format.and_then(bounds) {
        map.shift_remove("format");
        clamp(map, "minimum", minimum, |own, bound| own < bound);
        clamp(map, "maximum", maximum, |own, bound| own > bound);
    } else if format == Some("double") {
        map.shift_remove("format");
    }
    for_each_part(map, |_, part| bound_numbers(part));
}

fn clamp(map: &mut Map<String, Value>, keyword: &str, bound: Value, is_wider: fn(i128, i128) -> bool) {
    // Halves are cut off: between two integers lies no bound of ours.
    #[allow(clippy::cast_possible_truncation)]
    let whole = |value: &Value| {
        let integer = value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
        integer.or_else(|| value.as_f64().map(|float| float as i128))
    };
    let own = map.get(keyword).and_then(whole);
    if own.zip(whole(&bound)).is_none_or(|(own, bound)| is_wider(own, bound)) {
        map.insert(keyword.to_owned(), bound);
    }
}

fn bounds(format: &str) -> Option<(Value, Value)> {
    Some(match format {
        "int8" => (json!(i8::MIN), json!(i8::MAX)),
        "int16" => (json!(i16::MIN), json!(i16::MAX)),
        "int32" => (json!(i32::MIN), json!(i32::MAX)),
        "int64" => (json!(i64::MIN), json!(i64::MAX)),
        "int128" => (json!(i64::MIN), json!(u64::MAX)),
        "int" => (json!(isize::MIN), json!(isize::MAX)),
        "uint8" => (json!(0), json!(u8::MAX)),
        "uint16" => (json!(0), json!(u16::MAX)),
        "uint32" => (json!(0), json!(u32::MAX)),
        "uint64" | "uint128" => (json!(0), json!(u64::MAX)),
        "uint" => (json!(0), json!(usize::MAX)),
        // What is larger would become infinite.
        "float" => (json!(f32::MIN), json!(f32::MAX)),
        _ => return None,
    })
}

/// A day of the calendar, leap years included.
const DAY: &str = "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)\
                   |02-(?:0[1-9]|1[0-9]|2[0-8]))|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)";
/// A time of day.
const TIME: &str = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,9})?";
/// What schemars publishes of a decimal number as a text.
const DECIMAL: &str = r"^-?\d+(\.\d+)?([eE]\d+)?$";

/// Says in JSON Schema what only schemars' own formats, patterns and names say.
fn formats(schema: &mut Value) {
    let Value::Object(map) = schema else { return };
    if map.get("format").and_then(Value::as_str) == Some("date-time") {
        // Whoever reads an instant keeps nanoseconds.
        map.entry("pattern").or_insert("^[^.]*([.][0-9]{1,9}([^0-9.][^.]*)?)?$".into());
    }
    let pattern = match map.get("format").and_then(Value::as_str) {
        Some("ip") => {
            map.shift_remove("format");
            map.entry("anyOf").or_insert_with(|| json!([{ "format": "ipv4" }, { "format": "ipv6" }]));
            None
        }
        Some("partial-date-time") => Some(format!("^{DAY}T{TIME}$")),
        Some("partial-time") => Some(format!("^{TIME}$")),
        Some("zoned-date-time") => {
            Some(format!("^{DAY}T{TIME}(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])\\[[^\\]]+\\]$"))
        }
        _ => None,
    };
    if let Some(pattern) = pattern {
        map.shift_remove("format");
        map.entry("pattern").or_insert(pattern.into());
    }
    if map.get("pattern").and_then(Value::as_str) == Some(DECIMAL) {
        map.insert("pattern".to_owned(), r"^-?[0-9]{1,28}(\.[0-9]{1,28})?$".into());
        for (keyword, bound) in [("minimum", -7.9e28), ("maximum", 7.9e28)] {
            map.entry(keyword).or_insert(bound.into());
        }
    }
    if let Some(Value::Object(patterns)) = map.get_mut("patternProperties") {
        // Keys that are integers: each in one way, so that no two are one.
        for (derived, exact) in [(r"^\d+$", "^(0|[1-9][0-9]{0,18})$"), (r"^-?\d+$", "^(0|-?[1-9][0-9]{0,17})$")] {
            if let Some(schema) = patterns.shift_remove(derived) {
                patterns.insert(exact.to_owned(), schema);
            }
        }
    }
    for_each_part(map, |_, part| formats(part));
}

/// Times of the standard library, as serde writes them: a fraction of a second is less than one, and an instant goes to
/// the end of the year 9999. They are known by their names and their fields' types.
fn times(definitions: &mut Map<String, Value>) {
    const END: u64 = 253_402_300_799;
    for (prefix, seconds, last_second, fraction) in
        [("Duration", "secs", u64::MAX, "nanos"), ("SystemTime", "secs_since_epoch", END, "nanos_since_epoch")]
    {
        // Of several types of one name, all but the first have a number behind it.
        let named = |name: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
        for definition in definitions.iter_mut().filter(|(name, _)| named(name)).map(|(_, definition)| definition) {
            let Some(Value::Object(properties)) = definition.get_mut("properties") else { continue };
            let maximum = |name: &str| properties.get(name)?.get("maximum")?.as_u64();
            let is_it = properties.len() == 2
                && maximum(seconds) == Some(u64::MAX)
                && maximum(fraction) == Some(u32::MAX.into());
            for (name, maximum) in [(seconds, last_second), (fraction, 999_999_999)] {
                if let (true, Some(Value::Object(part))) = (is_it, properties.get_mut(name)) {
                    clamp(part, "maximum", maximum.into(), |own, bound| own > bound);
                }
            }
        }
    }
}

/// Closes objects. A part of a composed object (`flatten` of an enum, a newtype variant beside its tag) stays open by
/// itself, since the whole is what is closed.
fn close(schema: &mut Value, is_part: bool, open: Schemas<'_>, depth: u32) {
    let Value::Object(map) = schema else { return };
    let composers = COMPOSERS.iter().chain(&["$ref"]).filter(|keyword| map.contains_key(**keyword)).count();
    let all = map.get("allOf").and_then(Value::as_array).map_or(0, Vec::len);
    let has_properties = map.contains_key("properties");
    let is_composed = composers > 0 && has_properties || composers > 1 || all > 1;
    let says = ["additionalProperties", "unevaluatedProperties", "patternProperties"];
    let says = says.iter().any(|keyword| map.contains_key(*keyword));

    // A definition is closed for those who refer to it alone: a part takes a copy.
    if (is_part || is_composed)
        && depth > 0
        && let Some(target) = open.target(map).cloned()
    {
        map.shift_remove("$ref");
        if let Value::Array(all) = map.entry("allOf").or_insert_with(|| json!([])) {
            all.push(target);
        }
    }
    if is_part {
        if has_properties && map.get("additionalProperties") == Some(&Value::Bool(false)) {
            map.shift_remove("additionalProperties");
        }
    } else if !says && is_composed && could_be_object(map) {
        map.insert("unevaluatedProperties".to_owned(), false.into());
    } else if !says && has_properties {
        map.insert("additionalProperties".to_owned(), false.into());
    }
    for_each_part(map, |keyword, part| {
        let holds_too = COMPOSERS.contains(&keyword);
        close(part, holds_too && (is_part || is_composed), open, depth.saturating_sub(u32::from(holds_too)));
    });
}

/// Keywords whose schemas hold for the same value.
const COMPOSERS: &[&str] = &["allOf", "anyOf", "oneOf"];

fn could_be_object(map: &Map<String, Value>) -> bool {
    match map.get("type") {
        Some(Value::String(kind)) => kind == "object",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
        _ => map.contains_key("properties"),
    }
}

#[cfg(test)]
mod tests {
    use schemars::generate::SchemaSettings;
    use schemars::{JsonSchema, SchemaGenerator};
    use serde::Deserialize;

    use super::*;

    fn narrowed<T: JsonSchema>() -> Value {
        let mut generator: SchemaGenerator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
        let schema = generator.subschema_for::<T>().to_value();
        let mut properties = Map::from_iter([("it".to_owned(), schema)]);
        let mut definitions = generator.take_definitions(true);
        arguments(&mut properties, &mut definitions);
        json!({ "it": properties["it"], "defs": definitions })
    }

    #[test]
    fn bounds_are_cut_to_those_of_the_type() {
        let mut schema = json!({"type": "integer", "format": "uint8", "minimum": -5, "maximum": 100_000});
        bound_numbers(&mut schema);
        assert_eq!(schema, json!({"type": "integer", "minimum": 0, "maximum": 255}));
        let mut schema = json!({"type": "integer", "format": "uint8", "minimum": 1, "exclusiveMaximum": 900});
        bound_numbers(&mut schema);
        assert_eq!(schema, json!({"type": "integer", "minimum": 1, "maximum": 255, "exclusiveMaximum": 900}));
    }

    #[test]
    fn a_property_may_be_called_like_a_keyword() {
        let mut schema = json!({"properties": {
            "default": {"type": "integer", "format": "uint8"}, "enum": {"type": "integer", "format": "uint8"},
        }});
        bound_numbers(&mut schema);
        assert_eq!(schema["properties"]["default"]["maximum"], 255);
        assert_eq!(schema["properties"]["enum"]["maximum"], 255);
    }

    #[derive(Deserialize, JsonSchema)]
    #[allow(dead_code)]
    struct Plain {
        a: u8,
    }

    #[test]
    fn what_is_named_like_a_time_of_the_library_keeps_its_own_bounds() {
        #[derive(Deserialize, JsonSchema)]
        #[allow(dead_code)]
        struct Short {
            secs: Value,
            nanos: u8,
        }
        #[derive(Deserialize, JsonSchema)]
        #[allow(dead_code)]
        struct Spent {
            secs: u64,
            nanos: u32,
        }
        assert_eq!(narrowed::<Short>()["defs"]["Short"]["properties"]["nanos"]["maximum"], 255);
        assert_eq!(narrowed::<Spent>()["defs"]["Spent"]["properties"]["nanos"]["maximum"], u32::MAX);
        assert_eq!(
            narrowed::<std::time::Duration>()["defs"]["Duration"]["properties"]["nanos"]["maximum"],
            999_999_999
        );
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(tag = "kind")]
    #[allow(dead_code)]
    enum Tagged {
        One(Plain),
        Two { b: u8 },
    }

    #[derive(Deserialize, JsonSchema)]
    #[allow(dead_code)]
    struct Flat {
        id: u8,
        #[serde(flatten)]
        tagged: Tagged,
    }

    #[derive(Deserialize, JsonSchema)]
    #[allow(dead_code)]
    struct Rest {
        id: u8,
        #[serde(flatten)]
        rest: std::collections::HashMap<String, u8>,
    }

    #[test]
    fn objects_are_closed_once_and_as_a_whole() {
        let plain = narrowed::<Plain>();
        assert_eq!(plain["defs"]["Plain"]["additionalProperties"], false);
        let flat = &narrowed::<Flat>()["defs"]["Flat"];
        assert_eq!(flat["unevaluatedProperties"], false);
        assert!(!flat["oneOf"].to_string().contains("additionalProperties"), "{flat:#}");
        assert!(!flat["oneOf"].to_string().contains("$ref"), "{flat:#}");
        let tagged = &narrowed::<Tagged>()["defs"]["Tagged"];
        assert_eq!(tagged["oneOf"][0]["unevaluatedProperties"], false, "{tagged:#}");
        assert_eq!(tagged["oneOf"][1]["additionalProperties"], false, "{tagged:#}");
        let rest = &narrowed::<Rest>()["defs"]["Rest"];
        assert_ne!(rest["additionalProperties"], false, "{rest:#}");
        assert!(rest.get("unevaluatedProperties").is_none(), "{rest:#}");
    }
}
