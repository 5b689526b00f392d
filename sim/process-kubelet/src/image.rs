//! Which image is which program.

use std::path::{Path, PathBuf};

/// The programs that stand for images.
#[derive(Debug, Clone, Default)]
pub(crate) struct Images(Vec<(String, PathBuf)>);

impl Images {
    pub(crate) fn new(mut known: Vec<(String, PathBuf)>) -> Self {
        // The longest name that fits decides.
        known.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        Self(known)
    }

    /// The program for an image: its name is known as it is, or up to a tag, a digest or a path's next part.
    pub(crate) fn find(&self, image: &str) -> Option<&Path> {
        let fits = |name: &str| {
            image.strip_prefix(name).is_some_and(|rest| {
                rest.is_empty() || name.ends_with('/') || rest.starts_with([':', '@', '/'])
            })
        };
        self.0
            .iter()
            .find(|(name, _)| fits(name))
            .map(|(_, program)| program.as_path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_that_fits_decides() {
        let images = Images::new(vec![
            ("ghcr.io/fluxcd/".into(), "/bin/any".into()),
            ("ghcr.io/fluxcd/source-controller".into(), "/bin/source".into()),
            ("app:v1".into(), "/bin/app".into()),
        ]);
        for (image, program) in [
            ("ghcr.io/fluxcd/source-controller:v1.9.0", Some("/bin/source")),
            ("ghcr.io/fluxcd/source-controller@sha256:00", Some("/bin/source")),
            ("ghcr.io/fluxcd/source-controllers:v1", Some("/bin/any")),
            ("app:v1", Some("/bin/app")),
            ("app:v10", None),
            ("nginx", None),
        ] {
            assert_eq!(images.find(image), program.map(Path::new), "{image}");
        }
    }
}
