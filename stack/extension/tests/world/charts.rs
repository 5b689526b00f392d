//! Charts for the tests.

/// The files of a chart that is one Deployment and, if asked for, a test.
#[expect(clippy::too_many_lines, reason = "the files of a chart, one after the other")]
pub(crate) fn web(version: &str) -> Vec<(String, String)> {
    let files = [
        (
            "Chart.yaml",
            format!("apiVersion: v2\nname: web\nversion: {version}\nappVersion: \"7\"\n"),
        ),
        (
            "values.yaml",
            "replicas: 1\ngreeting: hello\ntest: \"\"\nhook: false\ngate: false\n".to_owned(),
        ),
        (
            "templates/deployment.yaml",
            r#"apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec:
      {{- if .Values.gate }}
      readinessGates: [{conditionType: never}]
      {{- end }}
      containers: [{name: main, image: "web:{{ .Chart.AppVersion }}"}]
"#
            .to_owned(),
        ),
        (
            "templates/config.yaml",
            r#"apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
data:
  greeting: {{ required "greeting is required" .Values.greeting }}
  revision: "{{ .Release.Revision }}"
"#
            .to_owned(),
        ),
        (
            "templates/hook.yaml",
            r#"{{- if .Values.hook }}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-hook
  annotations: {helm.sh/hook: "pre-install,pre-upgrade"}
{{- end }}
"#
            .to_owned(),
        ),
        (
            "templates/test.yaml",
            r#"{{- if .Values.test }}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-test
  annotations: {helm.sh/hook: test}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers: [{name: main, image: "{{ .Values.test }}"}]
{{- end }}
"#
            .to_owned(),
        ),
        (
            "crds/widgets.yaml",
            r"apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  names: {kind: Widget, plural: widgets}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"
            .to_owned(),
        ),
    ];
    files.map(|(name, text)| (format!("web/{name}"), text)).to_vec()
}

/// The files as the archive that a chart comes as.
pub(crate) fn archive(files: &[(String, String)]) -> Vec<u8> {
    let packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut archive = tar::Builder::new(packed);
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}
