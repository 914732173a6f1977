//! What covers what, and what is named where nothing does.

use super::*;

const ONE: Requirement = Requirement::All(&[Template::new("revenue.read")]);
const BOTH: Requirement = Requirement::All(&[Template::new("record.delete"), Template::new("record.read")]);
const EITHER: Requirement = Requirement::Any(&[Template::new("a.b"), Template::new("c.d")]);
const FILLED: Requirement = Requirement::All(&[Template::new("customer:{id}:read")]);

fn key(scopes: &[&str]) -> Grants {
    Grants::with_wildcards(scopes).unwrap()
}

fn id(value: &str) -> [(&'static str, String); 1] {
    [("id", value.to_owned())]
}

#[test]
fn comparison_is_exact() {
    assert!(ONE.could_be_met(&key(&["revenue.read"])).is_ok());
    for other in ["revenue", "revenue.rea", "revenue.reads", "Revenue.read", "revenue:read", "revenue.read.all"] {
        assert!(ONE.could_be_met(&key(&[other])).is_err(), "{other}");
    }
    assert!(ONE.could_be_met(&Grants::default()).is_err());
}

#[test]
fn wildcards_stand_for_segments() {
    for (grant, scope, covered) in [
        ("*", "revenue.read", true),
        ("revenue.*", "revenue.read", true),
        ("revenue.*", "revenue.read.all", true),
        ("revenue.*", "revenue:read", false),
        ("revenue.*", "revenue", false),
        ("revenue.*", "revenues.read", false),
        ("*.read", "revenue.read", true),
        ("*.read", "a.revenue.read", false),
        ("a:*:read", "a:b:read", true),
        ("a:*:read", "a:b:c:read", false),
        ("a:*:read", "a:b.read", false),
    ] {
        assert_eq!(key(&[grant]).allow(scope), covered, "{grant} on {scope}");
        let token = Grants::literal([grant]).unwrap();
        assert!(!token.allow(scope), "a token's `*` is a literal: {grant} on {scope}");
    }
    assert!(Grants::literal(["revenue.*"]).unwrap().allow("revenue.*"));
}

#[test]
fn a_refusal_names_the_whole_operation() {
    let missing = BOTH.could_be_met(&key(&["record.read"])).unwrap_err();
    assert_eq!(missing.to_string(), "record.delete record.read");
    let missing = EITHER.could_be_met(&key(&["x"])).unwrap_err();
    assert_eq!(missing.to_string(), "a.b");
    assert!(EITHER.could_be_met(&key(&["c.d"])).is_ok());
}

#[test]
fn a_placeholder_asks_first_whether_a_grant_could_fill_it() {
    for (grant, could) in [
        ("customer:7:read", true),
        ("customer:*:read", true),
        ("customer:*", true),
        ("*", true),
        ("customer:7:write", false),
        ("customer:7", false),
        ("customer:{id}:read", false),
        ("customer:a@b:read", false),
    ] {
        assert_eq!(FILLED.could_be_met(&key(&[grant])).is_ok(), could, "{grant}");
    }
    assert!(FILLED.could_be_met(&Grants::literal(["customer:*:read"]).unwrap()).is_err());
}

#[test]
fn the_value_decides_and_cannot_escape_its_segment() {
    let seven = key(&["customer:7:read"]);
    assert!(FILLED.met_with(&seven, &id("7")).is_ok());
    assert_eq!(FILLED.met_with(&seven, &id("8")).unwrap_err().to_string(), "customer:8:read");
    let every = key(&["customer:*"]);
    for value in ["", "*", "7:read", "7.x", "a b", "{id}", "é", &"a".repeat(65)] {
        let missing = FILLED.met_with(&every, &id(value)).unwrap_err();
        assert_eq!(missing.to_string(), "customer:{id}:read", "{value}");
    }
    assert!(FILLED.met_with(&every, &[]).is_err(), "a value that is not there denies");
}

#[test]
fn a_challenge_names_what_the_arguments_make_of_a_scope() {
    const TWO: Requirement = Requirement::All(&[Template::new("customer:{id}:read"), Template::new("record.delete")]);
    let named = |sent: &str| {
        TWO.could_be_met(&Grants::default())
            .unwrap_err()
            .filled(&crate::json::read::object(sent).unwrap_or_default())
            .to_string()
    };
    assert_eq!(named(r#"{"id":7}"#), "customer:7:read record.delete");
    assert_eq!(named(r#"{"id":"a-b"}"#), "customer:a-b:read record.delete");
    for sent in ["{}", r#"{"id":"*"}"#, r#"{"id":"7:x"}"#, r#"{"id":1.5}"#, r#"{"id":null}"#, "[", r#"{"id":7,"id":8}"#]
    {
        assert_eq!(named(sent), "customer:{id}:read record.delete", "{sent}");
    }
    let held = TWO.met_with(&key(&["customer:*"]), &id("7")).unwrap_err();
    assert_eq!(held.to_string(), "customer:7:read record.delete", "the one that is held is filled too");
    assert!(MissingScopes::can_be_asked_for(&held.0));
    assert!(!MissingScopes::can_be_asked_for(&["customer:{id}:read".to_owned()]));
}

#[test]
fn an_empty_list_denies() {
    assert!(Requirement::All(&[]).could_be_met(&key(&["*"])).is_err());
    assert!(Requirement::Any(&[]).could_be_met(&key(&["*"])).is_err());
}

#[test]
fn grants_that_are_no_scopes_are_refused() {
    for bad in ["", "a b", "a\"b", "a\\b", "é", "a.*b", "a..b", ".a", "a.", "a\n"] {
        assert!(Grants::with_wildcards([bad]).is_err(), "{bad:?}");
    }
}
