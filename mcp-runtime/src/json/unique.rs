//! `uniqueItems`, in a time that grows with the list, whoever wrote it.
//!
//! jsonschema's own marks what stands in a list by hashes that many different items share: integers beyond 2^53, lists of
//! lists. A list of such items it compares each with each. Here items that differ have marks that differ, but for a chance
//! that nobody can help along, since the marks are keyed.

use std::hash::{BuildHasher, Hasher, RandomState};

use jsonschema::json::{Array, Json, JsonNumber, Node, Object};
use jsonschema::paths::Location;
use jsonschema::{Keyword, ValidationError};
use serde_json::{Map, Value};

/// The keyword.
struct UniqueItems {
    keys: RandomState,
}

/// `uniqueItems: false`.
struct Anything;

/// Makes the keyword, with the value that a schema gives it.
#[expect(clippy::unnecessary_wraps, reason = "the validator asks for this form")]
pub(super) fn unique_items<'a, F: Json>(
    _: &'a Map<String, Value>,
    wanted: &'a Value,
    _: Location,
) -> Result<Box<dyn for<'i> Keyword<'i, F>>, ValidationError<'a>> {
    Ok(if *wanted == Value::Bool(true) {
        Box::new(UniqueItems { keys: RandomState::new() })
    } else {
        Box::new(Anything)
    })
}

impl<'i, F: Json> Keyword<'i, F> for UniqueItems {
    fn validate(&self, instance: F::Node<'i>) -> Result<(), ValidationError<'i>> {
        if Keyword::<F>::is_valid(self, instance) {
            Ok(())
        } else {
            Err(ValidationError::custom("an item stands twice"))
        }
    }

    fn is_valid(&self, instance: F::Node<'i>) -> bool {
        let Some(items) = instance.as_array() else { return true };
        let mut items: Vec<_> = items.elements().map(|item| (self.mark::<F>(&item), item)).collect();
        items.sort_unstable_by_key(|(mark, _)| *mark);
        // The first two that share a mark are equal, and end the search.
        items.chunk_by(|(mark, _), (next, _)| mark == next).all(|alike| {
            alike.iter().enumerate().all(|(index, (_, item))| {
                alike[index + 1..].is_empty() || {
                    let item = item.to_value();
                    alike[index + 1..].iter().all(|(_, other)| !other.equals_value(&item))
                }
            })
        })
    }
}

impl<'i, F: Json> Keyword<'i, F> for Anything {
    fn validate(&self, _: F::Node<'i>) -> Result<(), ValidationError<'i>> {
        Ok(())
    }

    fn is_valid(&self, _: F::Node<'i>) -> bool {
        true
    }
}

impl UniqueItems {
    /// The same for two values if they are equal as JSON Schema has it: numbers by what they are worth, members in any
    /// order. How deep a value is, is bounded where it is read.
    fn mark<F: Json>(&self, value: &F::Node<'_>) -> u64 {
        if let Some(text) = value.as_string() {
            self.keys.hash_one(("text", text))
        } else if let Some(number) = value.as_number() {
            self.keys.hash_one(("number", worth(&number)))
        } else if let Some(members) = value.as_object() {
            let marks =
                members.members().map(|(name, value)| self.keys.hash_one((name.as_ref(), self.mark::<F>(&value))));
            self.keys.hash_one(("object", marks.fold(0, u64::wrapping_add)))
        } else if let Some(items) = value.as_array() {
            let mut hasher = self.keys.build_hasher();
            items.elements().for_each(|item| hasher.write_u64(self.mark::<F>(&item)));
            self.keys.hash_one(("list", hasher.finish()))
        } else {
            self.keys.hash_one(("other", value.as_boolean()))
        }
    }
}

/// What a number is worth: as a float, and what tells integers apart that are the same float. Of an integer and a float
/// that are equal both are the same.
fn worth(number: &impl JsonNumber) -> (u64, u64) {
    /// Integers of 64 bits that are the same float lie closer together.
    const APART: u16 = 4096;

    let float = number.as_f64().unwrap_or_default();
    let rest = if let Some(integer) = number.as_u64() {
        u16::try_from(integer % u64::from(APART)).map_or(0.0, f64::from)
    } else if let Some(integer) = number.as_i64() {
        i16::try_from(integer % i64::from(APART)).map_or(0.0, f64::from)
    } else {
        float % f64::from(APART)
    };
    // A zero added takes the sign from -0.
    ((float + 0.0).to_bits(), (rest + 0.0).to_bits())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use jsonschema::json::SerdeJson;
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::{Document, Documents, compile};
    use super::*;

    /// Whether no item stands twice, by each representation.
    fn are_unique(list: &Value) -> bool {
        let schema = json!({"uniqueItems": true});
        let plain = compile::<SerdeJson>(&schema).unwrap().is_valid(list);
        assert_eq!(plain, compile::<Documents>(&schema).unwrap().is_valid(Document::of(list).root()), "{list}");
        plain
    }

    #[test]
    fn equal_items_are_found_however_they_are_written() {
        for list in [
            json!([1, 1.0]),
            json!([0, -0.0]),
            json!([-3, -3.0]),
            json!([u64::MAX, 5, u64::MAX]),
            json!([9_007_199_254_740_992_u64, 9_007_199_254_740_992.0]),
            json!([1e300, 1e300]),
            json!(["a", "b", "a"]),
            json!([null, false, null]),
            json!([{"a": 1, "b": [2]}, {"b": [2.0], "a": 1.0}]),
            json!([[], [[]], []]),
        ] {
            assert!(!are_unique(&list), "{list}");
        }
    }

    #[test]
    fn what_differs_is_told_apart() {
        for list in [
            json!([]),
            json!([1, "1", true, null, [1], {"1": 1}]),
            json!([0, false, null, "", [], {}]),
            json!([u64::MAX, u64::MAX - 1, 18_446_744_073_709_551_615.0]),
            json!([9_007_199_254_740_993_u64, 9_007_199_254_740_992.0, -9_007_199_254_740_993_i64]),
            json!([i64::MIN, i64::MIN + 1, 0.5, -0.5]),
            json!([[1, 2], [2, 1], [[1], 2], [1, [2]], [1, 2, 3]]),
            json!([{"a": 1}, {"a": 2}, {"b": 1}, {"a": 1, "b": 1}]),
            json!([[], [[]], [[[]]], [[], []]]),
        ] {
            assert!(are_unique(&list), "{list}");
        }
        assert!(
            compile::<Documents>(&json!({"uniqueItems": true})).unwrap().is_valid(Document::of(&json!("aa")).root())
        );
        let any = compile::<SerdeJson>(&json!({"uniqueItems": false})).unwrap();
        assert!(any.is_valid(&json!([1, 1])));
    }

    #[test]
    fn lists_that_are_made_to_be_slow_are_not() {
        let near: Value = (0..50_000_u64).map(|less| u64::MAX - less).collect();
        let wide: Value = (0..300).map(|length| Value::Array(vec![json!([]); length])).collect();
        let began = Instant::now();
        assert!(are_unique(&near) && are_unique(&wide));
        let end: Value = near.as_array().unwrap().iter().chain([&json!(u64::MAX - 7)]).cloned().collect();
        assert!(!are_unique(&end));
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }

    fn items() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-2_i64..3).prop_map(Value::from),
            (-2_i8..3).prop_map(|whole| Value::from(f64::from(whole))),
            (0_u64..3).prop_map(|less| Value::from(u64::MAX - less)),
            "[ab]{0,1}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 8, 2, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
                proptest::collection::vec(("[ab]", inner), 0..3)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_says_what_the_validator_says(list in proptest::collection::vec(items(), 0..20)) {
            let theirs = jsonschema::options().build(&json!({"uniqueItems": true})).unwrap();
            let list = Value::Array(list);
            prop_assert_eq!(are_unique(&list), theirs.is_valid(&list), "{}", list);
        }
    }
}
