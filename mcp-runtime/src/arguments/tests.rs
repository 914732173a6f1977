//! From the text of the arguments to values of the tool's types, or to what is wrong with them.

use std::fmt::Debug;

use serde_json::{Value, json};

use super::*;
use crate::__private::{Argument, arg, range};
use crate::json::{compile, read};
use crate::spec::Number;

/// Arguments are checked as a call's are.
fn checked(text: &str, schema: &Compiled) -> Result<Vec<String>, Vec<Violation>> {
    check(&mut read::object(text).unwrap(), schema)
}

fn compiles(schema: &Value) -> Result<(), String> {
    compile::<crate::json::Documents>(schema).map(drop)
}

/// One argument of each type that a test asks for.
const ARGUMENTS: &[ArgumentSpec] = &[
    arg::<Option<u64>>().spec("unsigned", "", &[]),
    arg::<Option<i64>>().spec("signed", "", &[]),
    arg::<Option<f64>>().spec("float", "", &[]),
    arg::<Option<i128>>().spec("wide", "", &[]),
    arg::<Option<Value>>().spec("any", "", &[]),
    arg::<Option<Vec<i8>>>().spec("list", "", &[]),
];

/// What the argument comes to; the keyword of what is wrong with it.
fn take<T: Argument + Debug>(name: &str, text: &str) -> Result<T, String> {
    let schema = Compiled::new(ARGUMENTS).unwrap();
    let text = format!("{{\"{name}\":{text}}}");
    let mut sent = read::object(&text).map_err(|malformed| format!("{malformed:?}"))?;
    check(&mut sent, &schema).map_err(|violations| violations[0].keyword.clone())?;
    let index = ARGUMENTS.iter().position(|argument| argument.name == name).unwrap();
    T::decode(ByParameter::new(&sent, ARGUMENTS).get(index)).map_err(|_| "decode".to_owned())
}

#[test]
fn an_integer_is_taken_exactly_or_not_at_all() {
    for (text, expected) in [
        ("10.0", Ok(10)),
        ("1e1", Ok(10)),
        ("-0", Ok(0)),
        ("-0.0", Ok(0)),
        ("9007199254740993", Ok(9_007_199_254_740_993)),
        ("9007199254740993.0", Ok(9_007_199_254_740_993)),
        ("9223372036854775808", Ok(1 << 63)),
        ("9223372036854775808.0", Ok(1 << 63)),
        ("18446744073709551615", Ok(u64::MAX)),
        ("1.8446744073709551615e19", Ok(u64::MAX)),
        ("18446744073709551616", Err("maximum")),
        ("1e30", Err("maximum")),
        ("-1", Err("minimum")),
        ("0.5", Err("type")),
        ("1e400", Err("Syntax")),
        // The float that these are read as is whole, and they are not.
        ("1.0000000000000000001", Err("decode")),
        ("9007199254740993.5", Err("decode")),
        ("1e-400", Err("decode")),
        ("-1e-400", Err("decode")),
        ("-0e5", Ok(0)),
    ] {
        assert_eq!(take::<u64>("unsigned", text), expected.map_err(str::to_owned), "{text}");
    }
    for (text, expected) in [
        ("-9223372036854775808", Ok(i64::MIN)),
        ("-9223372036854775808.0", Ok(i64::MIN)),
        ("-9223372036854775809", Err("decode")),
        ("9223372036854775808", Err("maximum")),
    ] {
        assert_eq!(take::<i64>("signed", text), expected.map_err(str::to_owned), "{text}");
    }
    assert_eq!(take::<i128>("wide", "18446744073709551615"), Ok(i128::from(u64::MAX)));
    assert_eq!(take::<i128>("wide", "18446744073709551616"), Err("maximum".to_owned()));
    assert_eq!(take::<Vec<i8>>("list", "[-0, 1.0, -0.0, 1e2]"), Ok(vec![0, 1, 0, 100]));
    assert_eq!(take::<Vec<i8>>("list", r#""[-0, 1]""#), Ok(vec![0, 1]));
}

#[test]
fn a_float_keeps_its_value_and_its_sign() {
    for (text, expected) in
        [("10", 10.0), ("0.1", 0.1), ("1e-400", 0.0), ("9007199254740993.0", 9_007_199_254_740_992.0), ("1e300", 1e300)]
    {
        assert_eq!(take::<f64>("float", text).map(f64::to_bits), Ok(f64::to_bits(expected)), "{text}");
    }
    assert!(take::<f64>("float", "-0").unwrap().is_sign_negative());
    assert!(take::<Value>("any", "-0.0").unwrap().as_f64().unwrap().is_sign_negative());
}

#[test]
fn bounds_wider_than_the_type_are_cut_and_others_stop_the_start() {
    const WIDE: &[ArgumentSpec] =
        &[arg::<u8>().spec("a", "", &[range(Some(Number::Integer(-5)), Some(Number::Integer(1000)), false)])];
    const EMPTY: &[ArgumentSpec] =
        &[arg::<u8>().spec("a", "", &[range(Some(Number::Integer(300)), Some(Number::Integer(1000)), false)])];
    let wide = Compiled::new(WIDE).unwrap();
    assert_eq!(wide.published["properties"]["a"], json!({"type": "integer", "minimum": 0, "maximum": 255}));
    assert_eq!(Compiled::new(EMPTY).unwrap_err(), "`range` on the argument `a` leaves no value of its type");
}

#[test]
fn what_points_outside_of_the_schema_stops_the_start() {
    for outside in ["https://example.com/schema.json", "file:///etc/passwd", "other.json#/a"] {
        let error = compiles(&json!({"properties": {"a": {"$ref": outside}}})).unwrap_err();
        assert!(error.contains("does not compile"), "{error}");
    }
    assert!(compiles(&json!({"pattern": "^(?=a)"})).is_err(), "looking around is not linear");
}

#[test]
fn a_pattern_takes_no_longer_than_its_text() {
    const HARD: &[ArgumentSpec] = &[arg::<String>().spec("a", "", &[Rule::Pattern("^(a+)+$")])];
    let schema = Compiled::new(HARD).unwrap();
    let started = std::time::Instant::now();
    let text = json!({ "a": format!("{}!", "a".repeat(100_000)) }).to_string();
    assert!(checked(&text, &schema).is_err());
    assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn a_deep_value_of_a_type_that_holds_itself_is_read_in_linear_time() {
    #[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
    #[serde(tag = "kind")]
    #[allow(dead_code)]
    enum Chain {
        A { next: Option<Box<Chain>>, count: u8 },
        B { next: Option<Box<Chain>>, count: u8 },
        C { next: Option<Box<Chain>>, count: u8 },
    }
    const CHAIN: &[ArgumentSpec] = &[arg::<Chain>().spec("chain", "", &[])];
    let schema = Compiled::new(CHAIN).unwrap();
    let chain = |levels: u32, end: &str| {
        (0..levels).fold(end.to_owned(), |inner, _| format!(r#"{{"kind":"B","count":"7","next":{inner}}}"#))
    };
    let started = std::time::Instant::now();
    let coerced = checked(&format!(r#"{{"chain":{}}}"#, chain(60, "null")), &schema).unwrap();
    assert_eq!(coerced, ["chain"]);
    for (levels, pointer, keyword) in [(60, "/chain", "depth"), (3, "/chain/next/next/next", "type")] {
        let violations = checked(&format!(r#"{{"chain":{},"x":1}}"#, chain(levels, "7")), &schema).unwrap_err();
        assert_eq!((violations[0].pointer.as_str(), violations[0].keyword.as_str()), (pointer, keyword));
        assert_eq!(violations[1].pointer, "/x");
    }
    assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn a_long_list_of_wrong_forms_is_refused_without_a_list_of_errors() {
    #[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
    #[serde(tag = "kind", rename_all = "snake_case")]
    #[expect(dead_code, reason = "the forms count")]
    enum Shape {
        A { a: u32 },
        B { b: u32 },
        C { c: u32 },
        D { d: u32 },
        E { e: u32 },
        F { f: u32 },
    }
    const SHAPES: &[ArgumentSpec] = &[arg::<Vec<Shape>>().spec("shapes", "", &[])];
    let schema = Compiled::new(SHAPES).unwrap();
    let wrong = |items: usize| checked(&format!("{{\"shapes\":[{}{{}}]}}", "{},".repeat(items - 1)), &schema);
    let few = wrong(100).unwrap_err();
    assert_eq!((few.len(), few[0].pointer.as_str()), (MAX_VIOLATIONS, "/shapes/0/kind"));
    let started = std::time::Instant::now();
    let many = wrong(99_000).unwrap_err();
    assert_eq!((many.len(), many[0].pointer.as_str(), many[0].keyword.as_str()), (1, "/shapes", "depth"));
    assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn each_parameter_gets_its_own() {
    const SPLIT: &[ArgumentSpec] = &[
        arg::<u8>().spec("a", "", &[]),
        arg::<std::collections::BTreeMap<String, u8>>().spec("rest", "", &[Rule::Flatten]),
        arg::<Option<u8>>().spec("b", "", &[]),
        arg::<u8>().spec("c", "", &[]),
    ];
    for text in [r#"{"a":1,"x":4,"c":3,"y":5}"#, r#"{"y":5,"c":3,"x":4,"a":1}"#] {
        let sent = read::object(text).unwrap();
        let mut split = ByParameter::new(&sent, SPLIT);
        assert_eq!(u8::decode(split.get(0)), Ok(1));
        let rest = std::collections::BTreeMap::<String, u8>::decode(split.get(1)).unwrap();
        assert_eq!(rest.into_iter().collect::<Vec<_>>(), [("x".to_owned(), 4), ("y".to_owned(), 5)]);
        assert_eq!(Option::<u8>::decode(split.get(2)), Ok(None));
        assert_eq!(u8::decode(split.get(3)), Ok(3));
        assert!(u8::decode(split.get(4)).is_err(), "there is no fifth");
    }
}
