//! The `spec` of a definition without its schemas.

use serde_json::Value;

use super::{Options, Shared, dump, fields, flag, invalid, invalid_text, list, openapi, text, unsupported};
use crate::{
    failure::Cause,
    kinds::{dns_1035_in_bytes, subdomain_in_bytes},
};

/// What keeps a name from being a label that starts with a letter.
fn label(name: &str) -> Option<String> {
    let problems = dns_1035_in_bytes(name);
    (!problems.is_empty()).then(|| problems.join(","))
}

fn subdomain(name: &str) -> Option<String> {
    let problems = subdomain_in_bytes(name);
    (!problems.is_empty()).then(|| problems.join(","))
}

fn kind_of_enum(field: &str, value: &str, allowed: &[&str], causes: &mut Vec<Cause>) {
    if value.is_empty() {
        causes.push(Cause::required(field, ""));
    } else if !allowed.contains(&value) {
        causes.push(unsupported(field, value, allowed));
    }
}

/// Everything wrong with the `spec`.
pub(super) fn check(definition: &Value, options: &Options, causes: &mut Vec<Cause>) {
    let spec = definition.get("spec").unwrap_or(&Value::Null);
    let shared = Shared::of(definition);
    let group = text(spec, "group");
    if group.is_empty() {
        causes.push(Cause::required("spec.group", ""));
    } else if let Some(problem) = subdomain(group) {
        causes.push(invalid_text("spec.group", group, &problem));
    } else if !group.contains('.') {
        causes.push(invalid_text(
            "spec.group",
            group,
            "should be a domain with at least one dot",
        ));
    }
    kind_of_enum(
        "spec.scope",
        text(spec, "scope"),
        &["Cluster", "Namespaced"],
        causes,
    );
    let schema = |version: &Value| {
        version
            .pointer("/schema/openAPIV3Schema")
            .is_some_and(Value::is_object)
    };
    if !shared.schema || !shared.versions.first().is_some_and(schema) {
        for (at, _) in shared
            .versions
            .iter()
            .enumerate()
            .filter(|(_, version)| !schema(version))
        {
            causes.push(Cause::required(
                format!("spec.versions[{at}].schema.openAPIV3Schema"),
                "",
            ));
        }
    }
    for (at, version) in shared.versions.iter().enumerate() {
        let name = text(version, "name");
        let path = format!("spec.versions[{at}]");
        if let Some(problem) = label(name) {
            causes.push(invalid_text(format!("{path}.name"), name, &problem));
        }
        check_version(version, &shared, &path, options, causes);
    }
    versions(&shared, causes);
    if let Some(first) = shared.versions.first() {
        let name = text(first, "name");
        if let Some(problem) = label(name).filter(|_| !name.is_empty()) {
            causes.push(invalid_text("spec.version", name, &problem));
        }
    }
    names(spec.get("names").unwrap_or(&Value::Null), causes);
    top_level(&shared, options, causes);
    conversion(spec.get("conversion").unwrap_or(&Value::Null), causes);
}

fn status_enabled(version: &Value) -> bool {
    version.pointer("/subresources/status").is_some()
}

fn check_version(
    version: &Value,
    shared: &Shared<'_>,
    path: &str,
    options: &Options,
    causes: &mut Vec<Cause>,
) {
    warning(version, path, causes);
    if !shared.schema
        && let Some(schema) = version.pointer("/schema/openAPIV3Schema")
    {
        let known = options.unchanged.contains(text(version, "name"));
        openapi::check(
            schema,
            status_enabled(version),
            known,
            &format!("{path}.schema"),
            causes,
        );
    }
    if !shared.subresources {
        subresources(version, &format!("{path}.subresources"), causes);
    }
    if !shared.columns {
        columns(version, &format!("{path}.additionalPrinterColumns"), causes);
    }
    if !shared.selectable && !list(version, "selectableFields").is_empty() {
        let field = format!("{path}.selectableFields");
        match version
            .pointer("/schema/openAPIV3Schema")
            .filter(|_| !shared.schema)
        {
            Some(schema) => fields::selectable(version, schema, &field, causes),
            None => causes.push(invalid_text(
                field,
                "",
                "may only be set when `version.schema.openAPIV3Schema` is not included",
            )),
        }
    }
}

fn warning(version: &Value, path: &str, causes: &mut Vec<Cause>) {
    let field = format!("{path}.deprecationWarning");
    let Some(own) = version.get("deprecationWarning").and_then(Value::as_str) else {
        return;
    };
    let mut problem = |detail: &str| causes.push(invalid_text(&field, own, detail));
    if !flag(version, "deprecated") {
        problem("can only be set for deprecated versions");
        return;
    }
    if own.len() > 256 {
        problem("must be <= 256 characters long");
    }
    if own.is_empty() {
        problem("must not be an empty string");
    }
    if let Some((at, _)) = own.char_indices().find(|(_, letter)| letter.is_control()) {
        problem(&format!(
            "must only contain printable UTF-8 characters; non-printable character found at index {at}"
        ));
    }
}

/// What concerns all versions together.
fn versions(shared: &Shared<'_>, causes: &mut Vec<Cause>) {
    let mut problem = |detail: &str| {
        let shown = dump::versions(shared);
        causes.push(Cause::invalid(
            "spec.versions",
            format!("Invalid value: {shown}: {detail}"),
        ));
    };
    let names: Vec<&str> = shared
        .versions
        .iter()
        .map(|version| text(version, "name"))
        .collect();
    if (0..names.len()).any(|at| names[..at].contains(&names[at])) {
        problem("must contain unique version names");
    }
    if shared
        .versions
        .iter()
        .filter(|version| flag(version, "storage"))
        .count()
        != 1
    {
        problem("must have exactly one version marked as storage version");
    }
}

fn names(names: &Value, causes: &mut Vec<Cause>) {
    let own = |key: &str| text(names, key);
    for key in ["plural", "singular", "kind", "listKind"] {
        if own(key).is_empty() {
            causes.push(Cause::required(format!("spec.names.{key}"), ""));
        }
    }
    for key in ["plural", "singular"] {
        if let Some(problem) = label(own(key)).filter(|_| !own(key).is_empty()) {
            causes.push(invalid_text(format!("spec.names.{key}"), own(key), &problem));
        }
    }
    for key in ["kind", "listKind"] {
        if let Some(problem) = label(&own(key).to_lowercase()).filter(|_| !own(key).is_empty()) {
            let detail = format!("may have mixed case, but should otherwise match: {problem}");
            causes.push(invalid_text(format!("spec.names.{key}"), own(key), &detail));
        }
    }
    let mut all = |key: &str| {
        for (at, name) in list(names, key).iter().enumerate() {
            let name = name.as_str().unwrap_or_default();
            if let Some(problem) = label(name) {
                causes.push(invalid_text(format!("spec.names.{key}[{at}]"), name, &problem));
            }
        }
    };
    all("shortNames");
    if !own("kind").is_empty() && own("kind") == own("listKind") {
        causes.push(invalid_text(
            "spec.names.listKind",
            own("listKind"),
            "kind and listKind may not be the same",
        ));
    }
    let mut all = |key: &str| {
        for (at, name) in list(names, key).iter().enumerate() {
            let name = name.as_str().unwrap_or_default();
            if let Some(problem) = label(name) {
                causes.push(invalid_text(format!("spec.names.{key}[{at}]"), name, &problem));
            }
        }
    };
    all("categories");
}

/// What all versions share.
fn top_level(shared: &Shared<'_>, options: &Options, causes: &mut Vec<Cause>) {
    let Some(first) = shared.versions.first() else {
        return;
    };
    let schema = first
        .pointer("/schema/openAPIV3Schema")
        .filter(|_| shared.schema && first.get("schema").is_some());
    if let Some(schema) = schema {
        let status = shared.versions.iter().any(status_enabled);
        let known = options.unchanged.contains(text(first, "name"));
        openapi::check(schema, status, known, "spec.validation", causes);
    }
    if shared.subresources {
        subresources(first, "spec.subresources", causes);
    }
    if shared.columns {
        columns(first, "spec.additionalPrinterColumns", causes);
    }
    if shared.selectable && !list(first, "selectableFields").is_empty() {
        match schema {
            Some(schema) => fields::selectable(first, schema, "spec.selectableFields", causes),
            None => causes.push(invalid_text(
                "spec.selectableFields",
                "",
                "may only be set when validations.schema is included",
            )),
        }
    }
}

fn json_path(field: String, path: &str, roots: &[&str], outside: &str, causes: &mut Vec<Cause>) {
    if !path.starts_with('.') {
        causes.push(invalid_text(
            field,
            path,
            "must be a simple json path starting with .",
        ));
    } else if !roots.is_empty() && !roots.iter().any(|root| path.starts_with(root)) {
        causes.push(invalid_text(field, path, outside));
    }
}

fn subresources(version: &Value, path: &str, causes: &mut Vec<Cause>) {
    let Some(scale) = version
        .pointer("/subresources/scale")
        .filter(|scale| scale.is_object())
    else {
        return;
    };
    for (key, roots, outside) in [
        (
            "specReplicasPath",
            &[".spec."][..],
            "should be a json path under .spec",
        ),
        (
            "statusReplicasPath",
            &[".status."],
            "should be a json path under .status",
        ),
        (
            "labelSelectorPath",
            &[".spec.", ".status."],
            "should be a json path under either .spec or .status",
        ),
    ] {
        let field = format!("{path}.scale.{key}");
        match text(scale, key) {
            "" if key == "labelSelectorPath" => {}
            "" => causes.push(Cause::required(field, "")),
            own => json_path(field, own, roots, outside, causes),
        }
    }
}

fn columns(version: &Value, path: &str, causes: &mut Vec<Cause>) {
    const TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
    const FORMATS: [&str; 8] = [
        "byte",
        "date",
        "date-time",
        "double",
        "float",
        "int32",
        "int64",
        "password",
    ];
    for (at, column) in list(version, "additionalPrinterColumns").iter().enumerate() {
        let path = format!("{path}[{at}]");
        if text(column, "name").is_empty() {
            causes.push(Cause::required(format!("{path}.name"), ""));
        }
        let types = format!("must be one of {}", TYPES.join(","));
        match text(column, "type") {
            "" => causes.push(Cause::required(format!("{path}.type"), &types)),
            own if !TYPES.contains(&own) => causes.push(invalid_text(format!("{path}.type"), own, &types)),
            _ => {}
        }
        let format = text(column, "format");
        if !format.is_empty() && !FORMATS.contains(&format) {
            let detail = format!("must be one of {}", FORMATS.join(","));
            causes.push(invalid_text(format!("{path}.format"), format, &detail));
        }
        let field = format!("{path}.JSONPath");
        match text(column, "jsonPath") {
            "" => causes.push(Cause::required(field, "")),
            own => json_path(field, own, &[], "", causes),
        }
    }
}

fn conversion(conversion: &Value, causes: &mut Vec<Cause>) {
    let strategy = text(conversion, "strategy");
    kind_of_enum("spec.conversion.strategy", strategy, &["None", "Webhook"], causes);
    let webhook = conversion.get("webhook").filter(|webhook| webhook.is_object());
    let config = webhook.and_then(|webhook| webhook.get("clientConfig"));
    let versions = webhook.map_or(&[][..], |webhook| list(webhook, "conversionReviewVersions"));
    let field = "spec.conversion.webhookClientConfig";
    if strategy != "Webhook" {
        if config.is_some() {
            causes.push(Cause::forbidden(
                field,
                "should not be set when strategy is not set to Webhook",
            ));
        }
        if !versions.is_empty() {
            causes.push(Cause::forbidden(
                "spec.conversion.conversionReviewVersions",
                "should not be set when strategy is not set to Webhook",
            ));
        }
        return;
    }
    match config {
        None => causes.push(Cause::required(field, "required when strategy is set to Webhook")),
        Some(config) if config.get("url").is_some() == config.get("service").is_some() => {
            causes.push(Cause::required(
                field,
                "exactly one of url or service is required",
            ));
        }
        Some(config) => client(config, field, causes),
    }
    review_versions(versions, causes);
}

fn client(config: &Value, field: &str, causes: &mut Vec<Cause>) {
    if let Some(url) = config.get("url").and_then(Value::as_str) {
        const FORM: &str = "; desired format: https://host[/path]";
        let path = format!("{field}.url");
        let Some(rest) = url.strip_prefix("https://") else {
            let detail = format!("'https' is the only allowed URL scheme{FORM}");
            causes.push(invalid_text(path, url, &detail));
            return;
        };
        if rest.is_empty() || rest.starts_with('/') {
            causes.push(invalid_text(path, url, &format!("host must be specified{FORM}")));
        }
        return;
    }
    let service = config.get("service").unwrap_or(&Value::Null);
    for key in ["name", "namespace"] {
        if text(service, key).is_empty() {
            causes.push(Cause::required(
                format!("{field}.service.{key}"),
                &format!("service {key} is required"),
            ));
        }
    }
    if let Some(port) = service.get("port").and_then(Value::as_i64)
        && !(1..=65535).contains(&port)
    {
        let detail = "port is not valid: must be between 1 and 65535, inclusive";
        causes.push(invalid(format!("{field}.service.port"), &port.into(), detail));
    }
}

fn review_versions(versions: &[Value], causes: &mut Vec<Cause>) {
    let field = "spec.conversion.conversionReviewVersions";
    if versions.is_empty() {
        causes.push(Cause::required(field, ""));
        return;
    }
    for (at, version) in versions.iter().enumerate() {
        let own = version.as_str().unwrap_or_default();
        if versions[..at].contains(version) {
            causes.push(invalid_text(format!("{field}[{at}]"), own, "duplicate version"));
        } else if let Some(problem) = label(own) {
            causes.push(invalid_text(format!("{field}[{at}]"), own, &problem));
        }
    }
    if !versions.iter().any(|own| own == "v1" || own == "v1beta1") {
        causes.push(invalid(
            field,
            &versions.into(),
            "must include at least one of v1, v1beta1",
        ));
    }
}
