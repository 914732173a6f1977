//! From the validator's errors to violations: what was expected, and of several forms that of the one that was meant.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::{Map, Value};

use super::meant::closest;
use super::shape::{Kinds, Schemas};
use super::violation::{MAX_VIOLATIONS, Violation, escape, pointer, shown};
use super::words::{self, expected};

/// Everything that is wrong, at most [`MAX_VIOLATIONS`], in the order of the places.
pub(super) fn violations<'a>(
    errors: impl Iterator<Item = ValidationError<'a>>,
    published: &Map<String, Value>,
) -> Vec<Violation> {
    let mut explainer = Explainer { document: Schemas(published), found: Vec::new(), unknown: Vec::new() };
    for error in errors {
        explainer.error(&error);
        if explainer.is_full() {
            break;
        }
    }
    explainer.guess();
    let mut found = explainer.found;
    found.sort_by(|a, b| a.pointer.cmp(&b.pointer));
    found.dedup();
    found.truncate(MAX_VIOLATIONS);
    found
}

struct Explainer<'a> {
    document: Schemas<'a>,
    found: Vec<Violation>,
    /// Names that resemble nothing: the object that they stand in, and the place in `found`.
    unknown: Vec<(String, usize)>,
}

impl Explainer<'_> {
    fn is_full(&self) -> bool {
        self.found.len() > MAX_VIOLATIONS
    }

    fn add(&mut self, pointer: String, keyword: &str, message: impl Into<String>) {
        self.found.push(Violation::new(pointer, keyword, message));
    }

    fn error(&mut self, error: &ValidationError<'_>) {
        if self.is_full() {
            return;
        }
        let at = pointer(error.instance_path().as_str());
        let keyword = error.kind().keyword();
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                let (parent, _) = error.schema_path().as_str().rsplit_once('/').unwrap_or_default();
                let document = self.document;
                let known = match parent {
                    "" => document
                        .0
                        .get("properties")
                        .and_then(Value::as_object)
                        .map(|own| own.keys().map(String::as_str).collect()),
                    parent => document.at(parent).map(|schema| document.names(schema)),
                };
                let known = known.unwrap_or_default();
                for name in unexpected.iter().take(MAX_VIOLATIONS + 1) {
                    self.unknown(&at, name, &known);
                }
            }
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                self.add(format!("{at}/{}", escape(name)), keyword, "is required");
            }
            ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
                let forms = self.document.at(error.schema_path().as_str()).and_then(Value::as_array);
                match forms {
                    Some(forms) if forms.len() == context.len() => {
                        self.forms(forms, context, error.instance(), &at, keyword);
                    }
                    _ => self.add(at, keyword, "matches none of the forms that the schema allows"),
                }
            }
            ValidationErrorKind::Enum { options } => {
                let options: Vec<_> = options.as_array().into_iter().flatten().collect();
                self.add(at, keyword, words::one_of(&options, error.instance()));
            }
            kind => self.add(at, keyword, expected(kind)),
        }
    }

    fn unknown(&mut self, at: &str, name: &str, known: &[&str]) {
        let message = match closest(name, known.iter().copied()) {
            Some(close) => format!("is not known here; did you mean `{close}`?"),
            None => {
                self.unknown.push((at.to_owned(), self.found.len()));
                match (known, at) {
                    ([], _) => "is not known here".to_owned(),
                    (known, "") => format!("is not known here; the arguments are {}", words::list(known)),
                    (known, _) => format!("is not known here; the properties are {}", words::list(known)),
                }
            }
        };
        self.add(format!("{at}/{}", escape(&shown(name))), "additionalProperties", message);
    }

    /// Of one name that resembles nothing and one that is missing beside it, the first may stand for the second.
    fn guess(&mut self) {
        for (at, index) in &self.unknown {
            let mut beside = self.found.iter().filter(|violation| {
                ["required", "additionalProperties"].contains(&violation.keyword.as_str())
                    && violation.pointer.rsplit_once('/').is_some_and(|(parent, _)| parent == at)
                    && violation.pointer != self.found[*index].pointer
            });
            if let (Some(Violation { pointer, keyword, .. }), None) = (beside.next(), beside.next())
                && keyword == "required"
            {
                let name = pointer[at.len() + 1..].replace("~1", "/").replace("~0", "~");
                self.found[*index].message = format!("is not known here; did you mean `{name}`?");
            }
        }
    }

    /// The violations of the form that was meant; what all forms expect, where that is not plain.
    fn forms(
        &mut self,
        forms: &[Value],
        errors: &[Vec<ValidationError<'_>>],
        instance: &Value,
        at: &str,
        keyword: &str,
    ) {
        let document = self.document;
        let kind = Kinds::of(instance);
        let forms: Vec<Form<'_, '_>> = forms
            .iter()
            .zip(errors)
            .map(|(schema, errors)| Form { kinds: document.kinds(schema), schema: document.resolved(schema), errors })
            // Of an optional value, the value.
            .filter(|form| form.kinds != Kinds::NULL)
            .collect();
        if let [form] = forms.as_slice() {
            return self.form(form);
        }
        let fitting: Vec<&Form<'_, '_>> = forms.iter().filter(|form| form.kinds.meet(kind)).collect();
        let constants: Option<Vec<Vec<&Value>>> = fitting.iter().map(|form| constants(form.schema)).collect();
        match (fitting.as_slice(), constants) {
            ([], _) => {
                let kinds = forms.iter().map(|form| form.kinds).fold(Kinds::NONE, Kinds::or);
                self.add(at.to_owned(), "type", format!("must be {}", kinds.words()));
            }
            (_, Some(constants)) => {
                let others: Vec<&Form<'_, '_>> = forms.iter().filter(|form| !form.kinds.meet(kind)).collect();
                let variants: Option<Vec<&str>> = others.iter().map(|form| variant(form.schema)).collect();
                let message = words::one_of_or(&constants.concat(), &variants.unwrap_or_default(), instance);
                self.add(at.to_owned(), "enum", message);
            }
            ([form], None) => self.form(form),
            (fitting, None) => match instance {
                Value::Object(map) => self.objects(fitting, map, at, keyword),
                _ => self.nearest(fitting, at, keyword),
            },
        }
    }

    /// Forms of an object: by a property that is a constant in each, or by the one property that each is named by.
    fn objects(&mut self, forms: &[&Form<'_, '_>], instance: &Map<String, Value>, at: &str, keyword: &str) {
        if let Some((tag, values)) = self.document.tag(forms) {
            let at = format!("{at}/{}", escape(tag));
            match instance.get(tag) {
                None => {
                    let values: Vec<_> = values.into_iter().flatten().collect();
                    self.add(at, "required", format!("is required, and {}", words::one_of(&values, &Value::Null)));
                }
                Some(given) => match values.iter().position(|values| values.contains(&given)) {
                    Some(index) => self.form(forms[index]),
                    None => self.add(at, "enum", words::one_of(&values.concat(), given)),
                },
            }
            return;
        }
        let variants: Option<Vec<&str>> = forms.iter().map(|form| variant(form.schema)).collect();
        match variants {
            Some(variants) => {
                if let Some(index) = variants.iter().position(|variant| instance.contains_key(*variant)) {
                    return self.form(forms[index]);
                }
                for name in instance.keys().take(MAX_VIOLATIONS) {
                    self.unknown(at, name, &variants);
                }
                if instance.is_empty() {
                    self.add(
                        at.to_owned(),
                        keyword,
                        format!("must have one of the properties {}", words::list(&variants)),
                    );
                }
            }
            None => self.nearest(forms, at, keyword),
        }
    }

    /// The form that the fewest errors keep from, if it is one.
    fn nearest(&mut self, forms: &[&Form<'_, '_>], at: &str, keyword: &str) {
        let fewest = forms.iter().map(|form| form.errors.len()).min().unwrap_or(0);
        let mut nearest = forms.iter().filter(|form| form.errors.len() == fewest);
        match (nearest.next(), nearest.next()) {
            (Some(form), None) => self.form(form),
            _ => self.add(at.to_owned(), keyword, "matches none of the forms that the schema allows"),
        }
    }

    fn form(&mut self, form: &Form<'_, '_>) {
        for error in form.errors {
            self.error(error);
        }
    }
}

/// One of the schemas of an `anyOf` or `oneOf`, and why the value is none of it.
struct Form<'a, 'b> {
    schema: &'a Value,
    kinds: Kinds,
    errors: &'b [ValidationError<'b>],
}

/// The values of a schema that lists them.
fn constants(schema: &Value) -> Option<Vec<&Value>> {
    if let Some(constant) = schema.get("const") {
        return Some(vec![constant]);
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return Some(values.iter().collect());
    }
    let forms = schema.get("oneOf")?.as_array()?;
    forms.iter().map(constants).collect::<Option<Vec<_>>>().map(|forms| forms.concat())
}

/// The one property that an externally tagged variant is.
fn variant(schema: &Value) -> Option<&str> {
    match (schema.get("required")?.as_array()?.as_slice(), schema.get("properties")?.as_object()?) {
        ([Value::String(name)], properties) if properties.len() == 1 => Some(name),
        _ => None,
    }
}

impl<'a> Schemas<'a> {
    /// The property that tells the forms of an object apart, and its values in each.
    fn tag<'f>(self, forms: &'f [&Form<'a, '_>]) -> Option<(&'a str, Vec<Vec<&'a Value>>)>
    where
        'a: 'f,
    {
        let first = forms.first()?.schema.get("properties")?.as_object()?;
        first.keys().find_map(|name| {
            let values = forms.iter().map(|form| {
                let required = form.schema.get("required")?.as_array()?;
                let property = self.resolved(form.schema.get("properties")?.get(name)?);
                constants(property).filter(|_| required.contains(&Value::from(name.as_str())))
            });
            let values: Vec<Vec<&Value>> = values.collect::<Option<_>>()?;
            // A property that has the same values everywhere tells nothing apart.
            (values.len() < 2 || values[0] != values[1]).then_some((name.as_str(), values))
        })
    }
}
