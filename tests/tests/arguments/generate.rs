//! Values made from a schema, and values that are almost of it.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Number, Value, json};

/// Makes values of one schema document, the same ones each time.
pub(crate) struct Generator {
    document: Value,
    runner: TestRunner,
}

impl Generator {
    pub(crate) fn new(document: Value) -> Self {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
        Self { document, runner: TestRunner::new_with_rng(Config::default(), rng) }
    }

    fn random<T>(&mut self, strategy: impl Strategy<Value = T>) -> T {
        strategy.new_tree(&mut self.runner).unwrap().current()
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.random(0..bound.max(1))
    }

    fn pick<T: Clone>(&mut self, values: &[T]) -> T {
        let index = self.below(values.len());
        values[index].clone()
    }

    /// A value of the document's root, and now and then one that was changed in a place or two.
    pub(crate) fn value(&mut self) -> Value {
        let root = self.document.clone();
        let mut value = self.of(&root, 0);
        for _ in 0..self.pick(&[0, 0, 0, 1, 1, 2]) {
            self.mutate(&mut value);
        }
        value
    }

    /// A value that is probably one of the schema.
    fn of(&mut self, schema: &Value, depth: u32) -> Value {
        let Some(map) = schema.as_object().filter(|map| !map.is_empty() && depth < 12) else { return self.junk() };
        let mut parts = Vec::new();
        for keyword in ["anyOf", "oneOf"] {
            if let Some(forms) = map.get(keyword).and_then(Value::as_array) {
                // Recursive types end sooner or later.
                let form = if depth > 6 { forms[forms.len() - 1].clone() } else { self.pick(forms) };
                parts.push(self.of(&form, depth + 1));
            }
        }
        if let Some(all) = map.get("allOf").and_then(Value::as_array) {
            for part in all.clone() {
                parts.push(self.of(&part, depth + 1));
            }
        }
        if let Some(target) = map.get("$ref").and_then(Value::as_str) {
            let target = self.document.pointer(target.trim_start_matches('#')).unwrap().clone();
            parts.push(self.of(&target, depth + 1));
        }
        if let Some(constant) = map.get("const") {
            parts.push(constant.clone());
        } else if let Some(values) = map.get("enum").and_then(Value::as_array) {
            parts.push(self.pick(values));
        } else if map.contains_key("properties") || parts.is_empty() {
            parts.push(self.of_type(map, depth));
        }
        let objects: Vec<_> = parts.iter().filter_map(Value::as_object).cloned().collect();
        if objects.len() == parts.len() {
            Value::Object(objects.into_iter().flatten().collect())
        } else {
            self.pick(&parts)
        }
    }

    fn of_type(&mut self, map: &Map<String, Value>, depth: u32) -> Value {
        let kind = match map.get("type") {
            Some(Value::Array(kinds)) => self.pick(kinds),
            Some(kind) => kind.clone(),
            None if map.contains_key("properties") => "object".into(),
            None if map.contains_key("format") => "string".into(),
            None => return self.junk(),
        };
        match kind.as_str().unwrap() {
            "null" => Value::Null,
            "boolean" => self.random(proptest::bool::ANY).into(),
            "integer" => self.integer(map),
            "number" => self.number(map),
            "string" => self.string(map),
            "array" => self.array(map, depth),
            _ => self.object(map, depth),
        }
    }

    fn integer(&mut self, map: &Map<String, Value>) -> Value {
        let bound = |keyword: &str| {
            map.get(keyword).and_then(|bound| bound.as_i64().map(i128::from).or(bound.as_u64().map(i128::from)))
        };
        let low = bound("minimum").unwrap_or(i128::from(i64::MIN));
        let high = bound("maximum").unwrap_or(i128::from(u64::MAX));
        let any = self.random(low..=high.max(low));
        let integer =
            self.pick(&[any, any, any, any, low, high, low, high, low - 1, high + 1, 0, -1, (1 << 53) + 1, 1 << 63]);
        let json = Number::from_i128(integer).map(Value::Number);
        let small = integer.unsigned_abs() < 1 << 53;
        match (json, self.below(6)) {
            // A whole number in another spelling.
            #[allow(clippy::cast_precision_loss)]
            (_, 0) if small => json!(integer as f64),
            (Some(json), _) => json,
            (None, _) => json!(1),
        }
    }

    fn number(&mut self, map: &Map<String, Value>) -> Value {
        let bound = |keyword: &str, other| map.get(keyword).and_then(Value::as_f64).unwrap_or(other);
        let (low, high) = (bound("minimum", -1e300), bound("maximum", 1e300));
        let any = self.random(low.max(-1000.0)..=high.min(1000.0));
        let float = self.pick(&[any, any, any, low, high, -0.0, 0.5, 1e-300, 1e30, 3.5e38, low * 1.01, high * 1.01]);
        if self.below(5) == 0 { self.integer(&Map::new()) } else { json!(float) }
    }

    fn string(&mut self, map: &Map<String, Value>) -> Value {
        if let Some(format) = map.get("format").and_then(Value::as_str) {
            return self.pick(samples(format)).into();
        }
        if let Some(pattern) = map.get("pattern").and_then(Value::as_str) {
            return self.matching(pattern).into();
        }
        let length = |keyword: &str| map.get(keyword).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let low = length("minLength").unwrap_or(0);
        let high = length("maxLength").unwrap_or(low + 3);
        let (low, high) = (low, high.min(low + 50));
        let count = self.pick(&[low, low, high, high, high + 1, low.saturating_sub(1)]);
        (0..count)
            .map(|_| self.pick(&['a', 'Z', '0', ' ', 'é', '漢', '🦀', '\0', '"', '\u{301}']))
            .collect::<String>()
            .into()
    }

    fn matching(&mut self, pattern: &str) -> String {
        let pattern = pattern.trim_start_matches('^').trim_end_matches('$');
        self.random(proptest::string::string_regex(pattern).unwrap())
    }

    fn array(&mut self, map: &Map<String, Value>, depth: u32) -> Value {
        let bound = |keyword: &str| map.get(keyword).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let low = bound("minItems").unwrap_or(0);
        let high = bound("maxItems").unwrap_or(low + 3);
        let any = low + self.below(high - low.min(high) + 1);
        let count = self.pick(&[any, any, any, low, high.min(low + 8), high.min(low + 8) + 1]);
        let prefix = map.get("prefixItems").and_then(Value::as_array).cloned().unwrap_or_default();
        let items = map.get("items").cloned().unwrap_or(Value::Bool(true));
        (0..count).map(|index| self.of(prefix.get(index).unwrap_or(&items), depth + 1)).collect()
    }

    fn object(&mut self, map: &Map<String, Value>, depth: u32) -> Value {
        let mut object = Map::new();
        let required = map.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        for (name, schema) in map.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if required.contains(&name.as_str().into()) || self.below(2) == 0 && depth < 8 {
                object.insert(name.clone(), self.of(schema, depth + 1));
            }
        }
        for (pattern, schema) in map.get("patternProperties").and_then(Value::as_object).into_iter().flatten() {
            for _ in 0..self.below(3) {
                object.insert(self.matching(pattern), self.of(schema, depth + 1));
            }
        }
        if let Some(schema @ (Value::Object(_) | Value::Bool(true))) = map.get("additionalProperties") {
            for _ in 0..self.below(3) {
                let name = self.pick(&["k", "key two", "é", "", "0", "-1", "true", "a~b/c"]);
                object.insert(name.to_owned(), self.of(schema, depth + 1));
            }
        }
        Value::Object(object)
    }

    /// Anything. No float that is whole and beyond 2^53: the text of one is another number than the float.
    fn junk(&mut self) -> Value {
        self.pick(&[
            Value::Null,
            json!(true),
            json!(0),
            json!(-0.0),
            json!(1.0),
            json!(1.5),
            json!(-1),
            json!(256),
            json!(u64::MAX),
            json!(i64::MIN),
            json!((1_u64 << 53) + 1),
            json!(""),
            json!("x"),
            json!("10"),
            json!("xy"),
            json!([]),
            json!([1, "a"]),
            json!({}),
            json!({"a": 1}),
        ])
    }

    /// Changes something somewhere.
    fn mutate(&mut self, value: &mut Value) {
        let stay = self.below(3) == 0;
        match value {
            Value::Array(values) if !values.is_empty() && !stay => {
                let index = self.below(values.len());
                self.mutate(&mut values[index]);
            }
            Value::Object(map) if !map.is_empty() && !stay => {
                let index = self.below(map.len());
                if let Some(value) = map.values_mut().nth(index) {
                    self.mutate(value);
                }
            }
            Value::Array(values) => match self.below(4) {
                0 => drop(values.pop()),
                1 => values.extend(values.first().cloned()),
                2 => values.push(self.junk()),
                _ => *value = self.junk(),
            },
            Value::Object(map) => match self.below(4) {
                0 => {
                    let index = self.below(map.len());
                    if let Some(name) = map.keys().nth(index).cloned() {
                        map.remove(&name);
                    }
                }
                1 => drop(map.insert("surplus".to_owned(), self.junk())),
                2 => {
                    // A second variant, the name of a field elsewhere, an alias.
                    let name = self.pick(&["a", "b", "x", "id", "kind", "content", "aka", "Unit", "New", "secs"]);
                    drop(map.insert(name.to_owned(), self.junk()));
                }
                _ => *value = self.junk(),
            },
            other => *other = self.junk(),
        }
    }
}

/// Texts of a format, good and almost good.
fn samples(format: &str) -> &'static [&'static str] {
    match format {
        "date" => &[
            "2026-03-14",
            "2024-02-29",
            "2023-02-29",
            "1900-02-29",
            "2000-02-29",
            "0000-01-01",
            "0001-01-01",
            "9999-12-31",
            "2026-3-14",
            "2026-13-01",
            "2026-04-31",
            "20260314",
            "2026-03-14T00:00:00Z",
            "-2026-03-14",
            "+002026-03-14",
        ],
        "date-time" => &[
            "2026-03-14T09:30:00Z",
            "2026-03-14t09:30:00z",
            "2026-03-14 09:30:00Z",
            "2026-03-14T09:30:00",
            "2026-03-14T09:30:00.123456789+05:30",
            "2026-03-14T09:30:00.1234567890Z",
            "2016-12-31T23:59:60Z",
            "2026-03-14T24:00:00Z",
            "2026-03-14T09:30Z",
            "2026-02-29T09:30:00Z",
            "2026-03-14T09:30:00-23:59",
            "2026-03-14T09:30:00+24:00",
            "0000-01-01T00:00:00Z",
            "2026-03-14T09:30:00-00:00",
            "2026-03-14T09:30:00.Z",
            "2026-03-14T09:30:00,5Z",
            "2026-03-14T09:30:00+0530",
        ],
        "duration" => &["P3DT4H", "PT5S", "P1Y", "P1W", "PT0.5S", "P", "PT", "-P1D", "P1M2D", "PT36H", "P1DT", "pt5s"],
        "ipv4" => &["192.0.2.1", "0.0.0.0", "255.255.255.255", "256.0.0.1", "01.2.3.4", "1.2.3", "::1", "192.0.2.1/24"],
        "ipv6" => &[
            "::1",
            "2001:db8::1",
            "::ffff:192.0.2.1",
            "fe80::1%eth0",
            "1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7:8:9",
            "[::1]",
            "::",
            "1::2::3",
            "12345::",
        ],
        "uri" => &[
            "https://example.com/a?b#c",
            "urn:isbn:123",
            "mailto:a@example.com",
            "https://münchen.example",
            "/relative",
            "https://example.com:80/",
            "https://[::1]/",
            "https://example.com/a b",
            "x",
            "",
            "https://user@example.com/%20",
        ],
        "uuid" => &[
            "0190a5f2-7c3b-7d4e-8f5a-6b7c8d9e0f1a",
            "0190A5F2-7C3B-7D4E-8F5A-6B7C8D9E0F1A",
            "0190a5f27c3b7d4e8f5a6b7c8d9e0f1a",
            "{0190a5f2-7c3b-7d4e-8f5a-6b7c8d9e0f1a}",
            "urn:uuid:0190a5f2-7c3b-7d4e-8f5a-6b7c8d9e0f1a",
            "0190a5f2-7c3b-7d4e-8f5a-6b7c8d9e0f1",
            "00000000-0000-0000-0000-000000000000",
        ],
        "email" => &["someone@example.com", "someone", "a b@example.com", "someone@[127.0.0.1]"],
        other => panic!("no samples of {other}"),
    }
}
