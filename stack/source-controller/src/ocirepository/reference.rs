//! Which tag or digest an object means.

use flux_api::{OciRepository, oci::OciRepositoryRef, reason};
use flux_runtime::Failure;
use oci::{Repository, Target};
use regex::Regex;
use version::{Constraint, Version};

const HELM_CHART: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/// The repository of `oci://host/path`.
pub(crate) fn repository(url: &str) -> Result<Repository, Failure> {
    let invalid = |error: String| {
        Failure::stalled(
            reason::URL_INVALID,
            format!("URL validation failed for '{url}': {error}"),
        )
    };
    let name = url
        .strip_prefix("oci://")
        .ok_or_else(|| invalid("URL must be in format 'oci://<domain>/<org>/<repo>'".to_owned()))?;
    Repository::parse(name).map_err(|error| invalid(error.to_string()))
}

/// What is meant where no range of versions is; `digest` wins over `tag`, which is `latest` when absent.
pub(crate) fn target(reference: &OciRepositoryRef) -> Target {
    let given = |text: &Option<String>| text.clone().filter(|it| !it.is_empty());
    match (given(&reference.digest), given(&reference.tag)) {
        (Some(digest), _) => Target::Digest(digest),
        (None, tag) => Target::Tag(tag.unwrap_or_else(|| "latest".to_owned())),
    }
}

/// A digest that can be asked for.
pub(crate) fn digest(text: &str) -> Result<&str, String> {
    let Some((algorithm, hex)) = text.split_once(':') else {
        return Err(format!("cannot parse hash: {text:?}"));
    };
    if algorithm != "sha256" {
        return Err(format!("unsupported hash: {algorithm:?}"));
    }
    if let Some(wrong) = hex.chars().find(|it| !matches!(it, '0'..='9' | 'a'..='f')) {
        return Err(format!("found non-hex character in hash: {wrong}"));
    }
    if hex.len() != 64 {
        return Err(format!("wrong number of hex digits for sha256: {text}"));
    }
    Ok(text)
}

/// The highest of the tags that the range takes.
pub(crate) fn by_version(
    object: &OciRepository,
    reference: &OciRepositoryRef,
    mut tags: Vec<String>,
) -> Result<String, String> {
    let range = reference.semver.clone().unwrap_or_default();
    let selector = object.spec.layer_selector.as_ref();
    // Helm writes `+` as `_`, which tags may have and versions may not.
    let chart = selector.and_then(|it| it.media_type.as_deref()) == Some(HELM_CHART);
    if let Some(filter) = reference.semver_filter.as_deref().filter(|it| !it.is_empty()) {
        let filter = Regex::new(filter).map_err(|error| error.to_string())?;
        tags.retain(|tag| filter.is_match(tag));
    }
    let constraint: Constraint = range
        .parse()
        .map_err(|error| format!("semver '{range}' parse error: {error}"))?;
    let versions = tags.into_iter().filter_map(|tag| {
        let text = if chart { tag.replace('_', "+") } else { tag };
        parse(&text).filter(|version| constraint.matches(version))
    });
    let highest = versions
        .max()
        .ok_or_else(|| format!("no match found for semver: {range}"))?;
    let text = highest.original().to_owned();
    Ok(if chart { text.replace('+', "_") } else { text })
}

/// Versions of sources are whole ones, with `v` before them or without.
fn parse(text: &str) -> Option<Version> {
    let plain = text.strip_prefix('v').unwrap_or(text);
    Version::strict(plain).ok()?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use flux_api::oci::OciRepositorySpec;
    use serde_json::{from_value, json};

    use super::*;

    fn chosen(
        reference: serde_json::Value,
        selector: serde_json::Value,
        tags: &[&str],
    ) -> Result<String, String> {
        let spec = json!({"url": "oci://x/y", "interval": "1m", "ref": reference, "layerSelector": selector});
        let spec: OciRepositorySpec = from_value(spec).unwrap();
        let object = OciRepository::new("app", spec);
        let reference = object.spec.reference.clone().unwrap();
        by_version(
            &object,
            &reference,
            tags.iter().map(|it| (*it).to_owned()).collect(),
        )
    }

    #[test]
    fn the_highest_version_of_a_range_is_taken() {
        let tags = [
            "1.0.0",
            "v1.2.0",
            "1.10.0-rc.1",
            "2.0.0",
            "latest",
            "1.2",
            "sha256-abc.sig",
        ];
        let none = json!({});
        assert_eq!(
            chosen(json!({"semver": "1.x"}), none.clone(), &tags).unwrap(),
            "v1.2.0"
        );
        assert_eq!(
            chosen(json!({"semver": ">=1.0.0-0 <2.0.0-0"}), none.clone(), &tags).unwrap(),
            "1.10.0-rc.1"
        );
        let filtered = json!({"semver": "*", "semverFilter": "^1\\.0\\..*"});
        assert_eq!(chosen(filtered, none.clone(), &tags).unwrap(), "1.0.0");
        assert_eq!(
            chosen(json!({"semver": ">7"}), none.clone(), &tags).unwrap_err(),
            "no match found for semver: >7"
        );
        assert!(
            chosen(json!({"semver": ">>1"}), none.clone(), &tags)
                .unwrap_err()
                .starts_with("semver '>>1' parse error: ")
        );
        let charts = ["1.0.0_a", "1.0.0"];
        assert_eq!(
            chosen(
                json!({"semver": "*"}),
                json!({"mediaType": HELM_CHART}),
                &charts[..1]
            )
            .unwrap(),
            "1.0.0_a"
        );
        assert!(chosen(json!({"semver": "*"}), none, &charts[..1]).is_err());
    }

    #[test]
    fn digests_are_checked_before_they_are_asked_for() {
        let good = format!("sha256:{}", "a".repeat(64));
        assert_eq!(digest(&good), Ok(good.as_str()));
        for text in [
            "abc",
            "md5:abc",
            "sha256:abc",
            &format!("sha256:{}", "A".repeat(64)),
        ] {
            assert!(digest(text).is_err(), "{text}");
        }
    }
}
