//! Flux API types, CRDs, conditions and reasons; named by the stack and by the world
