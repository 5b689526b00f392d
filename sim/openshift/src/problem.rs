//! What is wrong with a pod under a constraint, in the words of Kubernetes' field errors.

use std::fmt::Display;

/// `value` is already in the form it is shown in.
pub(crate) fn invalid(path: &str, value: impl Display, detail: impl Display) -> String {
    format!("{path}: Invalid value: {value}: {detail}")
}

pub(crate) fn required(path: &str, detail: &str) -> String {
    if detail.is_empty() {
        return format!("{path}: Required value");
    }
    format!("{path}: Required value: {detail}")
}

pub(crate) fn forbidden(path: &str, detail: impl Display) -> String {
    format!("{path}: Forbidden: {detail}")
}

/// Several problems as one text: each said once, in the order in which they were found.
pub(crate) fn aggregate(problems: &[String]) -> String {
    if problems.is_empty() {
        // What Go prints for no error at all.
        return "<nil>".to_owned();
    }
    kube_schema::gotext::aggregate(problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_problem_is_printed_as_go_prints_nil() {
        assert_eq!(aggregate(&[]), "<nil>");
        assert_eq!(aggregate(&["a".to_owned(), "a".to_owned()]), "a");
    }
}
