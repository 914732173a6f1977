//! Scopes that imply others, as an operator says.

use std::collections::{BTreeMap, BTreeSet};

use super::{Grant, Grants, InvalidScope};

/// Which scopes of tokens imply which others, with all that those imply.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hierarchy(BTreeMap<Box<str>, Box<[Grant]>>);

impl Hierarchy {
    /// Reads `"record.admin" = ["record.delete", "record.*"]`. What is implied may imply more; circles do no harm.
    ///
    /// # Errors
    /// The first text that is no scope.
    pub(crate) fn new(direct: &BTreeMap<String, Vec<String>>) -> Result<Self, InvalidScope> {
        let all = direct.keys().map(|scope| {
            let mut reached = BTreeSet::new();
            let mut open = vec![scope.as_str()];
            while let Some(next) = open.pop() {
                for implied in direct.get(next).into_iter().flatten() {
                    if reached.insert(implied.as_str()) {
                        open.push(implied);
                    }
                }
            }
            let implied = reached.into_iter().map(|scope| Grant::new(scope, true)).collect::<Result<_, _>>()?;
            Ok((scope.as_str().into(), implied))
        });
        all.collect::<Result<_, _>>().map(Self)
    }

    /// The grants of a token's scopes, in which `*` is a literal, and all that they imply, where it is a wildcard.
    ///
    /// # Errors
    /// The first of the token's scopes that is none.
    pub(crate) fn grants(&self, scopes: &[&str]) -> Result<Grants, InvalidScope> {
        let mut list = Vec::with_capacity(scopes.len());
        for scope in scopes {
            list.push(Grant::new(scope, false)?);
        }
        for scope in scopes {
            list.extend(self.0.get(*scope).into_iter().flatten().cloned());
        }
        Ok(Grants { list: list.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hierarchy(pairs: &[(&str, &[&str])]) -> Hierarchy {
        let owned = |list: &[&str]| list.iter().map(|scope| (*scope).to_owned()).collect();
        Hierarchy::new(&pairs.iter().map(|(scope, implied)| ((*scope).to_owned(), owned(implied))).collect()).unwrap()
    }

    #[test]
    fn a_scope_implies_others_and_those_imply_more() {
        let hierarchy =
            hierarchy(&[("admin", &["writer", "audit.*"]), ("writer", &["reader"]), ("reader", &["admin"])]);
        let grants = hierarchy.grants(&["admin"]).unwrap();
        for scope in ["admin", "writer", "reader", "audit.read.all"] {
            assert!(grants.allow(scope), "{scope}");
        }
        assert!(!grants.allow("other"));
        assert!(hierarchy.grants(&["audit.*"]).unwrap().allow("audit.*"));
        assert!(!hierarchy.grants(&["audit.*"]).unwrap().allow("audit.read"), "a token's `*` is a literal");
    }

    #[test]
    fn nothing_implies_nothing() {
        assert_eq!(hierarchy(&[]).grants(&["a", "b"]).unwrap(), Grants::literal(["a", "b"]).unwrap());
        assert!(hierarchy(&[]).grants(&["a", "b\u{e9}"]).is_err());
    }
}
