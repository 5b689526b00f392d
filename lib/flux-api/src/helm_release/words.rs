//! Words in HelmRelease's spec.

use crate::meta::words;

words! {
    /// The kinds that a chart is referred to by.
    ChartReferenceKind {
        /// A chart in an OCI registry.
        OciRepository = "OCIRepository",
        /// A chart that source-controller fetched.
        HelmChart = "HelmChart",
        /// An artifact of another controller.
        ExternalArtifact = "ExternalArtifact",
    }
}

words! {
    /// Whether drift is looked for.
    DriftDetectionMode {
        /// It is, and corrected.
        Enabled = "enabled",
        /// It is, and told.
        Warn = "warn",
        /// It is not.
        Disabled = "disabled",
    }
}

words! {
    /// What is post-rendered.
    PostRenderStrategy {
        /// All but hooks.
        NoHooks = "nohooks",
        /// All together.
        Combined = "combined",
        /// Hooks and the others, each by itself.
        Separate = "separate",
    }
}

words! {
    /// What happens to the definitions in a chart.
    CrdsPolicy {
        /// Nothing.
        Skip = "Skip",
        /// Those that are not there are created.
        Create = "Create",
        /// All become as the chart has them.
        CreateReplace = "CreateReplace",
    }
}

words! {
    /// What happens after a failure.
    ActionStrategy {
        /// It is remediated.
        RemediateOnFailure = "RemediateOnFailure",
        /// It is tried again.
        RetryOnFailure = "RetryOnFailure",
    }
}

words! {
    /// How a failure is remediated.
    RemediationStrategy {
        /// By going back to the last good release.
        Rollback = "rollback",
        /// By taking the release away.
        Uninstall = "uninstall",
    }
}

words! {
    /// Whether objects are applied by the server.
    ServerSideApplyMode {
        /// They are.
        Enabled = "enabled",
        /// They are not.
        Disabled = "disabled",
        /// As they were before.
        Auto = "auto",
    }
}

words! {
    /// What happens when the chart has another name.
    ChartNameChangeStrategy {
        /// The release is upgraded.
        InPlaceUpdate = "InPlaceUpdate",
        /// The release is uninstalled and installed.
        Reinstall = "Reinstall",
    }
}

words! {
    /// What becomes of what deleted objects own.
    DeletionPropagation {
        /// It is deleted later.
        Background = "background",
        /// It is deleted first.
        Foreground = "foreground",
        /// It stays.
        Orphan = "orphan",
    }
}

words! {
    /// How objects are waited for.
    WaitStrategyName {
        /// By their status.
        Poller = "poller",
        /// As Helm 3 did.
        Legacy = "legacy",
    }
}
