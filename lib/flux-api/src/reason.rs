//! The words that stand in `reason` of conditions and events. Users match on them: each is spelled once, here.

use std::fmt;

/// A reason: one CamelCase word of Flux's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reason(pub &'static str);

impl Reason {
    /// The word.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

macro_rules! reasons {
    ($($name:ident = $word:literal;)*) => {$(
        #[doc = concat!("`", $word, "`")]
        pub const $name: Reason = Reason($word);
    )*};
}

reasons! {
    // Shared by all kinds.
    SUCCEEDED = "Succeeded";
    FAILED = "Failed";
    PROGRESSING = "Progressing";
    PROGRESSING_WITH_RETRY = "ProgressingWithRetry";
    SUSPENDED = "Suspended";
    DEPENDENCY_NOT_READY = "DependencyNotReady";
    INVALID_CEL_EXPRESSION = "InvalidCELExpression";
    ACCESS_DENIED = "AccessDenied";
    FEATURE_GATE_DISABLED = "FeatureGateDisabled";
    INVALID_PATH = "InvalidPath";
    INVALID_URL = "InvalidURL";

    // Kustomization.
    RECONCILIATION_SUCCEEDED = "ReconciliationSucceeded";
    RECONCILIATION_FAILED = "ReconciliationFailed";
    ARTIFACT_FAILED = "ArtifactFailed";
    BUILD_FAILED = "BuildFailed";
    PRUNE_FAILED = "PruneFailed";
    HEALTH_CHECK_FAILED = "HealthCheckFailed";
    HEALTH_CHECK_CANCELED = "HealthCheckCanceled";

    // HelmRelease.
    INSTALL_SUCCEEDED = "InstallSucceeded";
    INSTALL_FAILED = "InstallFailed";
    UPGRADE_SUCCEEDED = "UpgradeSucceeded";
    UPGRADE_FAILED = "UpgradeFailed";
    TEST_SUCCEEDED = "TestSucceeded";
    TEST_FAILED = "TestFailed";
    AWAITING_TESTS = "AwaitingTests";
    ROLLBACK_SUCCEEDED = "RollbackSucceeded";
    ROLLBACK_FAILED = "RollbackFailed";
    UNINSTALL_SUCCEEDED = "UninstallSucceeded";
    UNINSTALL_FAILED = "UninstallFailed";
    PENDING_RELEASE = "PendingRelease";
    DRIFT_DETECTED = "DriftDetected";
    NO_DRIFT_DETECTED = "NoDriftDetected";
    DRIFT_CORRECTED = "DriftCorrected";
    DRIFT_CORRECTION_FAILED = "DriftCorrectionFailed";
    RETRIES_EXCEEDED = "RetriesExceeded";
    MISSING_ROLLBACK_TARGET = "MissingRollbackTarget";
    SOURCE_NOT_READY = "SourceNotReady";
    VALUES_ERROR = "ValuesError";
    CHART_MUTATE_ERROR = "ChartMutateError";
    REST_CLIENT_ERROR = "RESTClientError";
    STATE_ERROR = "StateError";
    RECONCILE_ERROR = "ReconcileError";
    HELM_CHART_CREATED = "HelmChartCreated";
    HELM_CHART_CONFIGURED = "HelmChartConfigured";
    HELM_CHART_DELETED = "HelmChartDeleted";
    HELM_CHART_IN_SYNC = "HelmChartInSync";
    HELM_CHART_SYNC_ERROR = "HelmChartSyncErr";

    // Sources.
    URL_INVALID = "URLInvalid";
    AUTHENTICATION_FAILED = "AuthenticationFailed";
    INVALID_PROVIDER_CONFIGURATION = "InvalidProviderConfiguration";
    GIT_OPERATION_FAILED = "GitOperationFailed";
    GIT_OPERATION_SUCCEEDED = "GitOperationSucceeded";
    EMPTY_GIT_REPOSITORY = "EmptyGitRepository";
    NEW_REVISION = "NewRevision";
    INCLUDE_CHANGE = "IncludeChange";
    NOT_FOUND = "NotFound";
    NO_ARTIFACT = "NoArtifact";
    NEW_ARTIFACT = "NewArtifact";
    ARTIFACT_UP_TO_DATE = "ArtifactUpToDate";
    ARTIFACT_VERIFICATION_FAILED = "ArtifactVerificationFailed";
    GARBAGE_COLLECTION_SUCCEEDED = "GarbageCollectionSucceeded";
    GARBAGE_COLLECTION_FAILED = "GarbageCollectionFailed";
    STORAGE_OPERATION_FAILED = "StorageOperationFailed";
    DIRECTORY_CREATION_FAILED = "DirectoryCreationFailed";
    STAT_OPERATION_FAILED = "StatOperationFailed";
    READ_OPERATION_FAILED = "ReadOperationFailed";
    ARCHIVE_OPERATION_FAILED = "ArchiveOperationFailed";
    ACQUIRE_LOCK_FAILED = "AcquireLockFailed";
    PATCH_OPERATION_FAILED = "PatchOperationFailed";
    SYMLINK_UPDATE_FAILED = "SymlinkUpdateFailed";
    OCI_PULL_FAILED = "OCIArtifactPullFailed";
    OCI_LAYER_OPERATION_FAILED = "OCIArtifactLayerOperationFailed";
    INDEXATION_FAILED = "IndexationFailed";
    CACHE_OPERATION_FAILED = "CacheOperationFailed";
    BUCKET_OPERATION_FAILED = "BucketOperationFailed";
    INVALID_STS_CONFIGURATION = "InvalidSTSConfiguration";
    SOURCE_UNAVAILABLE = "SourceUnavailable";
    NO_SOURCE_ARTIFACT = "NoSourceArtifact";
    NEW_CHART = "NewChart";
    CHART_PULL_SUCCEEDED = "ChartPullSucceeded";
    CHART_PACKAGE_SUCCEEDED = "ChartPackageSucceeded";
    INVALID_CHART_REFERENCE = "InvalidChartReference";
    CHART_PULL_ERROR = "ChartPullError";
    METADATA_PATCH_ERROR = "MetadataPatchError";
    VALUES_FILES_ERROR = "ValuesFilesError";
    DEPENDENCY_BUILD_ERROR = "DependencyBuildError";
    CHART_PACKAGE_ERROR = "ChartPackageError";
    CHART_VERIFICATION_ERROR = "ChartVerificationError";
    INVALID_VERIFICATION_MODE = "InvalidVerificationMode";
    VERIFICATION_ERROR = "VerificationError";
}
