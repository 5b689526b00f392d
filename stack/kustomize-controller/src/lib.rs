//! kustomize-controller: artifacts become applied objects
