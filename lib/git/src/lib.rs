//! Git transport over the edges; the only owner of libgit2
