//! A document says what the value says that it stands for.

use jsonschema::json::SerdeJson;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::read::MAX_NODES;
use super::validate::Documents;
use super::write::{Refused, Writer};
use super::*;

/// Values with short names, so that some stand twice where they may not.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no other", |float| float.is_finite()).prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
        "[\"\\\\\n\u{0}-\u{1f}a-z]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 24, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..24).prop_map(Value::Array),
            proptest::collection::vec(("[a-c\"\u{e9}]{0,3}", inner), 0..24)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn write(writer: &mut Writer, value: &Value) -> Result<(), Refused> {
    match value {
        Value::Null => writer.null(),
        Value::Bool(value) => writer.bool(*value),
        Value::Number(number) => writer.number(number.clone()),
        Value::String(text) => writer.string(text)?,
        Value::Array(values) => {
            let mut list = writer.open_list();
            for value in values {
                writer.item(&mut list);
                write(writer, value)?;
            }
            writer.close_list(&list)?;
        }
        Value::Object(map) => {
            let mut object = writer.open_object();
            for (name, value) in map {
                writer.name(&mut object, name)?;
                write(writer, value)?;
            }
            writer.close_object(&object)?;
        }
    }
    Ok(())
}

fn written(value: &Value) -> Document<'static> {
    let mut writer = Writer::with_capacity(0);
    write(&mut writer, value).unwrap();
    writer.finish()
}

/// With floats alone: whole ones are integers to us.
fn rounded(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::from(number.as_f64()),
        Value::Array(values) => values.into_iter().map(rounded).collect(),
        Value::Object(map) => map.into_iter().map(|(name, value)| (name, rounded(value))).collect(),
        other => other,
    }
}

/// Whether a value meets a schema, by each representation of it.
fn is_valid(schema: &Value, value: &Value) -> [bool; 3] {
    let plain = compile::<SerdeJson>(schema).unwrap();
    let ours = compile::<Documents>(schema).unwrap();
    [plain.is_valid(value), ours.is_valid(Document::of(value).root()), ours.is_valid(written(value).root())]
}

#[test]
fn it_is_a_representation_that_validators_can_rely_on() {
    let value = jsonschema::json::conformance::document();
    let text = value.to_string();
    for document in [Document::of(&value), written(&value), read::document(&text).unwrap()] {
        jsonschema::json::conformance::assert_conformance::<Documents>(&document.root());
    }
}

proptest! {
    #[test]
    fn what_is_read_is_what_serde_reads(value in values()) {
        let text = value.to_string();
        let document = read::document(&text).unwrap();
        prop_assert_eq!(rounded(document.root().to_value()), rounded(value.clone()));
        prop_assert_eq!(rounded(serde_json::to_value(document.root()).unwrap()), rounded(value));
    }

    #[test]
    fn what_is_written_reads_as_what_it_stands_for(value in values()) {
        let document = written(&value);
        prop_assert_eq!(&document.root().to_value(), &value);
        prop_assert_eq!(document.text(), serde_json::to_string(&value).unwrap());
        let within = document.within("re\"sult").unwrap();
        prop_assert_eq!(within.root().to_value(), json!({"re\"sult": value}));
        prop_assert_eq!(within.text(), serde_json::to_string(&json!({"re\"sult": value})).unwrap());
    }

    #[test]
    fn a_name_that_stands_twice_is_found(names in proptest::collection::vec("[a-e]{1,2}", 0..40)) {
        let members: Vec<_> = names.iter().map(|name| format!("{}:1", json!(name))).collect();
        let text = format!("{{{}}}", members.join(","));
        let mut distinct = names.clone();
        distinct.sort_unstable();
        distinct.dedup();
        prop_assert_eq!(read::document(&text).is_ok(), distinct.len() == names.len());
    }

    #[test]
    fn a_schema_says_the_same_of_a_document(value in values(), other in values()) {
        for schema in [
            json!({"type": "object", "properties": {"a": {"type": "string", "minLength": 2}, "b": {"enum": [1, other]}},
                "required": ["a"], "additionalProperties": false}),
            json!({"anyOf": [{"const": other}, {"type": ["array", "null"], "uniqueItems": true, "items": {"type": "integer"}}]}),
            json!({"propertyNames": {"maxLength": 1}, "minProperties": 1, "patternProperties": {"^a": {"minimum": 0}}}),
            json!({"items": {"$ref": "#/$defs/one"}, "$defs": {"one": {"oneOf": [{"type": "number"}, {"pattern": "^[a-m]"}]}}}),
        ] {
            let [plain, of, written] = is_valid(&schema, &value);
            prop_assert_eq!(plain, of, "{} {}", schema, value);
            prop_assert_eq!(plain, written, "{} {}", schema, value);
        }
    }
}

#[test]
fn numbers_are_no_texts_in_this_build() {
    assert!(!keeps_spelling(), "a dependency turns on `arbitrary_precision` of serde_json");
}

#[test]
fn members_can_be_added() {
    let mut document = read::document(r#"{"a":[1,{"b":"\n"}],"c":2}"#).unwrap();
    document.insert("d", &json!({"e": ["f"]}));
    document.insert("g", &json!(null));
    let expected = json!({"a": [1, {"b": "\n"}], "c": 2, "d": {"e": ["f"]}, "g": null});
    assert_eq!(document.root().to_value(), expected);
    assert_eq!(document.members().get("d").unwrap().to_value(), json!({"e": ["f"]}));
    assert!(document.members().get("x").is_none());
    let mut list = read::document("[1]").unwrap();
    list.insert("a", &json!(1));
    assert_eq!(list.root().to_value(), json!([1]), "a list has no members");
}

#[test]
fn a_name_is_written_once() {
    let mut writer = Writer::with_capacity(16);
    let mut object = writer.open_object();
    for name in ["a", "b"] {
        writer.name(&mut object, name).unwrap();
        writer.null();
    }
    assert_eq!(writer.name(&mut object, "a"), Err(Refused::Twice));
    let mut object = writer.open_object();
    for index in 0..40 {
        writer.name(&mut object, &format!("k{}", index % 39)).unwrap();
        writer.null();
    }
    assert_eq!(writer.close_object(&object), Err(Refused::Twice));
}

#[test]
fn an_object_of_many_members_is_read_in_good_time() {
    let members: Vec<_> = (0..MAX_NODES).map(|key| format!("\"k{key}\":{key}")).collect();
    let text = format!("{{{}}}", members.join(","));
    let started = std::time::Instant::now();
    assert_eq!(read::document(&text).unwrap().members().len(), MAX_NODES);
    assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn a_string_is_copied_where_its_text_is_all_there_is_to_it() {
    let text = r#"{"a b":["é","\n","\u0041",""],"\t":1}"#;
    let document = read::document(text).unwrap();
    let names: Vec<_> = document.members().nodes().map(|(name, _)| name.plain_string()).collect();
    assert_eq!(names, [Some("\"a b\""), None]);
    let Some(Kind::List(items)) = document.members().get("a b").map(Node::kind) else { panic!("a list") };
    let copied: Vec<_> = items.map(Node::plain_string).collect();
    assert_eq!(copied, [Some("\"é\""), None, None, Some("\"\"")]);
    assert!(Document::of(&json!("aside")).root().plain_string().is_none());
    assert_eq!(written(&json!("x")).root().plain_string(), Some("\"x\""));
}
