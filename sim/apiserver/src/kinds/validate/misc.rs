//! Nodes, drivers, flow control, requests for certificates, and templates.

use std::collections::BTreeSet;

use super::{
    Case,
    at::At,
    errors::{Errors, quote},
    internal,
    meta::Name,
    names, networking, pod,
};

/// Judges objects of the kinds of this module; false for others.
pub(super) fn rules(case: &Case<'_>, errors: &mut Errors) -> bool {
    let spec = case.new.get("spec");
    match case.kind.kind {
        "PodTemplate" => {
            update_or_whole(case, errors);
            pod::template(&case.new.get("template"), errors);
        }
        "Node" => {
            update_or_whole(case, errors);
            node(&spec, errors);
        }
        "CSIDriver" => driver(case, &spec, errors),
        "FlowSchema" if case.subresource == "status" => {}
        "PriorityLevelConfiguration" if case.subresource == "status" => {}
        "FlowSchema" => flow_schema(case, &spec, errors),
        "PriorityLevelConfiguration" => priority_level(case, &spec, errors),
        "CertificateSigningRequest" => certificate(case, &spec, errors),
        "VolumeAttachment"
        | "CSINode"
        | "CSIStorageCapacity"
        | "VolumeAttributesClass"
        | "ServiceCIDR"
        | "IPAddress"
        | "ResourceClaim"
        | "ResourceClaimTemplate"
        | "DeviceClass"
        | "ResourceSlice" => {
            update_or_whole(case, errors);
        }
        _ => return false,
    }
    true
}

fn update_or_whole(case: &Case<'_>, errors: &mut Errors) {
    if case.old.is_some() {
        case.meta().update(errors);
    } else {
        case.meta().whole(Name::Subdomain, errors);
    }
}

fn node(spec: &At<'_>, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for taint in spec.get("taints").items() {
        // QUIRK: taints are said to be part of the metadata.
        let place = At::new(taint.path().replacen("spec.", "metadata.", 1), taint.value());
        let (key, value, effect) = (place.get("key"), place.get("value"), place.get("effect"));
        errors.invalid_each(&key, &names::qualified(key.text()));
        let messages = names::label_value(value.text());
        if !messages.is_empty() {
            errors.invalid(&value, &messages.join(";"));
        }
        pod::errors_for_choice(&effect, &["NoSchedule", "PreferNoSchedule", "NoExecute"], errors);
        if !seen.insert((key.text(), effect.text())) {
            let shown = internal::show("core.Taint", taint.value());
            errors.duplicate_as(&place, &shown, "taints must be unique by key and effect pair");
        }
    }
    for range in spec.get("podCIDRs").items() {
        networking::cidr(&range, errors);
    }
}

fn driver(case: &Case<'_>, spec: &At<'_>, errors: &mut Errors) {
    if let Some(old) = &case.old {
        case.meta().update(errors);
        modes(spec, errors);
        for name in ["attachRequired", "fsGroupPolicy", "volumeLifecycleModes"] {
            errors.immutable(&spec.get(name), &old.get("spec").get(name));
        }
        return;
    }
    case.meta().whole(Name::Subdomain, errors);
    for name in ["attachRequired", "podInfoOnMount", "storageCapacity"] {
        if !spec.get(name).is_set() {
            errors.required(&spec.get(name), "");
        }
    }
    modes(spec, errors);
}

fn modes(spec: &At<'_>, errors: &mut Errors) {
    let policy = spec.get("fsGroupPolicy");
    if policy.is_set() {
        errors.one_of(&policy, &["File", "None", "ReadWriteOnceWithFSType"]);
    }
    let modes = spec.get("volumeLifecycleModes");
    for mode in modes.items() {
        if !["Persistent", "Ephemeral"].contains(&mode.text()) {
            errors.unsupported(&modes.with(mode.value()), &["Persistent", "Ephemeral"]);
        }
    }
}

fn flow_schema(case: &Case<'_>, spec: &At<'_>, errors: &mut Errors) {
    case.meta().whole(Name::Subdomain, errors);
    let precedence = spec.get("matchingPrecedence");
    if precedence.number() <= 0 {
        errors.invalid(&precedence, "must be a positive value");
    }
    if precedence.number() > 10_000 {
        errors.invalid(&precedence, "must not be greater than 10000");
    }
    let level = spec.get("priorityLevelConfiguration.name");
    if level.is_empty() {
        errors.required(&level, "must reference a priority level");
    } else {
        errors.invalid_each(&level, &names::subdomain(level.text()));
    }
    let distinguisher = spec.get("distinguisherMethod.type");
    if spec.get("distinguisherMethod").is_set() {
        errors.one_of(&distinguisher, &["ByNamespace", "ByUser"]);
    }
    for rule in spec.get("rules").items() {
        if rule.get("subjects").is_empty() {
            errors.required(&rule.get("subjects"), "subjects must contain at least one value");
        }
        if rule.get("resourceRules").is_empty() && rule.get("nonResourceRules").is_empty() {
            errors.required(
                &rule,
                "at least one of resourceRules and nonResourceRules has to be non-empty",
            );
        }
    }
}

fn priority_level(case: &Case<'_>, spec: &At<'_>, errors: &mut Errors) {
    case.meta().whole(Name::Subdomain, errors);
    let (kind, limited, exempt) = (spec.get("type"), spec.get("limited"), spec.get("exempt"));
    let named = case.new.get("metadata.name").text() == "exempt";
    match kind.text() {
        "Exempt" => {
            if !named {
                errors.invalid(&kind, "must be 'Exempt' if and only if `name` is 'exempt'");
            }
            if limited.is_set() {
                errors.forbidden(&limited, "must be nil if the type is not Limited");
            }
        }
        "Limited" => {
            if named {
                errors.invalid(&kind, "must be 'Exempt' if and only if `name` is 'exempt'");
            }
            if exempt.is_set() {
                errors.forbidden(&exempt, "must be nil if the type is Limited");
            }
            if limited.is_set() {
                limits(&limited, errors);
            } else {
                errors.required(&limited, "must not be empty when type is Limited");
            }
        }
        _ => errors.unsupported(&kind, &["Exempt", "Limited"]),
    }
}

fn limits(at: &At<'_>, errors: &mut Errors) {
    errors.not_negative(&at.get("nominalConcurrencyShares"));
    let (response, queuing) = (at.get("limitResponse"), at.get("limitResponse.queuing"));
    match response.get("type").text() {
        "Reject" if queuing.is_set() => {
            errors.forbidden(
                &queuing,
                "must be nil if limited.limitResponse.type is not Limited",
            );
        }
        "Queue" if !queuing.is_set() => {
            errors.required(
                &queuing,
                "must not be empty if limited.limitResponse.type is Limited",
            );
        }
        "Reject" | "Queue" => {}
        _ => errors.unsupported(&response.get("type"), &["Queue", "Reject"]),
    }
}

fn certificate(case: &Case<'_>, spec: &At<'_>, errors: &mut Errors) {
    case.meta().whole(Name::Any, errors);
    let request = spec.get("request");
    if case.old.is_none()
        && let Some(fault) = request_fault(request.text())
    {
        let shown = match request.text() {
            "" => "null".to_owned(),
            text => quote(text),
        };
        errors.invalid_as(&request, &shown, fault);
    }
    case.meta().update(errors);
    let usages = spec.get("usages");
    if case.old.is_none() && usages.is_empty() {
        errors.required(&usages, "usages is required");
    }
    let signer = spec.get("signerName");
    if signer.is_empty() {
        errors.required(&signer, "");
    } else if signer.text().matches('/').count() != 1 {
        errors.invalid(
            &signer,
            "must be a fully qualified domain and path of the form 'example.com/signer-name'",
        );
    }
}

/// DIFFERENCE: only the armour of a request is looked at.
fn request_fault(text: &str) -> Option<&'static str> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(text)
        .unwrap_or_default();
    let found = String::from_utf8_lossy(&bytes);
    (!found.contains("-----BEGIN CERTIFICATE REQUEST-----"))
        .then_some("PEM block type must be CERTIFICATE REQUEST")
}
