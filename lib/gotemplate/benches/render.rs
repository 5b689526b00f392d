//! How long parsing and rendering take for a template of the usual shape: includes, defaults, YAML of values.

use std::rc::Rc;

use criterion::{Criterion, criterion_group, criterion_main};
use gotemplate::{Missing, Nowhere, Set, Value, functions};

const HELPERS: &str = r#"{{- define "app.name" -}}{{ default .name .override | trunc 63 | trimSuffix "-" }}{{- end -}}
{{- define "app.labels" -}}
app.kubernetes.io/name: {{ include "app.name" . }}
app.kubernetes.io/part-of: {{ .partOf | quote }}
{{- end -}}"#;

const MANIFEST: &str = r#"{{- range $index, $app := .apps }}
---
kind: Deployment
metadata:
  name: {{ include "app.name" $app }}-{{ $index }}
  labels: {{- include "app.labels" $app | nindent 4 }}
spec:
  {{- if gt (int $app.replicas) 1 }}
  replicas: {{ $app.replicas }}
  {{- end }}
  template: {{- toYaml $app.template | nindent 4 }}
{{- end }}"#;

fn render(criterion: &mut Criterion) {
    let app = serde_json::json!({
        "name": "application", "override": "", "partOf": "suite", "replicas": 3.0,
        "template": {"spec": {"containers": [{"name": "main", "image": "nginx:1", "env": [{"name": "A", "value": "on"}]}]}},
    });
    let data = Value::from_json(&serde_json::json!({"apps": vec![app; 50]}));
    let functions = Rc::new(functions());
    let parsed = || {
        let mut set = Set::new(functions.clone(), Missing::Zero);
        let parsed = set
            .parse("helpers", HELPERS)
            .and_then(|()| set.parse("manifest", MANIFEST));
        parsed.map(|()| Rc::new(set))
    };
    criterion.bench_function("parse", |bencher| bencher.iter(|| parsed().is_ok()));
    if let Ok(set) = parsed() {
        criterion.bench_function("render 50 deployments", |bencher| {
            bencher.iter(|| set.execute("manifest", &data, &mut Nowhere));
        });
    }
}

criterion_group!(benches, render);
criterion_main!(benches);
