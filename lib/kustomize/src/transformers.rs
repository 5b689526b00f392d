//! The transformers of one kustomization, in kustomize's order.

use crate::{
    Error,
    config::Config,
    merge_keys::Table,
    origin::{Origin, Stamp},
    patches, replacements,
    set::Set,
    target::Target,
    transform::{self, Affix},
};

/// One run over the objects.
type Step<'a> = Box<dyn FnOnce(&mut Set) -> Result<(), Error> + 'a>;

/// Runs all that a kustomization asks for.
pub(crate) fn run(target: &Target<'_>, set: &mut Set, config: &Config, keys: &Table) -> Result<(), Error> {
    for (kind, step) in steps(target, config, keys)? {
        step(set)?;
        if let Some(origin) = &target.origin {
            Stamp::builtin(kind, &origin_file(target, origin)).note(set);
        }
        set.drop_deleted();
    }
    Ok(())
}

/// The way to the file of a kustomization.
pub(crate) fn origin_file(target: &Target<'_>, origin: &Origin) -> String {
    origin.below(target.file_name).path
}

fn steps<'a>(
    target: &'a Target<'_>,
    config: &'a Config,
    keys: &'a Table,
) -> Result<Vec<(&'static str, Step<'a>)>, Error> {
    let (files, dir, spec) = (target.files, target.dir.as_str(), &target.spec);
    let mut steps: Vec<(&'static str, Step<'a>)> = Vec::new();
    if !spec.patches_strategic_merge.is_empty() {
        let merge = patches::StrategicMerge::read(files, dir, &spec.patches_strategic_merge)?;
        steps.push((
            "PatchStrategicMergeTransformer",
            Box::new(move |set| merge.apply(set, keys)),
        ));
    }
    for patch in &spec.patches {
        let patch = patches::ready(files, dir, patch)?;
        steps.push(("PatchTransformer", Box::new(move |set| patch.apply(set, keys))));
    }
    if !spec.namespace.is_empty() {
        let place = |set: &mut Set| transform::namespace(set, &spec.namespace, &config.namespace);
        steps.push(("NamespaceTransformer", Box::new(place)));
    }
    if !spec.name_prefix.is_empty() {
        let add =
            |set: &mut Set| transform::affix(set, &spec.name_prefix, Affix::Prefix, &config.name_prefix);
        steps.push(("PrefixTransformer", Box::new(add)));
    }
    if !spec.name_suffix.is_empty() {
        let add =
            |set: &mut Set| transform::affix(set, &spec.name_suffix, Affix::Suffix, &config.name_suffix);
        steps.push(("SuffixTransformer", Box::new(add)));
    }
    for (pairs, specs) in transform::label_steps(spec, config)? {
        let label = move |set: &mut Set| transform::entries(set, pairs, &specs);
        steps.push(("LabelTransformer", Box::new(label)));
    }
    if !spec.common_annotations.is_empty() {
        let annotate =
            |set: &mut Set| transform::entries(set, &spec.common_annotations, &config.common_annotations);
        steps.push(("AnnotationsTransformer", Box::new(annotate)));
    }
    for patch in &spec.patches_json6902 {
        let patch = patches::Json6902::read(files, dir, patch)?;
        steps.push(("PatchJson6902Transformer", Box::new(move |set| patch.apply(set))));
    }
    for replica in &spec.replicas {
        let count = |set: &mut Set| transform::replicas(set, replica, &config.replicas);
        steps.push(("ReplicaCountTransformer", Box::new(count)));
    }
    for image in &spec.images {
        let tag = |set: &mut Set| transform::image(set, image, &config.images);
        steps.push(("ImageTagTransformer", Box::new(tag)));
    }
    if !spec.replacements.is_empty() {
        let all = replacements::read(files, dir, &spec.replacements)?;
        let replace = move |set: &mut Set| replacements::replace(set, &all);
        steps.push(("ReplacementTransformer", Box::new(replace)));
    }
    Ok(steps)
}
