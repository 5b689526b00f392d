//! The strategies of a constraint: each generates what is left open and refuses what does not fit.

pub(crate) mod capabilities;
pub(crate) mod group;
pub(crate) mod seccomp;
pub(crate) mod selinux;
pub(crate) mod sysctl;
pub(crate) mod user;
