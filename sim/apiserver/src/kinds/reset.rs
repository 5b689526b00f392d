//! Which fields a write through a resource or subresource can never set, and so never owns.

use super::Kind;

/// Paths, as member names from the root, that writes through this subresource (`""` is the resource) reset.
pub fn reset_fields(kind: &Kind, subresource: &str) -> &'static [&'static [&'static str]] {
    const STATUS: &[&str] = &["status"];
    const SPEC: &[&str] = &["spec"];
    const METADATA: &[&str] = &["metadata"];
    match (kind.kind, subresource) {
        ("CertificateSigningRequest", "") => &[SPEC, STATUS],
        ("CertificateSigningRequest", "status") => &[SPEC, &["status", "conditions"]],
        ("CertificateSigningRequest", "approval") => &[SPEC, &["status", "certificate"]],
        (_, "" | "finalize") if kind.has_status() => &[STATUS],
        ("Deployment", "status") => &[SPEC, &["metadata", "labels"]],
        ("Pod", "status") => &[
            SPEC,
            &["metadata", "deletionTimestamp"],
            &["metadata", "ownerReferences"],
        ],
        (
            "ValidatingAdmissionPolicy"
            | "FlowSchema"
            | "PriorityLevelConfiguration"
            | "ResourceClaim"
            | "ServiceCIDR"
            | "VolumeAttachment"
            | "APIService",
            "status",
        ) => &[METADATA, SPEC],
        (_, "status") => &[SPEC],
        _ => &[],
    }
}
