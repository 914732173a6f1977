//! Types as users write them, each compared with its published schema.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::{NonZeroI32, NonZeroU8, NonZeroU64};
use std::ops::{Bound, Range};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::agreement::{agree, nearly_agree};

/// A test for each type, or for each few of a kind.
macro_rules! agree {
    ($($name:ident: $($ty:ty),+;)*) => {$(
        #[test]
        fn $name() {
            $(agree::<$ty>();)+
        }
    )*};
}

agree! {
    small_integers: u8, i8, u16, i16;
    integers_of_32_bits: u32, i32;
    integers_of_64_bits: u64, i64, usize, isize;
    integers_of_128_bits: u128, i128;
    integers_without_zero: NonZeroU8, NonZeroI32, NonZeroU64;
    floats: f32, f64;
    truth: bool, Option<bool>;
    texts: String, char, Cow<'static, str>, PathBuf, Box<str>;
    nothing: (), Option<()>;
    options: Option<u8>, Option<Option<u8>>, Option<String>, Option<char>;
    lists: Vec<u8>, Vec<String>, VecDeque<i64>, Vec<Option<f32>>, Box<[u16]>;
    lists_of_one_length: [u8; 3], [String; 0], [bool; 1];
    tuples: (u8,), (u8, String), (u8, (bool, char), Option<i64>);
    sets: HashSet<String>, BTreeSet<u8>, HashSet<(u8, bool)>;
    maps: HashMap<String, u8>, BTreeMap<String, Vec<f32>>, HashMap<String, HashMap<String, bool>>;
    maps_by_integer: BTreeMap<u64, u8>, HashMap<i64, String>;
    maps_by_variant: BTreeMap<Plain, u8>;
    boxes: Box<u8>, Box<Fields>, Option<Box<Fields>>;
    ranges: Range<u8>, Bound<u8>, Result<u8, String>;
    times: Duration, SystemTime;
    addresses: Ipv4Addr, Ipv6Addr, IpAddr, Option<IpAddr>;
    anything: Value, serde_json::Map<String, Value>;
    structs: Fields, Tuple, Newtype, Unit, Vec<Fields>;
    structs_with_defaults: Defaults, Strict, Renamed;
    structs_with_aliases: Aliased, StrictlyAliased;
    structs_with_flattened_parts: FlatStruct, FlatMap, FlatEnum, FlatTwo, StrictFlat;
    structs_that_hold_themselves: Tree;
    enums: Plain, Documented, External, Option<External>, Option<Plain>;
    enums_with_a_tag: Internal, Option<Internal>;
    enums_with_a_tag_around_strict_structs: InternalStrict;
    enums_with_a_tag_and_content: Adjacent;
    enums_without_a_tag: Untagged;
    enums_with_unknown_variants: Other;
    bounds_of_schemars: Bounded;
    bounds_of_garde_and_validator: Garde, Validated;
    names_like_keywords: Keywords;
    dates_of_chrono: chrono::NaiveDate, chrono::NaiveTime, chrono::NaiveDateTime, chrono::Weekday;
    instants_of_chrono: chrono::DateTime<chrono::Utc>, chrono::DateTime<chrono::FixedOffset>;
    dates_of_jiff: jiff::civil::Date, jiff::civil::Time, jiff::civil::DateTime;
    instants_of_jiff: jiff::Timestamp;
    dates_of_time: TimeField;
    identifiers: uuid::Uuid, Option<uuid::Uuid>;
    decimals: rust_decimal::Decimal, Option<rust_decimal::Decimal>;
}

/// What JSON Schema cannot say: how wide an integer is that stands as a key, how the WHATWG reads a URL, which units of a
/// duration have a fixed length, which time zones there are. The type refuses those, with a violation of its own.
#[test]
fn what_a_schema_cannot_say_is_refused_by_the_type() {
    nearly_agree::<BTreeMap<u8, u8>>(2);
    nearly_agree::<HashMap<char, u8>>(2);
    nearly_agree::<HashMap<Documented, u8>>(2);
    nearly_agree::<url::Url>(4);
    nearly_agree::<jiff::Span>(4);
    nearly_agree::<jiff::SignedDuration>(2);
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Fields {
    a: u8,
    b: Option<String>,
    c: Vec<f32>,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Tuple(u8, Option<bool>);

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Newtype(i16);

#[derive(Deserialize, JsonSchema)]
struct Unit;

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Defaults {
    #[serde(default)]
    flag: bool,
    #[serde(default = "seven")]
    count: u32,
    #[serde(skip_deserializing)]
    hidden: u8,
    #[serde(skip)]
    gone: u8,
    needed: char,
}

fn seven() -> u32 {
    7
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Strict {
    a: u8,
    inner: Option<Fields>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code)]
struct Renamed {
    first_name: String,
    #[serde(rename = "ID", alias = "id")]
    id: u16,
}

/// An alias is in no schema, so nothing comes in by it.
#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Aliased {
    #[serde(alias = "aka", alias = "x")]
    #[schemars(range(max = 10))]
    a: Option<u8>,
    b: u8,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct StrictlyAliased {
    #[serde(alias = "aka")]
    #[schemars(length(max = 3))]
    a: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct FlatStruct {
    id: u32,
    #[serde(flatten)]
    fields: Fields,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct FlatMap {
    id: u32,
    #[serde(flatten)]
    rest: HashMap<String, u8>,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct FlatEnum {
    id: i64,
    #[serde(flatten)]
    internal: Internal,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct FlatTwo {
    #[serde(flatten)]
    internal: Internal,
    #[serde(flatten)]
    fields: Defaults,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct StrictFlat {
    id: u32,
    #[serde(flatten)]
    fields: Fields,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Tree {
    value: u8,
    children: Vec<Tree>,
    parent: Option<Box<Tree>>,
}

#[derive(Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
enum Plain {
    One,
    TwoWords,
}

#[derive(Deserialize, JsonSchema, PartialEq, Eq, Hash)]
enum Documented {
    /// The first.
    One,
    /// The second.
    Two,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
enum External {
    Unit,
    /// With something in it.
    New(u8),
    Pair(u8, String),
    Struct {
        a: u8,
        b: Option<i64>,
    },
    Nested(Fields),
}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[allow(dead_code)]
enum Internal {
    Unit,
    New(Fields),
    Struct { x: i8, y: Option<String> },
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Closed {
    z: u8,
}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "kind")]
#[allow(dead_code)]
enum InternalStrict {
    Closed(Closed),
    #[serde(rename = "open")]
    Open(Fields),
}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "kind", content = "content")]
#[allow(dead_code)]
enum Adjacent {
    Unit,
    New(u8),
    Pair(u8, bool),
    Struct { a: u8 },
}

#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[allow(dead_code)]
enum Untagged {
    Number(u8),
    Text(String),
    Fields(Fields),
    List(Vec<bool>),
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
enum Other {
    Known,
    #[serde(other)]
    Unknown,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Bounded {
    #[schemars(range(min = 1, max = 100_000))]
    wide: u8,
    #[schemars(range(min = -5, max = 5))]
    below: Option<u32>,
    #[schemars(length(min = 2, max = 4))]
    text: String,
    #[schemars(length(equal = 2), inner(range(max = 9)))]
    list: Vec<u8>,
    #[schemars(regex(pattern = "^[A-Z]{2}$"))]
    code: String,
    #[schemars(email)]
    mail: Option<String>,
    #[schemars(extend("multipleOf" = 5))]
    fives: u16,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Garde {
    #[garde(length(min = 1, max = 3))]
    text: String,
    #[garde(range(min = 0.5, max = 1.5))]
    share: f64,
    #[garde(pattern("^a+$"))]
    letters: String,
    #[garde(ip)]
    address: String,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Validated {
    #[validate(length(equal = 2))]
    text: String,
    #[validate(range(min = 3))]
    count: i64,
    #[validate(url)]
    link: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct Keywords {
    default: u8,
    r#enum: Option<u32>,
    r#const: u16,
    examples: i8,
    properties: Option<Fields>,
    #[serde(rename = "$ref")]
    reference: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code)]
struct TimeField {
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    at: time::OffsetDateTime,
}
