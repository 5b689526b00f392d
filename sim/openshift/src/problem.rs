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
    let mut seen: Vec<&str> = Vec::new();
    for problem in problems {
        if !seen.contains(&problem.as_str()) {
            seen.push(problem);
        }
    }
    match seen.as_slice() {
        // What Go prints for no error at all.
        [] => "<nil>".to_owned(),
        [one] => (*one).to_owned(),
        all => format!("[{}]", all.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_problem_has_no_brackets_and_none_is_said_twice() {
        let [a, b] = ["a", "b"].map(str::to_owned);
        assert_eq!(aggregate(&[a.clone(), a.clone()]), "a");
        assert_eq!(aggregate(&[a.clone(), b, a]), "[a, b]");
    }
}
