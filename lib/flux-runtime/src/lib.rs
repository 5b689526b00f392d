//! The reconcile shell that every controller shares: verdicts, status, events, queue
