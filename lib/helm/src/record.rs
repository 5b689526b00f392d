//! Records of releases as Helm 3 and 4 keep them in the cluster: JSON, compressed, in base64.

use std::io::{Read as _, Write as _};

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    chart::{Chart, File},
    error::Error,
    limits::MAX_RECORD,
    metadata::{Metadata, absent_is_default},
    sorted::Hook,
};

/// One revision of a release.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// Name of the release.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What happened to it.
    pub info: Info,
    /// The chart, as [`Chart::to_record`] writes it.
    pub chart: Value,
    /// The values that were given.
    #[serde(skip_serializing_if = "Map::is_empty", deserialize_with = "absent_is_default")]
    pub config: Map<String, Value>,
    /// The rendered objects.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub manifest: String,
    /// The hooks.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "absent_is_default")]
    pub hooks: Vec<HookRecord>,
    /// Number of the revision.
    pub version: i64,
    /// Namespace of the release.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// `ssa` if the server applied the objects, `csa` or empty if not.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub apply_method: String,
}

/// What happened to a revision. Times are those of RFC 3339.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Info {
    /// When the release was first deployed.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "time")]
    pub first_deployed: Option<String>,
    /// When this revision was deployed.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "time")]
    pub last_deployed: Option<String>,
    /// When it was deleted.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "time")]
    pub deleted: Option<String>,
    /// A sentence for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// `deployed`, `failed`, `pending-install` and so on.
    pub status: String,
    /// The revision that was gone back to; 0 if none.
    #[serde(skip_serializing_if = "is_zero")]
    pub rollback_revision: i64,
    /// What the chart tells its user.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub notes: String,
}

/// A hook and how it ran.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HookRecord {
    /// Its name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its kind.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The template that printed it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Its text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub manifest: String,
    /// When it runs.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "absent_is_default")]
    pub events: Vec<String>,
    /// How it ran last.
    pub last_run: HookRun,
    /// Lighter ones run first.
    #[serde(skip_serializing_if = "is_zero")]
    pub weight: i64,
    /// When it is deleted.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "absent_is_default")]
    pub delete_policies: Vec<String>,
    /// When its logs are printed.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "absent_is_default")]
    pub output_log_policies: Vec<String>,
}

/// How a hook ran.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HookRun {
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "time")]
    pub started_at: Option<String>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "time")]
    pub completed_at: Option<String>,
    /// `Running`, `Succeeded`, `Failed`, `Unknown`; empty if it never ran.
    pub phase: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// Helm 3 wrote empty texts, and Go its year 1, where there is no time.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.is_empty() && !text.starts_with("0001-")))
}

impl From<Hook> for HookRecord {
    fn from(hook: Hook) -> Self {
        Self {
            name: hook.name,
            kind: hook.kind,
            path: hook.path,
            manifest: hook.text,
            events: hook.events,
            last_run: HookRun::default(),
            weight: hook.weight,
            delete_policies: hook.delete_policies,
            output_log_policies: hook.log_policies,
        }
    }
}

impl HookRecord {
    /// Whether it runs at an event such as `pre-install`.
    pub fn runs_at(&self, event: &str) -> bool {
        self.events.iter().any(|own| own == event)
    }
}

impl Record {
    /// The text that a Secret holds under the key `release`, before Kubernetes puts it in base64 once more.
    ///
    /// # Errors
    /// If the record cannot be written.
    pub fn encode(&self) -> Result<String, Error> {
        let failed = |error: &dyn std::fmt::Display| Error::new(format!("failed to encode release: {error}"));
        let json = serde_json::to_vec(self).map_err(|error| failed(&error))?;
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&json).map_err(|error| failed(&error))?;
        let packed = packed.finish().map_err(|error| failed(&error))?;
        Ok(STANDARD.encode(packed))
    }

    /// Reads what [`Record::encode`] and Helm write; records of early versions are not compressed.
    ///
    /// # Errors
    /// If the text is no record, or one that is too large.
    pub fn decode(text: &str) -> Result<Self, Error> {
        let failed = |error: &dyn std::fmt::Display| Error::new(format!("failed to decode release: {error}"));
        let bytes = STANDARD.decode(text).map_err(|error| failed(&error))?;
        let json = if bytes.starts_with(&[0x1f, 0x8b, 0x08]) {
            let mut json = Vec::new();
            GzDecoder::new(bytes.as_slice())
                .take(MAX_RECORD + 1)
                .read_to_end(&mut json)
                .map_err(|error| failed(&error))?;
            if json.len() as u64 > MAX_RECORD {
                return Err(failed(&format!("it is larger than {MAX_RECORD} bytes")));
            }
            json
        } else {
            bytes
        };
        serde_json::from_slice(&json).map_err(|error| failed(&error))
    }

    /// What the chart's `Chart.yaml` says.
    pub fn metadata(&self) -> Metadata {
        let metadata = self.chart.get("metadata").cloned().unwrap_or_default();
        serde_json::from_value(metadata).unwrap_or_default()
    }

    /// Whether an action on the release has not come to its end.
    pub fn is_pending(&self) -> bool {
        self.info.status.starts_with("pending-")
    }
}

impl Chart {
    /// The chart as records keep it; the charts inside it are left out, as Helm leaves them out.
    pub fn to_record(&self) -> Value {
        let files = |files: &[File]| -> Vec<Value> {
            let one = |file: &File| json!({"name": file.name, "data": STANDARD.encode(&file.data)});
            files.iter().map(one).collect()
        };
        json!({
            "metadata": self.metadata,
            "lock": null,
            "templates": files(&self.templates),
            "values": self.values,
            "schema": self.schema.as_ref().map(|schema| STANDARD.encode(schema)),
            "files": files(&self.files),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let files = [
            (
                "Chart.yaml",
                "apiVersion: v2\nname: web\nversion: 1.2.3\nappVersion: \"4\"\n",
            ),
            ("values.yaml", "a: 1\n"),
            ("templates/a.yaml", "kind: A\n"),
        ];
        let files = files.map(|(name, data)| File {
            name: name.to_owned(),
            data: data.as_bytes().to_vec(),
        });
        let chart = Chart::load(files.to_vec()).unwrap();
        Record {
            name: "web".to_owned(),
            namespace: "apps".to_owned(),
            version: 3,
            chart: chart.to_record(),
            manifest: "---\n# Source: web/templates/a.yaml\nkind: A\n".to_owned(),
            hooks: vec![HookRecord::default()],
            info: Info {
                first_deployed: Some("2024-01-02T03:04:05.678Z".to_owned()),
                status: "deployed".to_owned(),
                ..Info::default()
            },
            ..Record::default()
        }
    }

    #[test]
    fn records_go_back_and_forth() {
        let record = record();
        let back = Record::decode(&record.encode().unwrap()).unwrap();
        assert_eq!(back, record);
        assert_eq!(back.metadata().version, "1.2.3");
        assert_eq!(back.metadata().app_version, "4");
        assert_eq!(back.chart["templates"][0]["name"], "templates/a.yaml");
    }

    #[test]
    fn records_of_go_are_read() {
        let json = json!({
            "name": "web", "version": 1, "namespace": "apps", "config": null, "hooks": null,
            "info": {"first_deployed": "", "deleted": "0001-01-01T00:00:00Z", "status": "pending-upgrade"},
            "chart": {"metadata": {"name": "web", "version": "1.0.0"}, "lock": null},
        });
        let found = Record::decode(&STANDARD.encode(json.to_string())).unwrap();
        assert_eq!(
            (found.info.first_deployed.clone(), found.info.deleted.clone()),
            (None, None)
        );
        assert!(found.is_pending());
        assert_eq!(found.metadata().name, "web");
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for text in [
            "*",
            "e30",
            &STANDARD.encode("[1]"),
            &STANDARD.encode([0x1f, 0x8b, 0x08, 0]),
        ] {
            assert!(Record::decode(text).is_err(), "{text}");
        }
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        let blanks = usize::try_from(MAX_RECORD).unwrap() + 2;
        packed.write_all(&vec![b' '; blanks]).unwrap();
        let bomb = STANDARD.encode(packed.finish().unwrap());
        assert!(Record::decode(&bomb).unwrap_err().shown().contains("larger than"));
    }
}
