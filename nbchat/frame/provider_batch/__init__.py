"""Batches through a provider's own Batch API: submit, leave, come back in another kernel, collect."""
