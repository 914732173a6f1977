//! What is written is the value, string by string sanitised, and nothing half done.

use std::cell::Cell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::*;
use crate::output::{Trusted, Untrusted, plain};

fn bounds() -> OutputBounds {
    OutputBounds::new(1 << 30)
}

/// The value that is sent, which its text stands for as well.
fn sent<T: Serialize + ?Sized>(value: &T) -> Result<Clean<Value>, Problem> {
    let Clean { value, untrusted, counts } = to_clean(value, &bounds())?;
    let text = value.text().to_owned();
    let value = value.root().to_value();
    assert_eq!(serde_json::to_string(&value).unwrap(), text);
    Ok(Clean { value, untrusted, counts })
}

fn refused<T: Serialize + ?Sized>(value: &T) -> String {
    match to_clean(value, &bounds()) {
        Err(problem) => problem.to_string(),
        Ok(clean) => panic!("it is sent: {}", clean.value.text()),
    }
}

/// Every form that a type can have.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum Data {
    Nothing(()),
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Wide(i128),
    Single(f32),
    Double(f64),
    Char(char),
    Text(String),
    Maybe(Option<Box<Data>>),
    List(Vec<Data>),
    Pair((Box<Data>, u8)),
    Named(BTreeMap<String, Data>),
    Numbered(BTreeMap<i32, Data>),
    Switched(BTreeMap<bool, Data>),
    Ours(Trusted<Box<Data>>),
    Theirs(Untrusted<Box<Data>>),
    Form(Box<Form>),
}

#[derive(Clone, Debug, Serialize)]
enum Form {
    Unit,
    New(Data),
    Tuple(Data, Data),
    Struct { first: Data, second: Data },
}

fn data() -> impl Strategy<Value = Data> {
    let leaf = prop_oneof![
        Just(Data::Nothing(())),
        any::<bool>().prop_map(Data::Bool),
        any::<i64>().prop_map(Data::Signed),
        any::<u64>().prop_map(Data::Unsigned),
        any::<u64>().prop_map(|number| Data::Wide(number.into())),
        any::<f32>().prop_map(Data::Single),
        any::<f64>().prop_map(Data::Double),
        "[a-z\"\\\\]".prop_map(|text| Data::Char(text.chars().next().unwrap_or_default())),
        "[a-z0-9 é\"\\\\\n]{0,12}".prop_map(Data::Text),
        Just(Data::Maybe(None)),
        Just(Data::Form(Box::new(Form::Unit))),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        let form = |form| Data::Form(Box::new(form));
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            inner.clone().prop_map(|data| Data::Maybe(Some(Box::new(data)))),
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Data::List),
            inner.clone().prop_map(|data| Data::Pair((Box::new(data), 1))),
            proptest::collection::btree_map("[a-z\"/~ ]{0,18}", inner.clone(), 0..20).prop_map(Data::Named),
            proptest::collection::btree_map(any::<i32>(), inner.clone(), 0..4).prop_map(Data::Numbered),
            proptest::collection::btree_map(any::<bool>(), inner.clone(), 0..2).prop_map(Data::Switched),
            inner.clone().prop_map(|data| Data::Ours(Trusted(Box::new(data)))),
            inner.clone().prop_map(|data| Data::Theirs(Untrusted(Box::new(data)))),
            inner.clone().prop_map(move |data| form(Form::New(data))),
            two.clone().prop_map(move |(first, second)| form(Form::Tuple(first, second))),
            two.prop_map(move |(first, second)| form(Form::Struct { first, second })),
        ]
    })
}

/// Values with something to do in names and strings; no references of Markdown, which strings have in common.
fn dirty() -> impl Strategy<Value = Value> {
    let text = || {
        let piece = select(&[
            "a",
            " ",
            "\n",
            "\"",
            "\u{200b}",
            "\u{1b}[31m",
            "\u{e0041}",
            "![a](https://evil.io)",
            "[INST]",
            "<|im_start|>",
            "AKIAIOSFODNN7EXAMPLE",
            "4111 1111 1111 1111",
        ]);
        proptest::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
    };
    let leaf = prop_oneof![Just(Value::Null), any::<i8>().prop_map(Value::from), text().prop_map(Value::from)];
    leaf.prop_recursive(4, 48, 6, move |inner| {
        let members = proptest::collection::vec((text(), inner.clone()), 0..6);
        prop_oneof![
            proptest::collection::vec(inner, 0..6).prop_map(Value::Array),
            members.prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The same, one string after the other; nothing if two names of an object become one.
fn one_by_one(value: &Value, counts: &mut Counts) -> Option<Value> {
    let mut text = |text: &str| {
        let sanitised = plain(text, &bounds());
        counts.add(sanitised.counts);
        sanitised.text.into_owned()
    };
    Some(match value {
        Value::String(value) => Value::from(text(value)),
        Value::Array(values) => values.iter().map(|value| one_by_one(value, counts)).collect::<Option<_>>()?,
        Value::Object(map) => {
            let mut clean = Map::new();
            for (name, value) in map {
                let name = plain(name, &bounds());
                counts.add(name.counts);
                if clean.insert(name.text.into_owned(), one_by_one(value, counts)?).is_some() {
                    return None;
                }
            }
            Value::Object(clean)
        }
        other => other.clone(),
    })
}

proptest! {
    #[test]
    fn clean_data_are_written_as_serde_writes_them(data in data()) {
        let clean = sent(&data).unwrap();
        prop_assert_eq!(clean.value, serde_json::to_value(&data).unwrap());
        prop_assert_eq!(clean.counts, Counts::default());
    }

    #[test]
    fn every_string_is_sanitised(value in dirty()) {
        let mut counts = Counts::default();
        match (one_by_one(&value, &mut counts), sent(&value)) {
            (Some(expected), Ok(clean)) => {
                prop_assert_eq!(clean.value, expected);
                prop_assert_eq!(clean.counts, counts);
            }
            (None, Err(problem)) => prop_assert!(problem.to_string().starts_with("two keys"), "{}", problem),
            (expected, clean) => prop_assert!(false, "{:?} {:?}", expected, clean),
        }
    }
}

/// A map of any keys.
struct Keys<K>(Vec<K>);

impl<K: Serialize> Serialize for Keys<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|key| (key, 0)))
    }
}

#[derive(Serialize)]
struct Done;

#[test]
fn keys_are_what_serde_takes_for_one() {
    fn same<K: Serialize>(keys: impl IntoIterator<Item = K>) {
        let keys = Keys(keys.into_iter().collect());
        assert_eq!(sent(&keys).unwrap().value, serde_json::to_value(&keys).unwrap());
    }
    same(["a", "b\"c"]);
    same(['a', '"']);
    same([true, false]);
    same([0.1_f32, 1e30, -0.0]);
    same([0.1_f64, 1e300, 2.0]);
    same([i128::MIN, 7]);
    same([u128::MAX]);
    same([u64::MAX]);
    same([Untrusted("a"), Untrusted("b")]);
    same([Form::Unit]);
    assert!(refused(&Keys(vec![f32::NAN])).contains("a number that JSON does not have"));
    assert!(refused(&Keys(vec![f64::INFINITY])).contains("a number that JSON does not have"));
    for refused in [
        refused(&Keys(vec![()])),
        refused(&Keys(vec![Some("a")])),
        refused(&Keys(vec![None::<u8>])),
        refused(&Keys(vec![[1]])),
        refused(&Keys(vec![(1, 2)])),
        refused(&Keys(vec![Done])),
        refused(&Keys(vec![Form::New(Data::Nothing(()))])),
        refused(&Keys(vec![BTreeMap::<u8, u8>::new()])),
    ] {
        assert_eq!(refused, "a key that is no text");
    }
    assert!(refused(&Keys(vec!["a", "a\u{200b}"])).starts_with("two keys"));
}

#[test]
fn pointers_lead_to_what_others_wrote() {
    #[derive(Serialize)]
    enum Part {
        #[serde(rename = "n/w")]
        New(Untrusted<u8>),
        Tuple(u8, Untrusted<u8>),
        #[serde(rename = "s\u{200b}t")]
        Struct {
            #[serde(rename = "~")]
            field: Untrusted<u8>,
        },
    }
    #[derive(Serialize)]
    struct Whole {
        parts: Untrusted<Vec<Part>>,
        map: BTreeMap<&'static str, Option<Untrusted<u8>>>,
        raw: Untrusted<Box<RawValue>>,
    }
    let whole = Whole {
        parts: Untrusted(vec![
            Part::New(Untrusted(1)),
            Part::Tuple(0, Untrusted(2)),
            Part::Struct { field: Untrusted(3) },
        ]),
        map: BTreeMap::from([("a/b~c\"", Some(Untrusted(4))), ("d", None), ("e\u{200b}", Some(Untrusted(5)))]),
        raw: Untrusted(RawValue::from_string("{\"f\":[6]}".to_owned()).unwrap()),
    };
    let clean = sent(&whole).unwrap();
    let expected =
        ["/parts", "/parts/0/n~1w", "/parts/1/Tuple/1", "/parts/2/st/~0", "/map/a~1b~0c\"", "/map/e", "/raw"];
    assert_eq!(clean.untrusted, expected);
    let found: Vec<_> = expected.iter().map(|pointer| clean.value.pointer(pointer).cloned().unwrap()).collect();
    assert_eq!(found[1..6], [1, 2, 3, 4, 5].map(Value::from));
    assert_eq!(found[6], json!({"f": [6]}));
    assert_eq!(sent(&Untrusted("a")).unwrap().untrusted, [""]);
}

#[test]
fn json_that_is_text_already_is_taken_apart() {
    /// What `serde_json` makes of a number of any precision.
    #[derive(Serialize)]
    #[serde(rename = "$serde_json::private::Number")]
    struct Precise {
        #[serde(rename = "$serde_json::private::Number")]
        number: &'static str,
    }
    #[derive(Serialize)]
    #[serde(rename = "$serde_json::private::RawValue")]
    struct Forged {
        first: &'static str,
        second: &'static str,
    }
    #[derive(Serialize)]
    #[serde(rename = "$serde_json::private::RawValue")]
    struct Empty {}

    let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
    let clean = sent(&[raw("{\"a\": [1.5, \"x\\u200by\", null]}"), raw("\"<|im_end|>\"")]).unwrap();
    assert_eq!(clean.value, json!([{"a": [1.5, "xy", null]}, "<·|im_end|>"]));
    assert_eq!(sent(&[Precise { number: "12" }]).unwrap().value, json!([12]));
    assert_eq!(sent(&Precise { number: "[1, -2.5]" }).unwrap().value, json!([1, -2.5]));
    assert!(refused(&Precise { number: "12, 13" }).contains("trailing"));
    assert_eq!(refused(&Forged { first: "1", second: "2" }), "raw JSON with more than a text");
    assert_eq!(refused(&Empty {}), "raw JSON without a text");

    let long = raw(&format!("[\"{}\"]", "x".repeat(600)));
    assert!(to_clean(&long, &OutputBounds::new(700)).is_ok(), "it is counted once");
    assert!(matches!(to_clean(&long, &OutputBounds::new(600)), Err(Problem::TooLarge)));
}

/// Passes over the error of its first item.
struct Careless<T>(T);

impl<T: Serialize> Serialize for Careless<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        let _ = list.serialize_element(&self.0);
        list.serialize_element("next")?;
        list.end()
    }
}

/// The same with names.
struct CarelessMap(&'static [&'static str]);

impl Serialize for CarelessMap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for name in self.0 {
            let _ = map.serialize_entry(name, &1);
        }
        map.end()
    }
}

/// Has keys without values.
struct KeysAlone;

impl Serialize for KeysAlone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_key("a")?;
        map.end()
    }
}

#[test]
fn what_has_failed_in_part_is_not_sent() {
    let failed = "a part of the value has failed, and its type goes on without it";
    assert_eq!(sent(&Careless(1)).unwrap().value, json!([1, "next"]));
    assert_eq!(sent(&CarelessMap(&["a", "b"])).unwrap().value, json!({"a": 1, "b": 1}));
    assert_eq!(refused(&Careless(Trusted(i128::MAX))), failed);
    assert_eq!(refused(&Careless(vec![Keys(vec![()])])), failed);
    assert_eq!(refused(&CarelessMap(&["a", "a\u{200b}", "b"])), failed);
    assert_eq!(refused(&[KeysAlone]), failed);
}

#[test]
fn it_ends_as_soon_as_more_came_in_than_may_be_sent() {
    struct Counted(Cell<usize>);
    impl Serialize for Counted {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let next = |_| self.0.set(self.0.get() + 1);
            serializer.collect_seq((0..1_000_000).map(next))
        }
    }
    let counted = Counted(Cell::new(0));
    assert!(matches!(to_clean(&counted, &OutputBounds::new(100)), Err(Problem::TooLarge)));
    assert_eq!(counted.0.get(), 20, "each is a null and a comma");
    for (value, bytes) in [(json!("abc"), 5), (json!({"a": null}), 11), (json!([true, 1]), 9)] {
        assert!(to_clean(&value, &OutputBounds::new(bytes)).is_ok(), "{value}");
        assert!(matches!(to_clean(&value, &OutputBounds::new(bytes - 1)), Err(Problem::TooLarge)), "{value}");
    }
    // A list of places is output, too.
    let theirs = Untrusted("abc");
    assert!(to_clean(&theirs, &OutputBounds::new(8)).is_ok());
    assert!(matches!(to_clean(&theirs, &OutputBounds::new(7)), Err(Problem::TooLarge)));
}

#[test]
fn nesting_is_bounded() {
    let nested = |levels: u16| {
        (0..levels).fold(json!(null), |inner, level| if level % 2 == 0 { json!([inner]) } else { json!({"a": inner}) })
    };
    assert_eq!(sent(&nested(MAX_DEPTH)).unwrap().value, nested(MAX_DEPTH));
    assert_eq!(refused(&nested(MAX_DEPTH + 1)), "the value nests deeper than 120 levels");
}
