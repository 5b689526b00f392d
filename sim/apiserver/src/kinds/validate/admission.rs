//! Webhooks and policies of admission. Expressions are not compiled here.

use std::collections::BTreeSet;

use super::{
    Case,
    at::At,
    errors::{Errors, quote},
    meta::Name,
    names, pod, selectors,
};

const RECOGNIZED: &[&str] = &["v1", "v1beta1"];

/// Judges objects of the kinds of this module; false for others.
pub(super) fn rules(case: &Case<'_>, errors: &mut Errors) -> bool {
    let known = [
        "ValidatingWebhookConfiguration",
        "MutatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
    ];
    if !known.contains(&case.kind.kind) {
        return false;
    }
    if case.subresource == "status" {
        return true;
    }
    case.meta().plain(Name::Subdomain, errors);
    let spec = case.new.get("spec");
    match case.kind.kind {
        "ValidatingWebhookConfiguration" => webhooks(case, false, errors),
        "MutatingWebhookConfiguration" => webhooks(case, true, errors),
        "ValidatingAdmissionPolicy" => policy(case, &spec, errors),
        "MutatingAdmissionPolicy" => mutating_policy(&spec, errors),
        _ => binding(case, &spec, errors),
    }
    true
}

fn webhooks(case: &Case<'_>, mutating: bool, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for hook in case.new.get("webhooks").items() {
        webhook(&hook, mutating, errors);
        review_versions(&hook.get("admissionReviewVersions"), errors);
        let name = hook.get("name");
        if !name.is_empty() && !seen.insert(name.text()) {
            errors.duplicate(&name);
        }
    }
}

fn webhook(hook: &At<'_>, mutating: bool, errors: &mut Errors) {
    const EFFECTS: &[&str] = &["None", "NoneOnDryRun"];
    let name = hook.get("name");
    if name.is_empty() {
        errors.required(&name, "");
    } else {
        let messages = names::subdomain(name.text());
        if !messages.is_empty() {
            errors.invalid(&name, &messages.join(","));
        } else if name.text().split('.').count() < 3 {
            errors.invalid(
                &name,
                "should be a domain with at least three segments separated by dots",
            );
        }
    }
    hook.get("rules")
        .items()
        .for_each(|rule| rule_with_operations(&rule, errors));
    choice(&hook.get("failurePolicy"), &["Fail", "Ignore"], errors);
    choice(&hook.get("matchPolicy"), &["Equivalent", "Exact"], errors);
    let effects = hook.get("sideEffects");
    if effects.is_set() {
        errors.one_of(&effects, EFFECTS);
    } else {
        errors.required(&effects, "must specify one of None, NoneOnDryRun");
    }
    let timeout = hook.get("timeoutSeconds");
    if timeout.int().is_some_and(|n| !(1..=30).contains(&n)) {
        errors.invalid(&timeout, "the timeout value must be between 1 and 30 seconds");
    }
    selectors::selector(&hook.get("namespaceSelector"), errors);
    selectors::selector(&hook.get("objectSelector"), errors);
    if mutating {
        choice(&hook.get("reinvocationPolicy"), &["IfNeeded", "Never"], errors);
    }
    client(&hook.get("clientConfig"), errors);
}

fn choice(at: &At<'_>, supported: &[&str], errors: &mut Errors) {
    if at.is_set() {
        errors.one_of(at, supported);
    }
}

fn client(at: &At<'_>, errors: &mut Errors) {
    let (url, service) = (at.get("url"), at.get("service"));
    match (url.is_set(), service.is_set()) {
        (true, true) | (false, false) => errors.required(at, "exactly one of url or service is required"),
        (true, false) => address(&url, errors),
        (false, true) => service_reference(&service, errors),
    }
}

fn address(at: &At<'_>, errors: &mut Errors) {
    const FORM: &str = "; desired format: https://host[/path]";
    let (scheme, rest) = at.text().split_once("://").unwrap_or(("", at.text()));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if scheme != "https" {
        errors.invalid_as(
            at,
            &quote(scheme),
            &format!("'https' is the only allowed URL scheme{FORM}"),
        );
    }
    let (user, bare) = host.rsplit_once('@').map_or(("", host), |(u, h)| (u, h));
    if bare.is_empty() || scheme.is_empty() {
        errors.invalid_as(at, "\"\"", &format!("host must be specified{FORM}"));
    }
    if !user.is_empty() {
        errors.invalid_as(at, &quote(user), "user information is not permitted in the URL");
    }
    if let Some((_, fragment)) = rest.split_once('#') {
        errors.invalid_as(at, &quote(fragment), "fragments are not permitted in the URL");
    }
    if let Some((_, query)) = rest.split('#').next().unwrap_or_default().split_once('?') {
        errors.invalid_as(at, &quote(query), "query parameters are not permitted in the URL");
    }
}

/// A Service that is called, and the path.
pub(super) fn service_reference(at: &At<'_>, errors: &mut Errors) {
    // QUIRK: name and namespace are mixed up in the genuine server.
    for (name, other) in [("name", "namespace"), ("namespace", "name")] {
        if at.get(other).is_empty() {
            errors.required(&at.get(name), "");
        }
    }
    let (port, path) = (at.get("port"), at.get("path"));
    let messages = names::port(port.number());
    if !messages.is_empty() {
        errors.invalid(&port, &format!("port is not valid: {}", messages.join(", ")));
    }
    let text = path.text();
    if text.is_empty() || text == "/" {
        return;
    }
    if text == "//" {
        return errors.invalid(&path, "segment[0] may not be empty");
    }
    if !text.starts_with('/') {
        errors.invalid(&path, "must start with a '/'");
    }
    let mut chars = text.chars();
    chars.next();
    let rest = chars.as_str();
    for (i, step) in rest.strip_suffix('/').unwrap_or(rest).split('/').enumerate() {
        if step.is_empty() {
            errors.invalid(&path, &format!("segment[{i}] may not be empty"));
            continue;
        }
        for message in names::subdomain(step) {
            errors.invalid(&path, &format!("segment[{i}]: {message}"));
        }
    }
}

fn review_versions(at: &At<'_>, errors: &mut Errors) {
    let list = RECOGNIZED.join(", ");
    if at.is_empty() {
        return errors.required(at, &format!("must specify one of {list}"));
    }
    let mut seen = BTreeSet::new();
    for version in at.items() {
        if !seen.insert(version.text()) {
            errors.invalid(&version, "duplicate version");
            continue;
        }
        errors.invalid_each(&version, &names::dns_1035(version.text()));
    }
    if !at.items().any(|v| RECOGNIZED.contains(&v.text())) {
        errors.invalid(at, &format!("must include at least one of {list}"));
    }
}

fn rule_with_operations(at: &At<'_>, errors: &mut Errors) {
    const OPERATIONS: &[&str] = &["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
    let operations = at.get("operations");
    if operations.is_empty() {
        errors.required(&operations, "");
    }
    if operations.len() > 1 && operations.items().any(|o| o.text() == "*") {
        errors.invalid(
            &operations,
            "if '*' is present, must not specify other operations",
        );
    }
    for operation in operations.items() {
        errors.one_of(&operation, OPERATIONS);
    }
    for (name, called) in [("apiGroups", "API groups"), ("apiVersions", "API versions")] {
        let list = at.get(name);
        if list.is_empty() {
            errors.required(&list, "");
        }
        if list.len() > 1 && list.items().any(|v| v.text() == "*") {
            errors.invalid(
                &list,
                &format!("if '*' is present, must not specify other {called}"),
            );
        }
        if name == "apiVersions" {
            for version in list.items().filter(At::is_empty) {
                errors.required(&version, "");
            }
        }
    }
    rule_resources(&at.get("resources"), errors);
    choice(&at.get("scope"), &["*", "Cluster", "Namespaced"], errors);
}

fn rule_resources(at: &At<'_>, errors: &mut Errors) {
    if at.is_empty() {
        errors.required(at, "");
    }
    let (mut all_of, mut in_all) = (BTreeSet::new(), BTreeSet::new());
    let mut plain = false;
    for resource in at.items() {
        let text = resource.text();
        if text.is_empty() {
            errors.required(&resource, "");
            continue;
        }
        let Some((name, sub)) = text.split_once('/') else {
            plain = text != "*";
            continue;
        };
        if all_of.contains(name) {
            errors.invalid(
                &resource,
                &format!("if '{name}/*' is present, must not specify {text}"),
            );
        }
        if in_all.contains(sub) {
            errors.invalid(
                &resource,
                &format!("if '*/{sub}' is present, must not specify {text}"),
            );
        }
        if sub == "*" {
            all_of.insert(name);
        }
        if name == "*" {
            in_all.insert(sub);
        }
    }
    let has = |wanted: &str| at.items().any(|r| r.text() == wanted);
    if at.len() > 1 && has("*/*") {
        errors.invalid(at, "if '*/*' is present, must not specify other resources");
    }
    if has("*") && plain {
        errors.invalid(
            at,
            "if '*' is present, must not specify other resources without subresources",
        );
    }
}

fn param_kind(at: &At<'_>, errors: &mut Errors) {
    if !at.is_set() {
        return;
    }
    let (version, kind) = (at.get("apiVersion"), at.get("kind"));
    if version.is_empty() {
        errors.required(&version, "");
    }
    if kind.is_empty() {
        errors.required(&kind, "");
    } else {
        let messages = names::dns_1035(&kind.text().to_lowercase());
        if !messages.is_empty() {
            let text = "may have mixed case, but should otherwise match: ";
            errors.invalid(&kind, &format!("{text}{}", messages.join(",")));
        }
    }
}

fn match_resources(at: &At<'_>, errors: &mut Errors) {
    if !at.is_set() {
        return;
    }
    selectors::selector(&at.get("namespaceSelector"), errors);
    selectors::selector(&at.get("objectSelector"), errors);
    choice(&at.get("matchPolicy"), &["Equivalent", "Exact"], errors);
    for list in ["resourceRules", "excludeResourceRules"] {
        at.get(list)
            .items()
            .for_each(|rule| rule_with_operations(&rule, errors));
    }
}

fn policy(case: &Case<'_>, spec: &At<'_>, errors: &mut Errors) {
    constraints(spec, errors);
    for variable in spec.get("variables").items() {
        variable_name(&variable.get("name"), errors);
    }
    let (validations, annotations) = (spec.get("validations"), spec.get("auditAnnotations"));
    if validations.is_empty() && annotations.is_empty() {
        let text = "validations or auditAnnotations must contain at least one item";
        errors.required(&validations, text);
        errors.required(&annotations, text);
    }
    for validation in validations.items() {
        let (expression, reason) = (validation.get("expression"), validation.get("reason"));
        if expression.text().trim().is_empty() {
            errors.required(&expression, "expression is not specified");
        }
        if reason.is_set() {
            errors.one_of(&reason, &["Forbidden", "Invalid", "RequestEntityTooLarge"]);
        }
    }
    let mut seen = BTreeSet::new();
    for annotation in annotations.items() {
        let key = annotation.get("key");
        let full = format!("{}/{}", case.new.get("metadata.name").text(), key.text());
        for message in names::qualified(&full) {
            errors.invalid_as(&key, &quote(&full), &message);
        }
        if annotation.get("valueExpression").text().trim().is_empty() {
            errors.required(
                &annotation.get("valueExpression"),
                "valueExpression is not specified",
            );
        }
        if !seen.insert(key.text()) {
            errors.duplicate(&key);
        }
    }
}

fn constraints(spec: &At<'_>, errors: &mut Errors) {
    pod::errors_for_choice(&spec.get("failurePolicy"), &["Fail", "Ignore"], errors);
    param_kind(&spec.get("paramKind"), errors);
    let constraints = spec.get("matchConstraints");
    if constraints.is_set() {
        match_resources(&constraints, errors);
        if constraints.get("resourceRules").is_empty() {
            errors.required(&constraints.get("resourceRules"), "");
        }
    } else {
        errors.required(&constraints, "");
    }
}

fn variable_name(at: &At<'_>, errors: &mut Errors) {
    const IDENTIFIER: &str = "[_a-zA-Z][_a-zA-Z0-9]*";
    if at.is_empty() {
        errors.required(at, "name is not specified");
    } else if !names::fits(IDENTIFIER, at.text()) {
        errors.invalid(at, "must be a valid CEL identifier");
    }
}

fn mutating_policy(spec: &At<'_>, errors: &mut Errors) {
    constraints(spec, errors);
    for variable in spec.get("variables").items() {
        variable_name(&variable.get("name"), errors);
    }
    let mutations = spec.get("mutations");
    if mutations.is_empty() {
        errors.required(&mutations, "mutations must contain at least one item");
    }
    for mutation in mutations.items() {
        let kind = mutation.get("patchType");
        pod::errors_for_choice(&kind, &["ApplyConfiguration", "JSONPatch"], errors);
        for (wanted, name) in [
            ("ApplyConfiguration", "applyConfiguration"),
            ("JSONPatch", "jsonPatch"),
        ] {
            let part = mutation.get(name);
            if kind.text() == wanted && !part.is_set() {
                errors.required(&part, &format!("must be specified when patchType is {wanted}"));
            }
        }
    }
    pod::errors_for_choice(&spec.get("reinvocationPolicy"), &["IfNeeded", "Never"], errors);
}

fn binding(case: &Case<'_>, spec: &At<'_>, errors: &mut Errors) {
    let name = spec.get("policyName");
    if name.is_empty() {
        errors.required(&name, "");
    } else {
        errors.invalid_each(&name, &names::subdomain(name.text()));
    }
    param_reference(&spec.get("paramRef"), errors);
    match_resources(&spec.get("matchResources"), errors);
    if case.kind.kind != "ValidatingAdmissionPolicyBinding" {
        return;
    }
    let actions = spec.get("validationActions");
    if actions.is_empty() {
        errors.required(&actions, "at least one validation action is required");
    }
    let mut seen = BTreeSet::new();
    for action in actions.items() {
        errors.one_of(&action, &["Audit", "Deny", "Warn"]);
        if !seen.insert(action.text()) {
            errors.duplicate(&action);
        }
    }
    if seen.contains("Deny") && seen.contains("Warn") {
        let text = "must not contain both Deny and Warn (repeating the same validation failure information in the API \
                    response and headers serves no purpose)";
        errors.invalid(&actions, text);
    }
}

fn param_reference(at: &At<'_>, errors: &mut Errors) {
    const BOTH: &str = "name and selector are mutually exclusive";
    if !at.is_set() {
        return;
    }
    let (name, selector, action) = (
        at.get("name"),
        at.get("selector"),
        at.get("parameterNotFoundAction"),
    );
    if !name.is_empty() {
        errors.invalid_each(&name, &names::path_segment(name.text(), false));
        if selector.is_set() {
            errors.forbidden(&name, BOTH);
        }
    }
    if selector.is_set() {
        selectors::selector(&selector, errors);
        if !name.is_empty() {
            errors.forbidden(&selector, BOTH);
        }
    }
    if name.is_empty() && !selector.is_set() {
        errors.required(at, "one of name or selector must be specified");
    }
    pod::errors_for_choice(&action, &["Deny", "Allow"], errors);
}
