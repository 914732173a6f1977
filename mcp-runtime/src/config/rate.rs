//! Rates, concurrency and sizes in the forms that the attributes have.

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::limit::parse_rate;
use crate::spec::{Concurrency, Window};

/// `"10/min"`, or several windows: `["10/s", "1000/day"]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate(pub(crate) Vec<Window>);

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a rate as in \"10/min\", or a list of them")]
        enum Form {
            One(String),
            Several(Vec<String>),
        }
        let texts = match Form::deserialize(deserializer)? {
            Form::One(text) => vec![text],
            Form::Several(texts) if texts.is_empty() => return Err(D::Error::custom("an empty list limits nothing")),
            Form::Several(texts) => texts,
        };
        texts.iter().map(|text| parse_rate(text)).collect::<Result<_, _>>().map(Self).map_err(D::Error::custom)
    }
}

/// A tool's rates: one for each agent, or `{ agent, total, burst }`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rates {
    /// Of each agent.
    pub agent: Option<Rate>,
    /// Of all agents.
    pub total: Option<Rate>,
}

impl<'de> Deserialize<'de> for Rates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            agent: Option<Rate>,
            total: Option<Rate>,
            burst: Option<u32>,
        }
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "a rate as in \"10/min\", a list of them, or { agent = …, total = …, burst = … }"
        )]
        enum Form {
            Agent(Rate),
            Table(Table),
        }
        let Table { agent, total, burst } = match Form::deserialize(deserializer)? {
            Form::Agent(rate) => Table { agent: Some(rate), total: None, burst: None },
            Form::Table(table) => table,
        };
        if agent.is_none() && total.is_none() {
            return Err(D::Error::custom("a rate needs `agent`, `total` or both"));
        }
        let with_burst = |rate: Option<Rate>| {
            rate.map(|Rate(windows)| {
                Rate(
                    windows
                        .into_iter()
                        .map(|window| Window { burst: burst.unwrap_or(window.burst), ..window })
                        .collect(),
                )
            })
        };
        if burst == Some(0) {
            return Err(D::Error::custom("a burst of 0 would admit no call"));
        }
        Ok(Self { agent: with_burst(agent), total: with_burst(total) })
    }
}

pub(super) fn concurrency<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Concurrency>, D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Table {
        agent: Option<u32>,
        total: Option<u32>,
    }
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a number, or { agent = …, total = … }")]
    enum Form {
        Total(u32),
        Table(Table),
    }
    let concurrency = match Form::deserialize(deserializer)? {
        Form::Total(total) => Concurrency { agent: None, total: Some(total) },
        Form::Table(Table { agent, total }) => Concurrency { agent, total },
    };
    if concurrency.agent == Some(0) || concurrency.total == Some(0) {
        return Err(D::Error::custom("a concurrency of 0 would admit no call; `disabled = true` takes a tool away"));
    }
    if concurrency == Concurrency::default() {
        return Err(D::Error::custom("a concurrency needs `agent`, `total` or both"));
    }
    Ok(Some(concurrency))
}

pub(super) fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    one_size(deserializer).map(Some)
}

pub(super) fn one_size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_size(&text).ok_or_else(|| {
        D::Error::custom(format!(
            "`{}` is no size: write it as in \"64KiB\"; units are B, KiB, MiB and GiB, \
             the largest is 1GiB",
            text.escape_debug()
        ))
    })
}

/// The largest one, as in the attribute.
const MAX_SIZE: u64 = 1 << 30;

fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    count.parse::<u64>().ok()?.checked_mul(factor).filter(|size| (1..=MAX_SIZE).contains(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_attribute() {
        for (text, size) in [("1B", 1), ("64KiB", 65_536), ("2MiB", 2 << 20), ("1GiB", MAX_SIZE), ("1024MiB", MAX_SIZE)]
        {
            assert_eq!(parse_size(text), Some(size), "{text}");
        }
        for bad in ["", "64", "KiB", "0B", "64KB", "64kib", "1.5MiB", "-1B", "2GiB", "1025MiB", "99999999999999999999B"]
        {
            assert_eq!(parse_size(bad), None, "{bad}");
        }
    }
}
