//! YAML as Kubernetes tools read and write it, with its own vectors from the genuine programs
