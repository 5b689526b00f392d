//! kustomize build, with vectors from kubectl kustomize
